"""The cost of the CTC loss and its gradient: ours and PyTorch's, interleaved, on one thread.

    python benchmarks/ctc.py [--clips 8] [--frames 250] [--classes 29] [--labels 60] [--rounds 20]

Prints the median CPU time of each, their ratio, and the differences of losses and gradients from
PyTorch's in double precision.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.models.acoustic_model import Emissions
from coqui_stt_training.scoring.ctc import ctc_losses

Losses = Callable[[Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (
        ("clips", 8), ("frames", 250), ("classes", 29), ("labels", 60), ("rounds", 20),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    flags = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(flags.classes - 1, (flags.clips, flags.labels), generator=generator)
    lengths = torch.full((flags.clips,), flags.frames)
    counts = torch.full((flags.clips,), flags.labels)
    batch = Batch((), torch.zeros(flags.clips, flags.frames, 1), lengths, labels.flatten(), counts)
    logits = 3 * torch.randn(flags.clips, flags.frames, flags.classes, generator=generator)

    def pytorchs(logits: Tensor) -> Tensor:
        return torch.nn.functional.ctc_loss(
            logits.log_softmax(-1).transpose(0, 1), batch.labels, lengths, counts,
            blank=flags.classes - 1, reduction="none",
        )  # fmt: skip

    def ours(logits: Tensor) -> Tensor:
        return ctc_losses(Emissions(logits, lengths), batch)

    times: dict[str, list[float]] = {"ours": [], "PyTorch's": []}
    ways: dict[str, Losses] = {"ours": ours, "PyTorch's": pytorchs}
    for number in range(flags.rounds + 1):
        for name, way in ways.items():
            begun = time.process_time()
            _gradient(way, logits)
            if number:  # the first is a warm-up
                times[name].append(time.process_time() - begun)
    for name, taken in times.items():
        print(f"{name:10} {1000 * statistics.median(taken):8.3f} ms")
    ratios = [b / a for a, b in zip(*times.values(), strict=True)]
    print(f"ratio      {statistics.median(ratios):8.1f}")
    losses, gradient = _gradient(ours, logits)
    right, right_gradient = _gradient(pytorchs, logits.double())
    print(f"losses differ by {float(((losses - right) / right).abs().max()):.1e} of them at most")
    print(f"gradients differ by {float((gradient - right_gradient).abs().max()):.1e} at most")


def _gradient(way: Losses, logits: Tensor) -> tuple[Tensor, Tensor]:
    logits = logits.clone().requires_grad_()
    losses = way(logits)
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    return losses.detach(), gradient


if __name__ == "__main__":
    main()
