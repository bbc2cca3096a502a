"""What this machine can do at most, on one core: measured, since data sheets know no neighbours."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from stt._native import Int8Matrix, multiply_int8

from .measuring import best_cpu_seconds, best_wall_seconds

_ROUNDS = 9


@cache
def float_operations_a_second() -> float:
    """Return how many float32 operations products of matrices reach (NumPy's BLAS)."""
    size = 768
    a = np.full((size, size), 0.5, np.float32)
    return 2 * size**3 / best_cpu_seconds(lambda: a @ a, _ROUNDS)


@cache
def int8_products_a_second() -> float:
    """Return how many multiplications of int8 our kernels reach where all lies in the caches."""
    rows, columns, count = 256, 1024, 96
    matrix = Int8Matrix(rows, columns)
    x = np.ones((count, columns), np.float32)
    # What is not multiplying, rounding x above all, costs the same with no rows to speak of.
    few = Int8Matrix(1, columns)
    whole, rest = (
        best_cpu_seconds(lambda m=m: multiply_int8(m, 1.0, x, None, None, None, 1), 4 * _ROUNDS)
        for m in (matrix, few)
    )
    return (rows - 64) * columns * count / (whole - rest)  # few rows are filled up to 64


@cache
def bytes_read_a_second(size: int) -> float:
    """Return how fast so many bytes are read again and again: caches count where they hold them."""
    values = np.ones(max(1, size // 4), np.float32)
    repeats = max(1, (1 << 26) // size)

    def read() -> None:
        for _ in range(repeats):
            values.dot(values)

    return repeats * values.nbytes / best_cpu_seconds(read, _ROUNDS)


@dataclass(frozen=True)
class Disk:
    """Seconds to write and to read a plain file."""

    write_seconds: float
    read_seconds: float


def plain_file(folder: Path, size: int, rounds: int) -> Disk:
    """Return how long a file of so many bytes takes, written through to the disk, and read."""
    path = folder / "plain"
    content = np.random.default_rng(0).bytes(min(size, 1 << 24))

    def write() -> None:
        with path.open("wb") as file:
            for start in range(0, size, len(content)):
                file.write(content[: size - start])
            file.flush()
            os.fsync(file.fileno())

    def read() -> None:
        buffer = bytearray(1 << 24)
        with path.open("rb") as file:
            while file.readinto(buffer):
                pass

    return Disk(best_wall_seconds(write, rounds), best_wall_seconds(read, rounds))


def describe_machine() -> dict[str, float]:
    """Return all limits, for the head of the table."""
    large = 1 << 28
    return {
        "float32 products, GFLOP/s": float_operations_a_second() / 1e9,
        "int8 products, thousand million a second": int8_products_a_second() / 1e9,
        "reading memory, GB/s": bytes_read_a_second(large) / 1e9,
        "cores": float(os.cpu_count() or 1),
        "taken at": time.time(),
    }
