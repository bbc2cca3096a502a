"""The groups of `python -m benchmarks`. Imports are local: a package may be missing for a group."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .limits import (
    bytes_read_a_second,
    float_operations_a_second,
    int8_products_a_second,
    plain_file,
)
from .measuring import (
    Effort,
    Measure,
    Result,
    best_cpu_seconds,
    best_wall_seconds,
    process_cpu_seconds,
)

RATE_HZ = 16_000
STEPS = 16  # in a call of the DeepSpeech graph
STREAMS = 32  # at a time: twice the size of a batch, so that batches are full
FRAMES_A_SECOND = 50
# CPU seconds per second of audio of libstt 1.4, by n_hidden and whether the model is int8.
_UPSTREAM = {(2048, True): 0.14, (64, True): 0.003, (64, False): 0.023}


def noise(seconds: float) -> NDArray[np.int16]:
    return np.random.default_rng(0).normal(0, 3000, int(seconds * RATE_HZ)).astype(np.int16)


def front_ends(effort: Effort) -> Iterator[Result]:
    """Measure the computation of features from samples, as in the runtime."""
    from stt.frontends.causal_log_mel import CausalLogMel
    from stt.frontends.fbank import Fbank
    from stt.frontends.log_mel import LogMel
    from stt.frontends.mfcc_config import FeatureConfig
    from stt.frontends.normalized_log_mel import NormalizedLogMel

    audio = noise(effort.audio_seconds).astype(np.float32) / 32768
    for name, front_end in (
        ("MFCC", FeatureConfig()),
        ("log-mel (Whisper)", LogMel(80)),
        ("log-mel, normalised (Parakeet)", NormalizedLogMel(80)),
        ("log-mel, causal", CausalLogMel(80)),
        ("filter banks (wav2vec2-BERT)", Fbank()),
    ):
        extract = front_end.extractor(np)
        seconds = best_cpu_seconds(lambda e=extract: e(audio), effort.rounds)
        # A real transform of 512 values, 2.5 n log2 n operations, and its products with filters.
        frames = front_end.frame_count(len(audio))
        operations = frames * (2.5 * 512 * math.log2(512) + 2 * 257 * 80)
        yield Result(
            f"features: {name}",
            seconds / effort.audio_seconds,
            "audio s",
            operations / float_operations_a_second() / effort.audio_seconds,
            "float products",
        )


def decoding(effort: Effort) -> Iterator[Result]:
    """Measure the beam search: on noise, and with a language model if the test data exists."""
    from coqui_stt_ctcdecoder import Alphabet, ctc_beam_search_decoder

    from . import decode

    alphabet = Alphabet.from_labels(" abcdefghijklmnopqrstuvwxyz'")
    frames = int(effort.audio_seconds * FRAMES_A_SECOND)
    logits = 6 * np.random.default_rng(0).standard_normal((frames, alphabet.size + 1), np.float32)
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for beam in (100, 500):
        seconds = best_cpu_seconds(
            lambda beam=beam: ctc_beam_search_decoder(probs, alphabet, beam), effort.rounds
        )
        yield Result(f"decoding: noise, beam {beam}", seconds / effort.audio_seconds, "audio s")
    if decode.ORACLE.is_dir():
        share = min(1.0, effort.audio_seconds / 100)
        runs = [decode.measure("ours", True, 500, share)["speed"] for _ in range(effort.rounds)]
        name = "decoding: English, scorer, beam 500"
        yield Result(name, 1 / max(runs), "audio s", upstream_seconds=1 / 82)


def engines(effort: Effort) -> Iterator[Result]:
    """Measure models with random weights, including features: one stream, and many at a time."""
    from stt.engines import open_engine

    from .transcribe import random_models

    audio = noise(effort.audio_seconds / 2)
    for n_hidden in effort.sizes:
        with tempfile.TemporaryDirectory() as folder:
            for path in random_models(n_hidden, Path(folder)):
                engine = open_engine(path, threads=1, parallel=1)
                is_int8 = "int8" in path.stem
                name = f"model: {path.suffix[1:]} {'int8' if is_int8 else 'float'} {n_hidden}"
                for streams in (1, STREAMS):
                    seconds = _hear_seconds(engine, audio, streams, effort.rounds)
                    told = f"{name}, {streams} streams" if streams > 1 else name
                    yield _model_result(told, seconds, n_hidden, is_int8, streams)


def _hear_seconds(engine: Any, audio: NDArray[np.int16], streams: int, rounds: int) -> float:
    """Return CPU seconds per second of audio."""
    seconds = len(audio) / RATE_HZ
    if streams == 1:
        return best_cpu_seconds(lambda: engine.posteriors(audio), rounds) / seconds
    with ThreadPoolExecutor(streams) as pool:
        return best_cpu_seconds(
            lambda: list(pool.map(engine.posteriors, [audio] * streams)), max(1, rounds // 2)
        ) / (streams * seconds)


def _model_result(name: str, seconds: float, n_hidden: int, is_int8: bool, streams: int) -> Result:
    """Compare a time with that of reading or of multiplying the weights, whichever is longer."""
    width = 1 if is_int8 else 4
    rate = int8_products_a_second() if is_int8 else float_operations_a_second() / 2
    weights = _weights(n_hidden)
    recurrent = 4 * n_hidden * n_hidden
    together = min(streams, STREAMS // 2)
    reading = multiplying = 0.0
    for size, frames_together in ((recurrent, 1), (weights - recurrent, STEPS)):
        read_from = weights if frames_together > 1 else recurrent
        reads_a_second = FRAMES_A_SECOND / frames_together / together
        reading += size * width * reads_a_second / bytes_read_a_second(read_from * width)
        multiplying += size * FRAMES_A_SECOND / rate
    by = "reading weights" if reading > multiplying else "products"
    upstream = _UPSTREAM.get((n_hidden, is_int8)) if streams == 1 else None
    return Result(name, seconds, "audio s", max(reading, multiplying), by, upstream)


def _weights(n_hidden: int, classes: int = 29) -> int:
    """Return the number of weights in the matrices of the DeepSpeech graph."""
    return n_hidden * (494 + 2 * n_hidden + 8 * n_hidden + n_hidden + classes)


def checkpoints(effort: Effort) -> Iterator[Result]:
    """Measure writing and reading of a checkpoint with Adam's state, in wall time."""
    from coqui_stt_ctcdecoder import Alphabet
    from coqui_stt_training.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
    from coqui_stt_training.checkpoints.source import AdamState
    from coqui_stt_training.models.deepspeech.geometry import Geometry
    from stt.frontends.mfcc_config import FeatureConfig

    alphabet = Alphabet.from_labels(" abcdefghijklmnopqrstuvwxyz'")
    for n_hidden in effort.sizes:
        geometry = Geometry(n_hidden, alphabet.size + 1)
        shapes = geometry.tensor_shapes()
        random = np.random.default_rng(0)
        tensors = {name: random.random(shape, np.float32) for name, shape in shapes.items()}
        adam = AdamState(tensors, tensors, step=1)
        checkpoint = Checkpoint(geometry, alphabet, FeatureConfig(), tensors, step=1, adam=adam)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "1.safetensors"
            written = best_wall_seconds(
                lambda p=path, c=checkpoint: write_checkpoint(p, c), effort.rounds
            )
            read = best_wall_seconds(lambda p=path: read_checkpoint(p), effort.rounds)
            plain = plain_file(Path(folder), path.stat().st_size, effort.rounds)
        size = f"{n_hidden}, with Adam"
        yield Result(
            f"checkpoint, write: {size}", written, "file", plain.write_seconds, "a plain file"
        )
        yield Result(f"checkpoint, read: {size}", read, "file", plain.read_seconds, "a plain file")


def start_up(effort: Effort) -> Iterator[Result]:
    """Measure `--help` of every command."""
    from coqui_stt_training.cli.commands import COMMANDS

    bare = _start_seconds(["-c", "pass"], effort.rounds)
    commands: Mapping[str, list[str]] = {
        "stt": ["-m", "stt"],
        "stt serve": ["-m", "stt", "serve"],
        **{f"stt {name}": ["-m", "stt", name] for name in COMMANDS},
    }
    for name, command in commands.items():
        seconds = _start_seconds([*command, "--help"], effort.rounds)
        yield Result(f"start: {name} --help", seconds, "start", bare, "Python's own start")


def _start_seconds(arguments: list[str], rounds: int) -> float:
    return min(process_cpu_seconds(arguments) for _ in range(rounds))


def training(effort: Effort) -> Iterator[Result]:
    """Measure training steps."""
    from .steps import training

    return training(effort)


def loading(effort: Effort) -> Iterator[Result]:
    """Measure the work before a step."""
    from .loading import loading

    return loading(effort)


def epochs(effort: Effort) -> Iterator[Result]:
    """Measure whole epochs of `train`."""
    from .epochs import epochs

    return epochs(effort)


GROUPS: Mapping[str, Measure] = {
    "features": front_ends,
    "decoding": decoding,
    "models": engines,
    "training": training,
    "input": loading,
    "epochs": epochs,
    "checkpoints": checkpoints,
    "starts": start_up,
}
