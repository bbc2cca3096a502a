"""Measure what a second of audio costs a streaming encoder: its checkpoint, and what it exports to.

    OMP_NUM_THREADS=1 python benchmarks/streaming_encoder.py --encoder_width 144 --encoder_blocks 8

Random weights, acoustic model alone, one thread: CPU seconds for a second of audio, chunk by chunk
as it is spoken, and where the audio is there. Rounds are interleaved; the median is printed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.exporting.encoder.deployment import EncoderDeployment, Precision
from coqui_stt_training.exporting.encoder.onnx_writer import encoder_model
from coqui_stt_training.models.acoustic_model import build
from coqui_stt_training.models.streaming.model import StreamingConformer
from coqui_stt_training.models.streaming.specification import StreamingEncoder
from coqui_stt_training.models.tensors import weights_of
from coqui_stt_training.scoring.engine import StreamingCheckpoint
from stt.engines import Engine, open_engine

ALPHABET = Alphabet.from_labels("abcdefghijklmnopqrstuvwxyz' ")
PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")


def live(engine: Engine, audio: np.ndarray) -> None:
    stream = engine.open_stream()
    for start in range(0, len(audio), 1600):
        stream.feed(audio[start : start + 1600])
    stream.finish()


def at_once(engine: Engine, audio: np.ndarray) -> None:
    engine.posteriors(audio)


def cpu_seconds(
    run: Callable[[Engine, np.ndarray], None], engine: Engine, audio: np.ndarray
) -> float:
    started = time.process_time()
    run(engine, audio)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder_width", type=int, default=144)
    parser.add_argument("--encoder_blocks", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=30, help="of audio")
    parser.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args()
    torch.set_num_threads(1)
    specification = StreamingEncoder(
        n_classes=ALPHABET.size + 1,
        width=flags.encoder_width,
        mlp_width=4 * flags.encoder_width,
        blocks=flags.encoder_blocks,
    )
    model = build(specification).eval()
    model.initialize(1)
    assert isinstance(model, StreamingConformer)
    engines: dict[str, Engine] = {"checkpoint": StreamingCheckpoint(model, ALPHABET)}
    sizes = {"checkpoint": sum(tensor.nbytes for tensor in weights_of(model).values())}
    deployment = EncoderDeployment(specification, weights_of(model), ALPHABET)
    with tempfile.TemporaryDirectory() as folder:
        for precision in PRECISIONS:
            path = Path(folder) / f"{precision}.onnx"
            path.write_bytes(encoder_model(deployment, precision).SerializeToString())
            engines[precision] = open_engine(path, threads=1, parallel=1)
            sizes[precision] = path.stat().st_size
        audio = np.random.default_rng(0).normal(0, 2000, flags.seconds * 16000).astype(np.int16)
        print(f"{'':12}{'MB':>8}{'live':>10}{'at once':>10}")
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
        for _ in range(flags.rounds + 1):
            for name, engine in engines.items():
                found[name].append(
                    (cpu_seconds(live, engine, audio), cpu_seconds(at_once, engine, audio))
                )
        for name, rounds in found.items():
            lived, posteriors = (
                statistics.median(column) / flags.seconds
                for column in zip(*rounds[1:], strict=True)  # the first one warms up
            )
            print(f"{name:12}{sizes[name] / 1e6:8.1f}{lived:10.4f}{posteriors:10.4f}")


if __name__ == "__main__":
    main()
