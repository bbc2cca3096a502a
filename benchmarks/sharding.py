"""Memory and CPU time of processes that split the weights among them (`--shard_weights`).

    python benchmarks/sharding.py [--processes 2] [--width 768] [--blocks 12] [--mixed]
    python benchmarks/sharding.py --table

The first command trains a random wav2vec 2.0 encoder of that size on a second of noise, in
processes that each have all weights, and then in processes that split them. It prints the peak
memory of a process in a step, beyond its memory before the model, and the CPU time; it needs Linux.
The second command computes the memory that models need, without that of a batch: 4 bytes each for a
weight, its gradient and its average, and 8 for the moments of Adam.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.multiprocessing

from coqui_stt_training.cli.launch import Launch
from coqui_stt_training.models.acoustic_model import build
from coqui_stt_training.models.conformer.specification import ConformerEncoder
from coqui_stt_training.models.specification import Specification, parameter_count
from coqui_stt_training.models.wav2vec2.specification import Wav2Vec2Encoder
from coqui_stt_training.models.whisper.specification import WhisperEncoder
from coqui_stt_training.training.average import WeightAverage
from coqui_stt_training.training.distributed import World, joined
from coqui_stt_training.training.optimizer import Adam
from coqui_stt_training.training.precision import Precision

_XLS_R = {"norm_first": True, "convolution_norm": "layer", "convolution_bias": True}
_MODELS = {
    "Whisper large-v3": WhisperEncoder(width=1280, attention_heads=20, blocks=32, mel_channels=128),
    "w2v-BERT 2.0": ConformerEncoder(
        stem="projection", reduction=2, mel_channels=80, width=1024, attention_heads=16, blocks=24,
        mlp_width=4096, kernel=31, positions="distances", causal=True, convolution_norm="layer",
        convolution_bias=False,
    ),
    "MMS-1B, XLS-R 1B": Wav2Vec2Encoder(
        width=1280, attention_heads=16, blocks=48, mlp_width=5120, **_XLS_R  # type: ignore[arg-type]
    ),
    "XLS-R 2B": Wav2Vec2Encoder(
        width=1920, attention_heads=16, blocks=48, mlp_width=7680, **_XLS_R  # type: ignore[arg-type]
    ),
}  # fmt: skip
_BYTES = 4 + 4 + 4 + 8
_SIZES = (1, 2, 4, 8)


def print_table() -> None:
    """Print the memory that models need in processes that split the weights."""
    print("| | parameters |", *(f"{size} |" for size in _SIZES), "beside, to validate |")
    print("|---" * (len(_SIZES) + 3) + "|")
    for name, specification in _MODELS.items():
        count = parameter_count(specification)
        cells = [f"{count * _BYTES / size / 1e9:.1f} GB |" for size in _SIZES]
        print(f"| {name} | {count / 1e6:,.0f} million |", *cells, f"{4 * count / 1e9:.1f} GB |")


def measure(rank: int, args: argparse.Namespace, *, shares: bool) -> None:
    """Measure in one process; the first process prints."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "MASTER_PORT": str(args.port),
                   "WORLD_SIZE": str(args.processes), "MASTER_ADDR": "127.0.0.1"}  # fmt: skip
    torch.set_num_threads(1)
    specification = Wav2Vec2Encoder(
        width=args.width, attention_heads=args.width // 64, blocks=args.blocks,
        mlp_width=4 * args.width, n_classes=32,
    )  # fmt: skip
    with joined(Launch.read(), shares_weights=shares) as world:
        take_steps(world, specification, args.steps, Precision(args.mixed, torch.device("cpu")))


def take_steps(
    world: World, specification: Specification, count: int, precision: Precision
) -> None:
    """Train for some steps, validate, and print memory and time."""
    before, parameters = own_bytes(), parameter_count(specification)
    model = build(specification)
    model.initialize(1)
    world.place(model, torch.device("cpu"))
    adam, average = Adam(model, 1e-4, 0.9, 0.999, 1e-8), WeightAverage(model)
    gradients = world.gradients(list(model.parameters()))
    x, lengths = torch.randn(1, 16000, 1), torch.tensor([16000])

    def step() -> None:
        adam.zero_grad()
        gradients.expect()
        with world.stepping():
            with precision.forward():
                loss = model.run(x, lengths)[0].float().square().mean()
            precision.backward(loss)
        gradients.finish()
        adam.step()
        average.update(model)

    @torch.no_grad()
    def validate() -> None:
        world.whole(average.model).run(x, lengths)

    step()
    took = []
    for _ in range(count):
        begun = time.process_time()
        most = peak_bytes(step) - before
        took.append(time.process_time() - begun)
    adam.zero_grad()
    validating = peak_bytes(validate) - before
    if world.is_first:
        print(
            f"{'shared out' if world.shares_weights else 'all of them':12}"
            f"{most / 1e9:6.2f} GB in a step, {most / parameters:4.1f} bytes a parameter;"
            f"{validating / 1e9:6.2f} GB to validate; {statistics.median(took):6.2f} CPU-s a step"
        )


def peak_bytes(work: Callable[[], None]) -> int:
    """Return the peak memory of this process during some work, measured continuously."""
    most, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(0.002):
            most[0] = max(most[0], own_bytes())

    watcher = threading.Thread(target=look)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return most[0]


def own_bytes() -> int:
    """Return the private main memory of this process, without files of programs."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def whole(rank: int, args: argparse.Namespace) -> None:
    """Measure a process with all weights."""
    measure(rank, args, shares=False)


def shared_out(rank: int, args: argparse.Namespace) -> None:
    """Measure a process with a part of the weights."""
    measure(rank, args, shares=True)


def main() -> None:
    """Print the table, or start the processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--mixed", action="store_true", help="compute in bfloat16")
    parser.add_argument("--port", type=int, default=29412)
    args = parser.parse_args()
    if args.table:
        print_table()
        return
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"  # otherwise glibc keeps freed memory
    for work in (whole, shared_out):
        torch.multiprocessing.spawn(work, (args,), args.processes)


if __name__ == "__main__":
    main()
