"""Time and peak memory of loading a checkpoint of a release's size (n_hidden 2048).

    python benchmarks/load_checkpoint.py [--n_hidden 2048] [--repeat 5]

Writes checkpoints of random weights, with and without Adam's moments, to a temporary folder, and
loads each in a process of its own. Peak memory is the growth of the process after its imports, to
be compared with the size of the tensors.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"


def load(path: str, optimizer: bool) -> dict[str, float]:
    """Load a checkpoint in this process; return seconds and bytes."""
    from coqui_stt_training.checkpoints.loading import load_source

    before, start = peak_bytes(), time.perf_counter()
    source = load_source(path, with_adam=optimizer)
    seconds = time.perf_counter() - start
    kinds = [source.tensors]
    if source.adam:
        kinds += [source.adam.first_moments, source.adam.second_moments]
    size = sum(tensor.nbytes for tensors in kinds for tensor in tensors.values())
    return {"seconds": seconds, "peak_bytes": peak_bytes() - before, "size_bytes": size}


def peak_bytes() -> int:
    """Return this process's largest resident size so far (Linux)."""
    status = Path("/proc/self/status").read_text()
    match = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    if match is None:
        raise SystemExit("peak memory is measured on Linux only")
    return int(match[1]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--n_hidden", type=int, default=2048)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        print(json.dumps(load(arguments.load[0], arguments.load[1] == "True")))
        return
    sys.path.insert(0, str(TESTS))
    from tensorflow_bundle_writer import random_tensors, write_checkpoint

    with tempfile.TemporaryDirectory() as folder:
        for adam in (True, False):
            tensors = random_tensors(arguments.n_hidden, 29, adam=adam)
            write_checkpoint(Path(folder) / str(adam), tensors)
        for adam, optimizer in ((True, True), (True, False), (False, True)):
            report(f"{folder}/{adam}", adam, optimizer, arguments.repeat)


def report(path: str, adam: bool, optimizer: bool, repeat: int) -> None:
    """Load a checkpoint several times and print the median."""
    command = [sys.executable, __file__, "--load", path, str(optimizer)]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(repeat)
    ]
    run = sorted(runs, key=lambda each: each["seconds"])[repeat // 2]
    stored, read = (
        "weights and Adam" if kind else "weights" for kind in (adam, adam and optimizer)
    )
    print(
        f"{stored} stored, {read} read: "
        f"{run['seconds']:.2f} s, {run['size_bytes'] / 1e6:.0f} MB, "
        f"peak {run['peak_bytes'] / run['size_bytes']:.2f} times that"
    )


if __name__ == "__main__":
    main()
