"""Writers of the same three clips in every format of collection that can be read."""

from __future__ import annotations

import csv
import io
import json
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16000
TEXTS = ("one", "two, three", "vier")
SPEAKERS = ("ann", "bob", "ann")
CLIPS = [
    np.random.default_rng(number).normal(0, 3000, RATE_HZ + 800 * number).astype(np.int16)
    for number in range(len(TEXTS))
]


def encoded(samples: np.ndarray, kind: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE_HZ, format=kind)
    return buffer.getvalue()


def write_audio(folder: Path, name: str = "{}.wav") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name.format(f"clip{number}") for number in range(len(TEXTS))]
    for path, samples in zip(paths, CLIPS, strict=True):
        path.write_bytes(encoded(samples, "FLAC" if path.suffix == ".flac" else "WAV"))
    return paths


def write_csv(folder: Path) -> Path:
    paths = write_audio(folder)
    with (folder / "set.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["wav_filename", "wav_filesize", "transcript"])
        for path, text in zip(paths, TEXTS, strict=True):
            writer.writerow([path.name, path.stat().st_size, text])
    return folder / "set.csv"


def sdb_bytes(samples: list[tuple[bytes, str]], audio_type: str = "audio/wav") -> bytes:
    """Return an SDB file, written from the definition of the format, without our own writer."""
    schema = [
        {"content": "speech", "mime-type": audio_type},
        {"content": "transcript", "mime-type": "text/plain"},
    ]
    meta = json.dumps({"schema": schema}).encode()
    head = b"SAMPLEDB" + struct.pack(">Q", len(meta)) + meta
    body, offsets = b"", []
    for audio, text in samples:
        offsets.append(len(head) + 16 + len(body))
        said = text.encode()
        columns = struct.pack(">I", len(audio)) + audio + struct.pack(">I", len(said)) + said
        body += struct.pack(">I", len(columns)) + columns
    index = struct.pack(f">QQ{len(offsets)}Q", 8 + 8 * len(offsets), len(offsets), *offsets)
    return head + struct.pack(">QQ", 8 + len(body), len(samples)) + body + index


def write_sdb(folder: Path) -> Path:
    samples = [(encoded(clip), text) for clip, text in zip(CLIPS, TEXTS, strict=True)]
    (folder / "set.sdb").write_bytes(sdb_bytes(samples))
    return folder / "set.sdb"


def tar_bytes(members: list[tuple[str, bytes]], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def webdataset_members() -> list[tuple[str, bytes]]:
    members = []
    for number, (clip, text) in enumerate(zip(CLIPS, TEXTS, strict=True)):
        members.append((f"part/{number:03}.flac", encoded(clip, "FLAC")))
        described = json.dumps({"text": text, "speaker": SPEAKERS[number]})
        members.append((f"part/{number:03}.json", described.encode()))
    return members


def write_webdataset(folder: Path) -> Path:
    (folder / "shard-000.tar").write_bytes(tar_bytes(webdataset_members()[:4]))
    (folder / "shard-001.tar").write_bytes(tar_bytes(webdataset_members()[4:]))
    return folder / "shard-{000..001}.tar"


def write_tar_with_csv(folder: Path) -> Path:
    rows = "".join(f'samples/{n}.wav,1,"{text}"\n' for n, text in enumerate(TEXTS))
    members = [(f"samples/{n}.wav", encoded(clip)) for n, clip in enumerate(CLIPS)]
    members.append(("samples.csv", f"wav_filename,wav_filesize,transcript\n{rows}".encode()))
    (folder / "set.tar.gz").write_bytes(tar_bytes(members, "w:gz"))
    return folder / "set.tar.gz"


def write_long_recording(folder: Path) -> list[float]:
    """Write all clips as one recording; return each clip's start and the end, in seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "long.flac", np.concatenate(CLIPS), RATE_HZ)
    ends = np.cumsum([0, *map(len, CLIPS)]) / RATE_HZ
    return [float(end) for end in ends]


def write_nemo(folder: Path) -> Path:
    bounds = write_long_recording(folder)
    lines = [
        {
            "audio_filepath": "long.flac",
            "offset": start,
            "duration": end - start,
            "text": text,
            "speaker": speaker,
        }
        for start, end, text, speaker in zip(bounds[:-1], bounds[1:], TEXTS, SPEAKERS, strict=True)
    ]
    (folder / "manifest.json").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder / "manifest.json"


def write_lhotse(folder: Path) -> Path:
    import gzip

    bounds = write_long_recording(folder)
    recording = {
        "id": "r",
        "sources": [{"type": "file", "channels": [0], "source": "long.flac"}],
        "sampling_rate": RATE_HZ,
        "num_samples": round(bounds[-1] * RATE_HZ),
        "duration": bounds[-1],
    }
    lines = [
        {
            "id": f"c{number}",
            "start": bounds[number],
            "duration": bounds[number + 1] - bounds[number],
            "channel": 0,
            "supervisions": [{"id": "s", "text": text, "speaker": SPEAKERS[number]}],
            "recording": recording,
            "type": "MonoCut",
        }
        for number, text in enumerate(TEXTS)
    ]
    content = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    (folder / "cuts.jsonl.gz").write_bytes(gzip.compress(content))
    return folder / "cuts.jsonl.gz"


def hugging_face_table():  # type: ignore[no-untyped-def]
    import pyarrow as pa

    audio = [{"bytes": encoded(clip, "FLAC"), "path": f"{n}.flac"} for n, clip in enumerate(CLIPS)]
    return pa.table({"audio": audio, "sentence": list(TEXTS), "speaker_id": list(SPEAKERS)})


def write_parquet(folder: Path) -> Path:
    import pyarrow.parquet

    (folder / "data").mkdir(parents=True)
    path = folder / "data" / "train-00000-of-00001.parquet"
    pyarrow.parquet.write_table(hugging_face_table(), path)
    return folder


def write_arrow(folder: Path) -> Path:
    import pyarrow as pa

    table = hugging_face_table()
    (folder / "state.json").write_text("{}")
    with (
        (folder / "data-00000-of-00001.arrow").open("wb") as file,
        pa.ipc.new_stream(file, table.schema) as writer,
    ):
        writer.write_table(table, max_chunksize=2)
    return folder


def write_kaldi(folder: Path) -> Path:
    bounds = write_long_recording(folder)
    names = [f"utt{number}" for number in range(len(TEXTS))]
    (folder / "wav.scp").write_text("rec long.flac\n")
    segments = [f"{n} rec {bounds[i]} {bounds[i + 1]}\n" for i, n in enumerate(names)]
    (folder / "segments").write_text("".join(segments))
    pairs = zip(names, TEXTS, strict=True)
    (folder / "text").write_text("".join(f"{name} {text}\n" for name, text in pairs))
    speakers = zip(names, SPEAKERS, strict=True)
    (folder / "utt2spk").write_text("".join(f"{name} {who}\n" for name, who in speakers))
    return folder


def write_ljspeech(folder: Path) -> Path:
    paths = write_audio(folder / "wavs")
    lines = [f"{p.stem}|raw 1|{text}\n" for p, text in zip(paths, TEXTS, strict=True)]
    (folder / "metadata.csv").write_text("".join(lines))
    return folder / "metadata.csv"


def write_librispeech(folder: Path) -> Path:
    paths = write_audio(folder, "19-198-{}.flac")
    lines = [f"{path.stem} {text}\n" for path, text in zip(paths, TEXTS, strict=True)]
    (folder / "19-198.trans.txt").write_text("".join(lines))
    return folder / "19-198.trans.txt"


def write_common_voice(folder: Path) -> Path:
    paths = write_audio(folder / "clips")
    lines = ["client_id\tpath\tsentence\tup_votes\n"]
    for path, text, who in zip(paths, TEXTS, SPEAKERS, strict=True):
        lines.append(f"{who}\t{path.name}\t{text}\t2\n")
    (folder / "train.tsv").write_text("".join(lines))
    return folder / "train.tsv"


def write_text_folder(folder: Path) -> Path:
    for path, text in zip(write_audio(folder / "book" / "chapter"), TEXTS, strict=True):
        path.with_suffix(".txt").write_text(f"{text}\n")
    return folder


WRITERS: dict[str, Callable[[Path], Path]] = {
    "csv": write_csv,
    "sdb": write_sdb,
    "webdataset": write_webdataset,
    "tar with samples.csv": write_tar_with_csv,
    "nemo": write_nemo,
    "lhotse": write_lhotse,
    "parquet": write_parquet,
    "arrow": write_arrow,
    "kaldi": write_kaldi,
    "ljspeech": write_ljspeech,
    "librispeech": write_librispeech,
    "common voice": write_common_voice,
    "text folder": write_text_folder,
}
