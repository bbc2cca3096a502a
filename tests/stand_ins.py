"""Tiny versions of the files that commands in the documentation name: models, data, texts.

The audio of a transcript is one tone for each of the letters a to d, as in the tests of commands.
"""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from collections_on_disk import RATE_HZ, encoded, sdb_bytes
from encoder_folders import write_peft, write_wav2vec2, write_whisper
from stt_models import random_deployment
from tensorflow_bundle_writer import random_tensors, write_checkpoint

LETTERS = " abcd"
WORDS = ("abc", "dab", "cab", "bad", "dad", "add", "bcd", "acd")


def tones(text: str, seed: int = 0) -> np.ndarray:
    """Return 16-bit samples in which each letter sounds as a tone of its own pitch."""
    random = np.random.default_rng(seed)
    silence = np.zeros(RATE_HZ // 10)
    parts = [silence]
    for letter in text:
        pitch_hz = 300 * 1.7 ** LETTERS.index(letter) * random.uniform(0.97, 1.03)
        time = np.arange(RATE_HZ * 12 // 100) / RATE_HZ
        loudness = 0.4 if letter.strip() else 0
        parts += [loudness * np.sin(2 * np.pi * pitch_hz * time), silence]
    audio = np.concatenate(parts)
    return ((audio + random.normal(0, 0.003, len(audio))) * 32000).astype(np.int16)


@dataclass(frozen=True)
class Stage:
    """The environment in which the commands of a page run.

    Attributes:
        folder: working directory of the first command.
        trained: checkpoint folder of a model trained on the tones.
        scorer: scorer for the same letters.
    """

    folder: Path
    trained: Path
    scorer: Path

    def provide(self, name: str) -> None:
        """Make the file or folder that a command names, if it is known and missing."""
        if name in PROPS and not (self.folder / name).exists():
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            PROPS[name](self, target)


def clips(seed: int, count: int = 6) -> list[tuple[str, np.ndarray]]:
    """Return transcripts and their samples."""
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(WORDS, 2)) for _ in range(count)]
    return [(text, tones(text, int(random.integers(1 << 30)))) for text in texts]


def csv_file(stage: Stage, path: Path) -> None:
    count = 24 if path.name in ("my-train.csv", "clips.csv", "train.csv") else 6
    write_csv(path, clips(sum(path.name.encode()), count))


def write_csv(path: Path, said: list[tuple[str, np.ndarray]]) -> None:
    """Write clips and the CSV file that lists them."""
    audio = path.with_suffix(".audio")
    audio.mkdir()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["wav_filename", "wav_filesize", "transcript"])
        for number, (text, samples) in enumerate(said):
            name = audio / f"{number}.wav"
            soundfile.write(name, samples, RATE_HZ)
            writer.writerow([f"{audio.name}/{name.name}", name.stat().st_size, text])


def recordings(stage: Stage, path: Path) -> None:
    """Write clips, each with its transcript in a text file beside it."""
    path.mkdir()
    for number, (text, samples) in enumerate(clips(7, count=24)):
        soundfile.write(path / f"{number}.flac", samples, RATE_HZ)
        (path / f"{number}.txt").write_text(f"{text}\n")


def spreadsheet(stage: Stage, path: Path) -> None:
    """Write a CSV file as spreadsheet programs save it, and the folder of its recordings."""
    said = clips(9, count=24)
    folder = path.with_name("interviews")
    folder.mkdir()
    for number, (_, samples) in enumerate(said):
        soundfile.write(folder / f"{number}.mp3", samples, RATE_HZ)
    lines = ["File;Text", *(f"{number}.mp3;{text}" for number, (text, _) in enumerate(said))]
    path.write_text("\r\n".join(lines), encoding="utf-8-sig")


def recording(stage: Stage, path: Path) -> None:
    soundfile.write(path, np.concatenate([tones(word) for word in WORDS[:4]]), RATE_HZ)


def clip(stage: Stage, path: Path) -> None:
    soundfile.write(path, tones("abcd"), RATE_HZ)


def sdb(stage: Stage, path: Path) -> None:
    path.write_bytes(sdb_bytes([(encoded(samples), text) for text, samples in clips(3)]))


def shards(stage: Stage, path: Path) -> None:
    """Write 128 tar archives of one clip each."""
    for number, (text, samples) in enumerate(clips(4, count=128)):
        staged = path.parent / "clip"
        with tarfile.open(path.parent / f"{number:06}.tar", "w") as archive:
            for ending, content in ((".wav", encoded(samples)), (".txt", text.encode())):
                staged.write_bytes(content)
                archive.add(staged, f"{number}{ending}")
        staged.unlink()


def common_voice(stage: Stage, path: Path) -> None:
    """Write a Common Voice file at `path`, and the splits and clips beside it."""
    (path.parent / "clips").mkdir()
    splits: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for number, (text, samples) in enumerate(clips(5, count=6)):
        split = list(splits)[number % 3]
        splits[split].append(f"speaker{number}\tclip{number}.mp3\t{text}\t2\tcy")
        soundfile.write(path.parent / "clips" / f"clip{number}.mp3", samples, RATE_HZ)
    for name, rows in {**splits, path.stem: splits["train"]}.items():
        lines = ["client_id\tpath\tsentence\tup_votes\tlocale", *rows]
        (path.parent / f"{name}.tsv").write_text("".join(f"{line}\n" for line in lines))


def common_voice_folder(stage: Stage, path: Path) -> None:
    path.mkdir()
    common_voice(stage, path / "train.tsv")


def kaldi(stage: Stage, path: Path) -> None:
    path.mkdir()
    texts, files = [], []
    for number, (text, samples) in enumerate(clips(6)):
        soundfile.write(path / f"{number}.wav", samples, RATE_HZ)
        texts.append(f"utt{number} {text}\n")
        files.append(f"utt{number} {path / f'{number}.wav'}\n")
    (path / "text").write_text("".join(texts))
    (path / "wav.scp").write_text("".join(files))


def parquet(stage: Stage, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    made = clips(8)
    table = pa.table({
        "audio": [{"bytes": encoded(samples, "FLAC"), "path": f"{number}.flac"}
                  for number, (_, samples) in enumerate(made)],
        "sentence": [text for text, _ in made],
    })  # fmt: skip
    pyarrow.parquet.write_table(table, path)


def manifest(stage: Stage, path: Path) -> None:
    """Write a manifest in NeMo's format."""
    with path.open("w") as file:
        for number, (text, samples) in enumerate(clips(9)):
            name = f"manifest{number}.wav"
            soundfile.write(path.parent / name, samples, RATE_HZ)
            line = {"audio_filepath": name, "duration": len(samples) / RATE_HZ, "text": text}
            file.write(f"{json.dumps(line)}\n")


def ljspeech(stage: Stage, path: Path) -> None:
    (path / "wavs").mkdir(parents=True)
    rows = []
    for number, (text, samples) in enumerate(clips(10, count=30)):
        soundfile.write(path / "wavs" / f"LJ{number}.wav", samples, RATE_HZ)
        rows.append(f"LJ{number}|{text}|{text}\n")
    (path / "metadata.csv").write_text("".join(rows))


def alphabet(stage: Stage, path: Path) -> None:
    path.write_text("".join(f"{letter}\n" for letter in LETTERS))


def text(stage: Stage, path: Path) -> None:
    content = "".join(f"{word}\n" for word in WORDS).encode() * 10
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def book(stage: Stage, path: Path) -> None:
    path.write_text("".join(f"{word}\n" for word in WORDS[:4]))


def checkpoint(stage: Stage, path: Path) -> None:
    shutil.copytree(stage.trained, path)


def tensorflow_checkpoint(stage: Stage, path: Path) -> None:
    tensors = random_tensors(32, len(LETTERS) + 1)
    for name in ("best_dev-1466475", "best_dev-90"):
        write_checkpoint(path, tensors, name=name)
    alphabet(stage, path / "alphabet.txt")


def one_tensorflow_checkpoint(stage: Stage, path: Path) -> None:
    stage.provide(path.parent.name)


def tflite(stage: Stage, path: Path) -> None:
    from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model

    path.write_bytes(tflite_model(random_deployment(labels=LETTERS), quantize=False))


def whisper(stage: Stage, path: Path) -> None:
    write_whisper(path)


def wav2vec2(stage: Stage, path: Path) -> None:
    write_wav2vec2(path, " '" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def adapter(stage: Stage, path: Path) -> None:
    write_peft(path, write_whisper(stage.folder / "whisper-of-the-adapter").absolute())


def scorer(stage: Stage, path: Path) -> None:
    shutil.copy(stage.scorer, path)


def importer_of_upstream(stage: Stage, path: Path) -> None:
    path.write_text("from deepspeech_training.util.importers import get_counter\n")


PROPS: dict[str, Callable[[Stage, Path], None]] = {
    **dict.fromkeys(
        ("train.csv", "dev.csv", "test.csv", "other.csv", "noisy.csv", "new.csv", "my-train.csv",
         "my-dev.csv", "my-test.csv", "my-new-language-train.csv", "clips.csv",
         "synthetic/clips.csv",
         "my-new-language-dev.csv", "my-new-language-test.csv", "labels.csv", "next.csv"),
        csv_file,
    ),
    "recordings": recordings,
    "texts.csv": spreadsheet,
    **dict.fromkeys(("radio.mp3", "book.mp3"), recording),
    **dict.fromkeys(("clip.wav", "clip.ogg", "clip.mp3"), clip),
    **dict.fromkeys(("train.sdb", "old.sdb", "noise.sdb"), sdb),
    "shards/{000000..000127}.tar": shards,
    "cv-corpus/en/train.tsv": common_voice,
    "more.tsv": common_voice,
    "cv-corpus-22.0/cy": common_voice_folder,
    "kaldi/data/dev": kaldi,
    "my-dataset/data/test-00000-of-00001.parquet": parquet,
    "my-dataset/data/train-00000-of-00001.parquet": parquet,
    "test_manifest.json": manifest,
    "LJSpeech-1.1": ljspeech,
    **dict.fromkeys(("my-alphabet.txt", "alphabet.txt"), alphabet),
    **dict.fromkeys(("text.gz", "news.txt.gz"), text),
    "book.txt": book,
    **dict.fromkeys(
        ("my-model", "other-model", "ckpt", "from-scratch", "fine-tuned", "my-whisper-model",
         "path/to/armspeech", "path/to/checkpoint/folder", "CHECKPOINT_DIR"),
        checkpoint,
    ),
    **dict.fromkeys(("pretrained", "path/to/input-checkpoint/folder"), tensorflow_checkpoint),
    "pretrained/best_dev-1466475": one_tensorflow_checkpoint,
    **dict.fromkeys(("model.tflite", "released-model.tflite"), tflite),
    "exported/output_graph.tflite": tflite,
    "path/to/whisper-base": whisper,
    "path/to/wav2vec2-base-960h": wav2vec2,
    "path/to/peft-adapter": adapter,
    "kenlm.scorer": scorer,
    "import_*.py": importer_of_upstream,
}  # fmt: skip
