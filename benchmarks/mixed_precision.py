"""The benefit of `--automatic_mixed_precision`: steps of an encoder with and without, interleaved.

    python benchmarks/mixed_precision.py SOURCE [--seconds 4] [--clips 4] [--steps 5] [--threads 1]

Forward and backward through the encoder and a BiLSTM head. Prints the median CPU seconds of each on
a CPU, wall seconds on a GPU, and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.models.acoustic_model import build
from coqui_stt_training.models.encoder import EncoderSpecification
from coqui_stt_training.runs.machine import has_fast_bfloat16
from coqui_stt_training.training.precision import Precision

CLASSES = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    specification = load_source(arguments.source).specification
    if not isinstance(specification, EncoderSpecification):
        parser.error(f"{arguments.source} is no encoder")
    model = build(specification.with_head("lstm", 1, 256).with_classes(CLASSES))
    model.initialize(1)
    model.to(device)
    front_end = specification.front_end
    frames = front_end.frame_count(int(arguments.seconds * front_end.sample_rate_hz))
    features = torch.randn(arguments.clips, frames, front_end.values, device=device)
    lengths = torch.full((arguments.clips,), frames)

    def step(precision: Precision) -> float:
        clock = time.perf_counter if device.type == "cuda" else time.process_time
        begun = clock()
        model.zero_grad()
        with precision.forward():
            logits, _ = model.run(features, lengths)
        logits.float().logsumexp(-1).mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return clock() - begun

    ways = {"float32": Precision(False, device), "16 bits": Precision(True, device)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(arguments.steps + 1):
        for name, precision in ways.items():
            seconds = step(precision)
            if number:  # the first is a warm-up
                times[name].append(seconds)
    for name, taken in times.items():
        print(f"{name}  {statistics.median(taken):.3f} s")
    ratios = [ours / theirs for theirs, ours in zip(*times.values(), strict=True)]
    print(f"ratio    {statistics.median(ratios):.2f}; instructions for it: {has_fast_bfloat16()}")


if __name__ == "__main__":
    main()
