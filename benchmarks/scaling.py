"""The cost of summing gradients in training with several processes on this machine.

    python benchmarks/scaling.py [--processes 2] [--n_hidden 512] [--steps 10]

Steps with and without summing are interleaved, with one thread in each process. The efficiency is
the share of computing in the time. All processes compute in both kinds of steps, so shared
resources such as memory bandwidth do not influence the ratio. If other programs use the machine,
compare CPU times: a step waits for the process that gets the least.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

import torch
import torch.multiprocessing
from training_step import CLASSES, read_batch

from coqui_stt_training.cli.launch import Launch
from coqui_stt_training.models.acoustic_model import build
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.scoring.ctc import ctc_losses
from coqui_stt_training.training.distributed import ALONE, World, joined
from coqui_stt_training.training.optimizer import Adam


def measure(rank: int, args: argparse.Namespace) -> None:
    """Measure in one process; the first process prints."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "MASTER_PORT": str(args.port),
                   "WORLD_SIZE": str(args.processes), "MASTER_ADDR": "127.0.0.1"}  # fmt: skip
    torch.set_num_threads(1)
    with joined(Launch.read()) as world:
        took = take_turns(world, args)
        if world.is_first:
            report(took, args)


def take_turns(world: World, args: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """Return the wall and CPU seconds of each step, without and with summing."""
    model = build(Geometry(args.n_hidden, CLASSES))
    model.initialize(1)
    optimizer = Adam(model, 1e-4, 0.9, 0.999, 1e-8)
    batch = read_batch(None)
    parameters = list(model.parameters())
    ways = {"alone": ALONE.gradients(parameters), "summed": world.gradients(parameters)}
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(args.steps + 1):
        for name, gradients in ways.items():
            world.total(0.0)  # all processes begin at the same time
            wall, cpu = time.perf_counter(), time.process_time()
            optimizer.zero_grad()
            gradients.expect()
            losses = ctc_losses(model(batch.features, batch.lengths), batch)
            torch.autograd.backward(losses.mean())
            gradients.finish()
            optimizer.step()
            if number:  # the first is a warm-up
                took[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return took


def report(took: dict[str, list[tuple[float, float]]], args: argparse.Namespace) -> None:
    """Print the medians, and the median ratio of neighbouring steps."""
    for name, times in took.items():
        wall, cpu = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name:8} {wall:7.0f} ms wall {cpu:7.0f} CPU-ms a step")
    for place, unit in ((1, "CPU time"), (0, "wall time")):
        ratios = [
            alone[place] / summed[place]
            for alone, summed in zip(took["alone"], took["summed"], strict=True)
        ]
        print(
            f"{args.processes} processes compute {100 * statistics.median(ratios):.0f} % of the "
            f"{unit}"
        )


def main() -> None:
    """Start the processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--n_hidden", type=int, default=512)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--port", type=int, default=29411)
    args = parser.parse_args()
    torch.multiprocessing.spawn(measure, (args,), args.processes)


if __name__ == "__main__":
    main()
