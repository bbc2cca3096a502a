"""The limits of this machine on one core, measured, because other processes share it."""

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
    """Return the float32 operations per second of matrix products (NumPy's BLAS)."""
    size = 768
    a = np.full((size, size), 0.5, np.float32)
    return 2 * size**3 / best_cpu_seconds(lambda: a @ a, _ROUNDS)


@cache
def int8_products_a_second() -> float:
    """Return the int8 multiplications per second of our kernels, with all data in the caches."""
    rows, columns, count = 256, 1024, 96
    matrix = Int8Matrix(rows, columns)
    x = np.ones((count, columns), np.float32)
    # The other work, most of all rounding x, takes the same time with few rows.
    few = Int8Matrix(1, columns)
    whole, rest = (
        best_cpu_seconds(lambda m=m: multiply_int8(m, 1.0, x, None, None, None, 1), 4 * _ROUNDS)
        for m in (matrix, few)
    )
    return (rows - 64) * columns * count / (whole - rest)  # few rows are padded to 64


@cache
def bytes_read_a_second(size: int) -> float:
    """Return the bytes per second of reading a range repeatedly, from caches if it fits."""
    values = np.ones(max(1, size // 4), np.float32)
    repeats = max(1, (1 << 26) // size)

    def read() -> None:
        for _ in range(repeats):
            values.dot(values)

    return repeats * values.nbytes / best_cpu_seconds(read, _ROUNDS)


@dataclass(frozen=True)
class Disk:
    """Seconds for writing and for reading a plain file."""

    write_seconds: float
    read_seconds: float


def plain_file(folder: Path, size: int, rounds: int) -> Disk:
    """Return the time for writing a file of a size through to the disk, and for reading it."""
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
    """Return all limits, for the header of the table."""
    large = 1 << 28
    return {
        "float32 products, GFLOP/s": float_operations_a_second() / 1e9,
        "int8 products, thousand million a second": int8_products_a_second() / 1e9,
        "reading memory, GB/s": bytes_read_a_second(large) / 1e9,
        "cores": float(os.cpu_count() or 1),
        "taken at": time.time(),
    }
