"""One training step at n_hidden 2048, batch 8 of 5 s: forward, backward, Adam.

    python benchmarks/training_step.py [--input bench_input.npz] [--n_hidden 2048] [--steps 3]

Compares the model with one of the same shape around PyTorch's own `nn.LSTM`, step by step in turn,
and prints the median of each and their ratio. Wall and CPU seconds, and the process's peak memory.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.models.acoustic_model import Emissions
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.models.deepspeech.model import DeepSpeech, context_windows
from coqui_stt_training.scoring.ctc import ctc_losses
from coqui_stt_training.training.optimizer import Adam

CLASSES = 29


class PlainModel(torch.nn.Module):
    """The same layers with `nn.LSTM`."""

    def __init__(self, n_hidden: int) -> None:
        super().__init__()
        sizes = [494, n_hidden, n_hidden, n_hidden]
        self.before = torch.nn.ModuleList(
            torch.nn.Linear(a, b) for a, b in itertools.pairwise(sizes)
        )
        self.lstm = torch.nn.LSTM(n_hidden, n_hidden)
        self.layer_5 = torch.nn.Linear(n_hidden, n_hidden)
        self.layer_6 = torch.nn.Linear(n_hidden, CLASSES)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        x = context_windows(features, 9).transpose(0, 1)
        for layer in self.before:
            x = layer(x).clamp(0, 20)
        x, _ = self.lstm(x)
        return self.layer_6(self.layer_5(x).clamp(0, 20)).transpose(0, 1)


def read_batch(path: Path | None) -> Batch:
    """Return the benchmark's batch, or one of noise."""
    generator = np.random.default_rng(0)
    if path:
        with np.load(path) as kept:
            features, labels = kept["features"], kept["labels"]
    else:
        features = generator.normal(size=(8, 250, 26)).astype(np.float32)
        labels = generator.integers(0, CLASSES - 1, (8, 60))
    clips, frames, _ = features.shape
    return Batch(
        (),
        torch.from_numpy(features),
        torch.full((clips,), frames),
        torch.from_numpy(labels.reshape(-1).astype(np.int64)),
        torch.full((clips,), labels.shape[1]),
    )


def make_step(n_hidden: int, batch: Batch) -> Callable[[], None]:
    """Return what trains a new model on a batch, once more with every call."""
    model = DeepSpeech(Geometry(n_hidden, CLASSES))
    model.initialize(1)
    optimizer = Adam(model, 1e-4, 0.9, 0.999, 1e-8)

    def step() -> None:
        optimizer.zero_grad()
        ctc_losses(model(batch.features, batch.lengths), batch).mean().backward()
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path)
    parser.add_argument("--n_hidden", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    batch = read_batch(arguments.input)

    plain = PlainModel(arguments.n_hidden)
    plain_optimizer = torch.optim.Adam(plain.parameters(), 1e-4, fused=True)

    def peer() -> None:
        plain_optimizer.zero_grad()
        emissions = Emissions(plain(batch.features), batch.lengths)
        ctc_losses(emissions, batch).mean().backward()
        plain_optimizer.step()

    measured: dict[str, list[tuple[float, float]]] = {"this model": [], "nn.LSTM": []}
    contenders = {"this model": make_step(arguments.n_hidden, batch), "nn.LSTM": peer}
    for repetition in range(arguments.steps + 1):
        for name, step in contenders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            if repetition:  # the first is a warm-up
                measured[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    for name, times in measured.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name:12} {wall:7.2f} s wall {cpu:7.2f} CPU-s")
    ratios = [a[1] / b[1] for a, b in zip(*measured.values(), strict=True)]
    print(f"CPU ratio, step by step: {statistics.median(ratios):.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory of the process, both models: {peak / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
