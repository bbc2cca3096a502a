"""Mutated files of every format that is read: each must be read, or refused by a typed error.

    .venv/bin/python tests/hostile/fuzz_files.py --format scorer --count 100000
    .venv/bin/python tests/hostile/fuzz_files.py --format scorer --first 4711 --count 1

A seed always makes the same mutant. Each finding is printed on a line: an error that is not typed
or does not name the file; more than 10 seconds of CPU time; more than 1 GB of memory; a crash or
exit of the process. A mutant that takes ten minutes also ends the process.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from coqui_stt_ctcdecoder.errors import UserError

MOST_SECONDS, MOST_BYTES = 10.0, 1 << 30
_HANGS_AFTER_SECONDS = 600  # wall time, so with room for a busy machine
_DATA = "data-00000-of-00001"
_SCORERS = Path(__file__).resolve().parents[2] / "../shared/oracle/decoder/scorers"


_EXTREMES = (
    *(b"\0" * 8, b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\0\0\0\x80", b"\xff\xff\xff\x7f"),
    *(b"\x01", b"\x80", b"\x7f", b'"', b"{", b"[", b"null", b"-1", b"1e999", b"\n", b","),
)


def mutate(content: bytes, seed: int) -> bytes:
    """Return a damaged copy; most damage is near the start or the end, where headers are."""
    choose = random.Random(seed)
    mutant = bytearray(content)

    def place() -> int:
        size = max(1, len(mutant))
        near = min(size, choose.choice((16, 100, 1000, size)))
        return (
            choose.randrange(near) if choose.random() < 0.7 else size - 1 - choose.randrange(near)
        )

    for _ in range(choose.choice((1, 1, 2, 3, 6))):
        kind, start = choose.randrange(6), place()
        if kind <= 1 and mutant:
            mutant[start] = choose.randrange(256)
        elif kind == 2 and mutant:
            mutant[start] ^= 1 << choose.randrange(8)
        elif kind == 3:
            extreme = choose.choice(_EXTREMES)
            mutant[start : start + len(extreme)] = extreme
        elif kind == 4:
            taken = place()
            mutant[start : start + choose.choice((0, 4, 16))] = mutant[taken : taken + 16]
        elif choose.random() < 0.3:
            del mutant[place() :]
        else:
            del mutant[start : start + choose.choice((1, 4, 64))]
    return bytes(mutant)


_ODD_VALUES = (
    *(None, True, -1, 0, 0.5, 2**31, 2**64, 10**400, 1e308, float("nan"), float("inf"), "", "x"),
    *("\x1b[2J", "\ud800", [], {}, [None], {"x": 1}, [[[]]], ["a", "a"], "9" * 5000, "..", "/"),
)


def mutate_metadata(content: bytes, seed: int) -> bytes:
    """Return a safetensors file with odd values in its description, which is JSON within JSON."""
    choose = random.Random(seed)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    described = json.loads(header["__metadata__"]["content"])
    for _ in range(choose.choice((1, 1, 2, 3))):
        node: Any = described
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = choose.choice(keys)
            if isinstance(node[key], (dict, list)) and node[key] and choose.random() < 0.8:
                node = node[key]
                continue
            if isinstance(node, dict) and choose.random() < 0.2:
                del node[key]
            else:
                node[key] = deepcopy(choose.choice(_ODD_VALUES))
            break
    header["__metadata__"]["content"] = json.dumps(described)
    packed = json.dumps(header).encode()
    packed += b" " * (-len(packed) % 8)
    return len(packed).to_bytes(8, "little") + packed + content[8 + size :]


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        suffix: suffix of file names.
        make: function that returns a valid file; raises `ImportError` or `OSError` if a package or
            file for that is missing.
        read: function that reads the file at a path and returns a function that uses its content.
        damage: function that returns a mutant of a valid file, given a seed.
    """

    suffix: str
    make: Callable[[], bytes]
    read: Callable[[Path], Callable[[], object]]
    damage: Callable[[bytes, int], bytes] = mutate


def _sound(kind: str, subtype: str | None = None) -> Callable[[], bytes]:
    def make() -> bytes:
        import soundfile

        buffer = io.BytesIO()
        sound = np.random.default_rng(0).normal(0, 0.1, (4000, 2)).astype(np.float32)
        soundfile.write(buffer, sound, 16000, subtype, format=kind)
        return buffer.getvalue()

    return make


def _container(kind: str, codec: str) -> Callable[[], bytes]:
    def make() -> bytes:
        import av

        buffer = io.BytesIO()
        with av.open(buffer, "w", format=kind) as container:
            container.metadata["title"] = "Title"
            stream = container.add_stream(codec, rate=48_000, layout="stereo")
            pcm = np.random.default_rng(0).normal(0, 3000, (2, 8000)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(pcm, format="s16p", layout="stereo")
            frame.sample_rate = 48_000
            for part in (frame, None):
                for packet in stream.encode(part):
                    container.mux(packet)
        return buffer.getvalue()

    return make


def _read_sound(path: Path) -> Callable[[], object]:
    from stt.audio.file import read_audio
    from stt.audio.source import read_pcm

    read_pcm(path, 8000)
    return lambda: read_audio(path, 16000)


def _tflite(quantize: bool) -> Callable[[], bytes]:
    def make() -> bytes:
        from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model
        from stt_models import random_deployment

        return tflite_model(random_deployment(n_hidden=8), quantize=quantize)

    return make


def _onnx(quantized: bool) -> Callable[[], bytes]:
    def make() -> bytes:
        from coqui_stt_training.exporting.deepspeech import onnx_writer
        from stt_models import random_deployment

        model = onnx_writer.streaming_model(random_deployment(n_hidden=8))
        content: bytes = (onnx_writer.quantize(model) if quantized else model).SerializeToString()
        return content

    return make


def _encoder_onnx(precision: Literal["float32", "int8"]) -> Callable[[], bytes]:
    def make() -> bytes:
        from coqui_stt_ctcdecoder import Alphabet
        from coqui_stt_training.exporting.encoder.deployment import EncoderDeployment
        from coqui_stt_training.exporting.encoder.onnx_writer import encoder_model
        from coqui_stt_training.models.acoustic_model import build
        from coqui_stt_training.models.tensors import weights_of
        from coqui_stt_training.models.whisper.specification import WhisperEncoder

        specification = WhisperEncoder(
            n_classes=4, mel_channels=4, width=8, attention_heads=2, blocks=1, positions=52,
            head="lstm", head_size=4,
        )  # fmt: skip
        model = build(specification)
        model.initialize(0)
        alphabet = Alphabet.from_labels("abc")
        deployment = EncoderDeployment(specification, weights_of(model), alphabet)
        content: bytes = encoder_model(deployment, precision).SerializeToString()
        return content

    return make


def _read_model(path: Path) -> Callable[[], object]:
    import stt

    model = stt.Model(path, threads=1, parallel=1)
    model.set_beam_width(4)
    return lambda: model.stt(np.arange(8000, dtype=np.int16))


def _read_source(path: Path) -> Callable[[], object]:
    from coqui_stt_training.checkpoints.loading import load_source

    load_source(path, with_adam=True)
    return lambda: None


def _checkpoint() -> bytes:
    from coqui_stt_ctcdecoder import Alphabet
    from coqui_stt_training.checkpoints.file import Checkpoint, write_checkpoint
    from coqui_stt_training.checkpoints.source import AdamState
    from coqui_stt_training.models.deepspeech.geometry import Geometry
    from coqui_stt_training.training.progress import Progress
    from stt.frontends.mfcc_config import FeatureConfig

    geometry = Geometry(n_hidden=1, n_classes=3)
    tensors = {name: np.zeros(size, np.float32) for name, size in geometry.tensor_shapes().items()}
    state = Checkpoint(
        geometry,
        Alphabet.from_labels("ab"),
        FeatureConfig(),
        tensors,
        average=tensors,
        adam=AdamState(tensors, tensors, 3),
        flags={"n_hidden": 1},
        lineage=({"format": "coqui-stt", "plan": [{"layer": "layer_1", "action": "keep"}]},),
        run=Progress({"seed": 1}, begun_step=0, step=3, learning_rate=0.1).as_json(),
    )
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(Path(folder) / "a.safetensors", state)
        return (Path(folder) / "a.safetensors").read_bytes()


@cache
def _tensorflow(part: str) -> bytes:
    from tensorflow_bundle_writer import random_tensors, write_checkpoint

    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(Path(folder), random_tensors(2, 3))
        (file,) = Path(folder).rglob(f"*.{part}")
        return file.read_bytes()


def _read_tensorflow(path: Path) -> Callable[[], object]:
    path.with_suffix(f".{_DATA}").write_bytes(_tensorflow(_DATA))
    return _read_source(path)


def _chunked_onnx() -> bytes:
    from coqui_stt_ctcdecoder import Alphabet
    from coqui_stt_training.exporting.encoder.deployment import EncoderDeployment
    from coqui_stt_training.exporting.encoder.onnx_writer import encoder_model
    from coqui_stt_training.models.acoustic_model import build
    from coqui_stt_training.models.streaming.specification import StreamingEncoder
    from coqui_stt_training.models.tensors import weights_of

    specification = StreamingEncoder(
        n_classes=4, mel_channels=8, stem_channels=4, width=8, attention_heads=2, blocks=1,
        mlp_width=8, kernel=3, chunk_frames=2, left_frames=3,
    )  # fmt: skip
    model = build(specification)
    model.initialize(0)
    deployment = EncoderDeployment(specification, weights_of(model), Alphabet.from_labels("abc"))
    content: bytes = encoder_model(deployment, "float32").SerializeToString()
    return content


def _gguf() -> bytes:
    from unit.test_gguf import write_gguf

    with tempfile.TemporaryDirectory() as folder:
        return write_gguf(Path(folder) / "model.gguf").read_bytes()


def _fairseq() -> bytes:
    from oracle.test_fairseq import write_fairseq
    from oracle.test_transformers_wav2vec2 import make

    with tempfile.TemporaryDirectory() as folder:
        path = write_fairseq(Path(folder) / "fairseq", make("Wav2Vec2", {}), "cfg")
        return path.read_bytes()


def _legacy_torch() -> bytes:
    from whisper_formats import write_openai

    with tempfile.TemporaryDirectory() as folder:
        return write_openai(Path(folder) / "model.pt", legacy=True).read_bytes()


def _nemo_model() -> bytes:
    from nemo_archive import write_nemo

    with tempfile.TemporaryDirectory() as folder:
        return write_nemo(Path(folder) / "model.nemo").read_bytes()


def _peft(file: str) -> Callable[[], bytes]:
    def make() -> bytes:
        from encoder_folders import write_peft

        with tempfile.TemporaryDirectory() as folder:
            return (write_peft(Path(folder), "base") / file).read_bytes()

    return make


def _read_peft(file: str) -> Callable[[Path], Callable[[], object]]:
    """Return a function that reads an adapter whose `file` is the mutant, with its base model."""

    def read(path: Path) -> Callable[[], object]:
        from coqui_stt_training.checkpoints.loading import load_source
        from encoder_folders import write_peft, write_whisper

        folder = path.parent / f"{path.stem}_folder"
        if not folder.exists():
            write_whisper(write_peft(folder, "base") / "base")
        shutil.copyfile(path, folder / file)
        load_source(folder)
        return lambda: None

    return read


def _scorer(name: str) -> Callable[[], bytes]:
    return lambda: (_SCORERS / name).read_bytes()


def _read_scorer(name: str) -> Callable[[Path], Callable[[], object]]:
    def read(path: Path) -> Callable[[], object]:
        from coqui_stt_ctcdecoder import Alphabet, Scorer, UTF8Alphabet, ctc_beam_search_decoder

        alphabet = UTF8Alphabet()
        if "word" in name:
            labels = json.loads((_SCORERS.parent / "sets.json").read_text())["en"]["labels"]
            alphabet = Alphabet.from_labels(labels)
        scorer = Scorer(None, None, path, alphabet)
        rows = np.random.default_rng(1).dirichlet(np.full(alphabet.size + 1, 0.05), 8)
        return lambda: ctc_beam_search_decoder(rows, alphabet, 20, scorer=scorer)

    return read


def _read_alphabet(path: Path) -> Callable[[], object]:
    from coqui_stt_ctcdecoder import Alphabet

    alphabet = Alphabet(path)
    return lambda: Alphabet().deserialize(alphabet.serialize())


def _read_csv(path: Path) -> Callable[[], object]:
    from coqui_stt_training.corpus import read_rows

    rows = read_rows(path)
    return rows.audio


def _read_catalog(path: Path) -> Callable[[], object]:
    from coqui_stt_training.transcribing.tasks import find_tasks

    find_tasks(str(path))
    return lambda: None


def _read_config(path: Path) -> Callable[[], object]:
    from coqui_stt_training.cli.config import TrainConfig
    from coqui_stt_training.cli.flags import parse

    parse(TrainConfig, ["--config", str(path)], program="train", description="")
    return lambda: None


def _collection(name: str, file: str = "") -> Callable[[], bytes]:
    def make() -> bytes:
        from collections_on_disk import WRITERS

        with tempfile.TemporaryDirectory() as folder:
            path = WRITERS[name](Path(folder))
            return (next(path.glob(file)) if file else path).read_bytes()

    return make


def _shard() -> bytes:
    from collections_on_disk import tar_bytes, webdataset_members

    return tar_bytes(webdataset_members())


def _read_collection(path: Path) -> Callable[[], object]:
    """Read a collection, with a cache beside it, and return a function that reads every clip."""
    from coqui_stt_training.corpus import read_rows
    from stt.audio.file import summarise_audio

    cache = path.parent / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    os.environ["STT_DATA_CACHE"] = str(cache)
    file = read_rows(path)

    def use() -> None:
        for row, audio in zip(file.rows, file.audio(), strict=True):
            if row.problem is None:
                summarise_audio(audio)

    return use


def _read_manifest(path: Path) -> Callable[[], object]:
    from coqui_stt_training.corpus import read_rows

    return read_rows(path).audio


def _read_timed_text(path: Path) -> Callable[[], object]:
    from coqui_stt_training.corpus.sources.timed_text import read_timed_text

    read_timed_text(path)
    return lambda: None


def _workbook() -> bytes:
    import openpyxl

    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for row in (("file", "sentence"), ("a.wav", "one"), ("b.wav", 2)):
        book.active.append(row)
    book.save(buffer)
    return buffer.getvalue()


_TEXTS = {
    "srt": "1\n00:00:00,500 --> 00:00:01,250\n<i>one</i>\n\n2\n00:00:02,000 --> 00:01:03,5\ntwo\n",
    "labels": "0.5\t1.25\tone\n\\\t100.0\t200.0\n2,0\t63,5\ttwo\n",
    "textgrid": (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 2\n'
        'tiers? <exists>\nsize = 1\nitem []:\n item [1]:\n class = "IntervalTier"\n name = "a"\n'
        " xmin = 0\n xmax = 2\n intervals: size = 1\n intervals [1]:\n xmin = 0\n xmax = 2\n"
        ' text = "one"\n'
    ),
    "elan": (
        '<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds"/><TIME_ORDER>'
        '<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="b" '
        'TIME_VALUE="1250"/></TIME_ORDER><TIER TIER_ID="t" PARTICIPANT="Ann"><ANNOTATION>'
        '<ALIGNABLE_ANNOTATION ANNOTATION_ID="1" TIME_SLOT_REF1="a" TIME_SLOT_REF2="b">'
        "<ANNOTATION_VALUE>one</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>"
        "</ANNOTATION_DOCUMENT>"
    ),
    "alphabet": "# comment\n \na\nb\nç\n\\#\nch\n",
    "csv": 'wav_filename,wav_filesize,transcript\na.wav,1,"one, two"\nb.wav,2,three\n',
    "catalog": '[{"audio": "a.wav", "tlog": "a.tlog"}, {"audio": "b.wav", "tlog": "b.tlog"}]',
    "config": "n_hidden: 64\nepochs: 3\ntrain_files: [a.csv, b.csv]\nlearning_rate: 0.001\n",
}
FORMATS = {
    "wav": Format(".wav", _sound("WAV"), _read_sound),
    "float_wav": Format(".wav", _sound("WAV", "FLOAT"), _read_sound),
    "flac": Format(".flac", _sound("FLAC"), _read_sound),
    "ogg": Format(".ogg", _sound("OGG"), _read_sound),
    "opus": Format(".opus", _sound("OGG", "OPUS"), _read_sound),
    "mp3": Format(".mp3", _sound("MP3"), _read_sound),
    "m4a": Format(".m4a", _container("ipod", "aac"), _read_sound),
    "webm": Format(".webm", _container("webm", "libopus"), _read_sound),
    "avi": Format(".avi", _container("avi", "mp2"), _read_sound),
    "mka": Format(".mka", _container("matroska", "aac"), _read_sound),
    "tflite": Format(".tflite", _tflite(quantize=False), _read_model),
    "int8_tflite": Format(".tflite", _tflite(quantize=True), _read_model),
    "tflite_source": Format(".tflite", _tflite(quantize=True), _read_source),
    "onnx": Format(".onnx", _onnx(quantized=False), _read_model),
    "encoder_onnx": Format(".onnx", _encoder_onnx("float32"), _read_model),
    "int8_encoder_onnx": Format(".onnx", _encoder_onnx("int8"), _read_model),
    "chunked_onnx": Format(".onnx", _chunked_onnx, _read_model),
    "int8_onnx": Format(".onnx", _onnx(quantized=True), _read_model),
    "checkpoint": Format(".safetensors", _checkpoint, _read_source),
    "checkpoint_metadata": Format(".safetensors", _checkpoint, _read_source, mutate_metadata),
    "gguf": Format(".gguf", _gguf, _read_source),
    "fairseq": Format(".pt", _fairseq, _read_source),
    "legacy_torch": Format(".pt", _legacy_torch, _read_source),
    "nemo_model": Format(".nemo", _nemo_model, _read_source),
    "peft_config": Format(".json", _peft("adapter_config.json"), _read_peft("adapter_config.json")),
    "peft": Format(
        ".safetensors", _peft("adapter_model.safetensors"), _read_peft("adapter_model.safetensors")
    ),
    "tensorflow": Format(".index", lambda: _tensorflow("index"), _read_tensorflow),
    "scorer": Format(".scorer", _scorer("smoke_bytes.scorer"), _read_scorer("bytes")),
    "word_scorer": Format(".scorer", _scorer("smoke_word.scorer"), _read_scorer("word")),
    "alphabet": Format(".txt", _TEXTS["alphabet"].encode, _read_alphabet),
    "sdb": Format(".sdb", _collection("sdb"), _read_collection),
    "tar": Format(".tar", _shard, _read_collection),
    "tar_gz": Format(".tar.gz", _collection("tar with samples.csv"), _read_collection),
    "parquet": Format(".parquet", _collection("parquet", "data/*"), _read_collection),
    "arrow": Format(".arrow", _collection("arrow", "*.arrow"), _read_collection),
    "nemo": Format(".json", _collection("nemo"), _read_manifest),
    "lhotse": Format(".jsonl.gz", _collection("lhotse"), _read_manifest),
    "ljspeech": Format(".csv", _collection("ljspeech"), _read_manifest),
    "common_voice": Format(".tsv", _collection("common voice"), _read_manifest),
    "csv": Format(".csv", _TEXTS["csv"].encode, _read_csv),
    "srt": Format(".srt", _TEXTS["srt"].encode, _read_timed_text),
    "labels": Format(".txt", _TEXTS["labels"].encode, _read_timed_text),
    "textgrid": Format(".TextGrid", _TEXTS["textgrid"].encode, _read_timed_text),
    "elan": Format(".eaf", _TEXTS["elan"].encode, _read_timed_text),
    "xlsx": Format(".xlsx", _workbook, _read_manifest),
    "catalog": Format(".catalog", _TEXTS["catalog"].encode, _read_catalog),
    "config": Format(".yaml", _TEXTS["config"].encode, _read_config),
}


def examine(form: Format, path: Path, content: bytes) -> str | None:
    """Read a mutant; return a description of the problem, or None."""
    path.write_bytes(content)
    before, started = _peak_bytes(), time.process_time()
    problem = _try(form, path)
    seconds = time.process_time() - started
    if problem is None and seconds > MOST_SECONDS:
        problem = f"took {seconds:.1f} s"
    if problem is None and _peak_bytes() - before > MOST_BYTES:
        problem = f"took {(_peak_bytes() - before) >> 20} MB"
    return problem


def _try(form: Format, path: Path) -> str | None:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            use = form.read(path)
            try:
                use()
            except UserError:
                return None
    except UserError as error:
        return None if path.stem in str(error) else f"does not name the file: {error}"
    except Exception:  # untyped errors are what the fuzzer looks for
        return "untyped: " + " | ".join(traceback.format_exc().strip().splitlines()[-4:])
    return None


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fuzz(names: Sequence[str], first: int, count: int) -> Iterator[tuple[str, int, str]]:
    """Read mutants in this process; yield the format, seed and problem of each finding."""
    for name in names:
        form = FORMATS[name]
        _say(name, None)
        with tempfile.TemporaryDirectory() as folder:
            content = form.make()
            path = Path(folder) / f"the_mutant{form.suffix}"
            path.write_bytes(content)
            form.read(path)()  # if a valid file could not be read, mutants would show nothing
            for seed in range(first, first + count):
                _say(name, seed)
                faulthandler.dump_traceback_later(_HANGS_AFTER_SECONDS, exit=True)
                problem = examine(form, path, form.damage(content, seed))
                faulthandler.cancel_dump_traceback_later()
                if problem:
                    yield name, seed, problem


def _say(name: str, seed: int | None, problem: str = "") -> None:
    """Report progress to the parent process, which needs it if this process ends."""
    print(json.dumps([name, seed, problem]), flush=True)


def fuzz_apart(names: Sequence[str], first: int, count: int) -> Iterator[tuple[str, int, str]]:
    """Read mutants in a child process; yield the format, seed and problem of each finding.

    If a mutant ends the process, another process continues with the next mutant.
    """
    end = first + count
    parts = [(list(names), first)] if names else []
    while parts:
        names, begin = parts.pop()
        name, last, said = names[0], None, ""
        command = [sys.executable, __file__, "--within", "--format", *names]
        command += ["--first", str(begin), "--count", str(end - begin)]
        with tempfile.TemporaryFile("w+") as complaints:  # decoders print many
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=complaints, text=True
            ) as process:
                for line in process.stdout or ():
                    name, last, problem = json.loads(line)
                    if problem:
                        yield name, last, problem
            if not process.returncode:
                continue
            complaints.seek(0)
            said = complaints.read()[-2000:]
        if last is None:
            raise RuntimeError(f"{name} cannot be examined here: {said}")
        reason = f"ended the process ({process.returncode}): {' | '.join(said.splitlines()[:6])}"
        yield name, last, reason
        later = names[names.index(name) + 1 :]
        parts += [(later, first)] if later else []
        parts += [([name], last + 1)] if last + 1 < end else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1000, help="how many of each format")
    parser.add_argument("--within", action="store_true", help="in this process; for its own use")
    flags = parser.parse_args()
    if flags.within:
        for found in fuzz(flags.format, flags.first, flags.count):
            _say(*found)
        return
    for name in flags.format:
        started, problems = time.perf_counter(), 0
        for _, seed, problem in fuzz_apart([name], flags.first, flags.count):
            problems += 1
            print(f"{name} {seed}: {problem}", flush=True)
        seconds = time.perf_counter() - started
        print(f"{name}: {flags.count} mutants, {problems} findings, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
