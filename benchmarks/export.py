"""Exported models: size, real-time factor, and the error of int8.

    python benchmarks/export.py --checkpoint ckpt [clip.wav ...]
    python benchmarks/export.py --n_hidden 2048

Real-time factors are CPU seconds per second of audio on one thread, of the acoustic model alone:
the best of several rounds, in which the formats are interleaved. Without clips, the audio is noise.
Without a checkpoint, weights are random, and errors mean little.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.exporting.deepspeech.onnx_writer import quantize, streaming_model
from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model
from coqui_stt_training.exporting.deployment import Deployment
from coqui_stt_training.exporting.verification import (
    ProbeClip,
    checkpoint_posteriors,
    exported_posteriors,
    noise_clips,
)
from coqui_stt_training.models.deepspeech.geometry import Geometry
from stt.audio.file import read_audio
from stt.frontends.mfcc_config import FeatureConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint")
    parser.add_argument("--n_hidden", type=int, default=2048, help="of random weights")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("clips", nargs="*")
    arguments = parser.parse_args()
    deployment = read(arguments.checkpoint) if arguments.checkpoint else draw(arguments.n_hidden)
    clips = probe(arguments.clips, deployment.features)
    with tempfile.TemporaryDirectory() as folder:
        files = write(deployment, Path(folder))
        measure(files, deployment, clips, arguments.rounds)


def read(checkpoint: str) -> Deployment:
    source = load_source(checkpoint)
    if source.alphabet is None:
        raise SystemExit(f"{checkpoint} has no alphabet")
    features = source.features or FeatureConfig()
    return Deployment(source.specification, source.tensors, source.alphabet, features)


def draw(n_hidden: int) -> Deployment:
    geometry = Geometry(n_hidden, 29)
    random = np.random.default_rng(0)
    tensors = {
        name: random.normal(0, 1.5 / shape[-1] ** 0.5, shape).astype(np.float32)
        for name, shape in geometry.tensor_shapes().items()
    }
    alphabet = Alphabet.from_labels(" abcdefghijklmnopqrstuvwxyz'")
    return Deployment(geometry, tensors, alphabet, FeatureConfig())


def probe(paths: list[str], features: FeatureConfig) -> list[ProbeClip]:
    if not paths:
        return noise_clips(features, 0)
    samples = [read_audio(path, features.sample_rate_hz) for path in paths]
    return [ProbeClip(np.rint(clip * 32767).astype(np.int16)) for clip in samples]


def write(deployment: Deployment, folder: Path) -> list[Path]:
    streaming = streaming_model(deployment)
    contents = {
        "float.tflite": tflite_model(deployment, quantize=False),
        "int8.tflite": tflite_model(deployment, quantize=True),
        "float.onnx": streaming.SerializeToString(),
        "int8.onnx": quantize(streaming).SerializeToString(),
        "int8-all-layers.onnx": quantize(streaming, float_layers=()).SerializeToString(),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def measure(files: list[Path], deployment: Deployment, clips: list[ProbeClip], rounds: int) -> None:
    seconds = sum(len(clip.samples) for clip in clips) / deployment.features.sample_rate_hz
    expected = np.concatenate(checkpoint_posteriors(deployment, clips))
    cost = {file.name: float("inf") for file in files}
    found = {}
    for _ in range(rounds):
        for file in files:
            loading = cpu_seconds(lambda file=file: exported_posteriors(file, []))
            before = time.process_time()
            found[file.name] = np.concatenate(exported_posteriors(file, clips))
            spent = time.process_time() - before - loading
            cost[file.name] = min(cost[file.name], spent / seconds)
    print(f"{'file':22} {'MB':>8} {'CPU s / s':>10} {'largest diff':>13} {'mean diff':>10}")
    for file in files:
        difference = np.abs(found[file.name] - expected)
        print(
            f"{file.name:22} {file.stat().st_size / 1e6:8.2f} {cost[file.name]:10.4f} "
            f"{difference.max():13.2g} {difference.sum(axis=1).mean() / 2:10.2g}"
        )


def cpu_seconds(work) -> float:  # type: ignore[no-untyped-def]
    before = time.process_time()
    work()
    return time.process_time() - before


if __name__ == "__main__":
    main()
