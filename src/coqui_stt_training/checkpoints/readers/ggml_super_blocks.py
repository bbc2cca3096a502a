"""Decodes ggml's blocks of 256 values ("K-quants"): 8 or 16 parts, each with a small scale.

    q2_k  w = d s q - m o           16 parts: q has 2 bits, s and o have 4
    q3_k  w = d s (q - 4)           16 parts: q has 3 bits, s has 6 with a sign
    q4_k  w = d s q - m o           8 parts: q has 4 bits, s and o have 6
    q5_k  w = d s q - m o           8 parts: q has 5 bits, s and o have 6
    q6_k  w = d s (q - 32)          16 parts: q has 6 bits, s has 8 with a sign

d and m are float16 scales of the whole block, s and o are the scale and offset of a part, and q is
the integer of a value. Integers that share a byte are 64 or 32 values apart. The higher bits of
integers are stored separately from the lower ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SUPER_BLOCK = 256
_TWO_BITS, _BITS = np.array([0, 2, 4, 6], np.uint8), np.arange(8, dtype=np.uint8)
_FOUR_BITS = np.array([0, 4], np.uint8)


def _q2_k(blocks: Bytes) -> Floats:
    scales, packed, d, m = _cut(blocks, 16, 64, 2, 2)
    numbers = _unpacked(packed, 32, _TWO_BITS, 3).reshape(-1, 16, 16)
    factors, offsets = _half(d) * (scales & 15), _half(m) * (scales >> 4)
    return _whole(factors[..., None] * numbers - offsets[..., None])


def _q3_k(blocks: Bytes) -> Floats:
    high, packed, scales, d = _cut(blocks, 32, 64, 12, 2)
    low = scales[:, :8, None].reshape(-1, 1, 8) >> _FOUR_BITS[:, None] & 15
    top = scales[:, 8:, None].reshape(-1, 1, 4) >> _TWO_BITS[:, None] & 3
    factors = (low.reshape(-1, 16) | (top.reshape(-1, 16) << 4)).astype(np.int16) - 32
    above = _unpacked(high, 32, _BITS, 1).reshape(-1, SUPER_BLOCK)
    below = _unpacked(packed, 32, _TWO_BITS, 3).reshape(-1, SUPER_BLOCK)
    numbers = (below | (above << 2)).astype(np.int16) - 4
    return _whole((_half(d) * factors)[..., None] * numbers.reshape(-1, 16, 16))


def _q4_k(blocks: Bytes) -> Floats:
    d, m, scales, packed = _cut(blocks, 2, 2, 12, 128)
    return _with_offsets(d, m, scales, _unpacked(packed, 32, _FOUR_BITS, 15))


def _q5_k(blocks: Bytes) -> Floats:
    d, m, scales, high, packed = _cut(blocks, 2, 2, 12, 32, 128)
    below = _unpacked(packed, 32, _FOUR_BITS, 15).reshape(-1, 8, 32)
    above = _unpacked(high, 32, _BITS, 1).reshape(-1, 8, 32)
    return _with_offsets(d, m, scales, below | (above << 4))


def _q6_k(blocks: Bytes) -> Floats:
    packed, high, scales, d = _cut(blocks, 128, 64, 16, 2)
    below = _unpacked(packed, 64, _FOUR_BITS, 15).reshape(-1, SUPER_BLOCK)
    above = _unpacked(high, 32, _TWO_BITS, 3).reshape(-1, SUPER_BLOCK)
    numbers = (below | (above << 4)).astype(np.int16) - 32
    factors = _half(d) * np.ascontiguousarray(scales).view(np.int8)
    return _whole(factors[..., None] * numbers.reshape(-1, 16, 16))


def _with_offsets(d: Bytes, m: Bytes, scales: Bytes, numbers: NDArray[Any]) -> Floats:
    """Return w = d s q - m o; the scales s and offsets o of 8 parts share 12 bytes."""
    first, second, last = scales[:, :4], scales[:, 4:8], scales[:, 8:]
    factors = np.concatenate([first & 63, (last & 15) | (first >> 6 << 4)], axis=1)
    offsets = np.concatenate([second & 63, (last >> 4) | (second >> 6 << 4)], axis=1)
    parts = numbers.reshape(-1, 8, 32)
    return _whole((_half(d) * factors)[..., None] * parts - (_half(m) * offsets)[..., None])


def _cut(blocks: Bytes, *sizes: int) -> list[Bytes]:
    """Split bytes `[blocks, size]` into fields of the given sizes."""
    return np.split(blocks, np.cumsum(sizes)[:-1], axis=1)


def _unpacked(packed: Bytes, run: int, shifts: NDArray[Any], mask: int) -> Bytes:
    """Unpack integers: for each run of bytes, those in the lowest bits first, then those above."""
    runs = packed.reshape(len(packed), -1, 1, run)
    return np.asarray((runs >> shifts[:, None]) & np.uint8(mask))


def _half(field: Bytes) -> Floats:
    return np.asarray(np.ascontiguousarray(field).view("<f2"), np.float32)


def _whole(values: NDArray[Any]) -> Floats:
    return np.asarray(values, np.float32).reshape(-1, SUPER_BLOCK)


# By type number: name, size of a block in bytes, and the function that decodes blocks.
SUPER_BLOCKS: dict[int, tuple[str, int, Callable[[Bytes], Floats]]] = {
    10: ("q2_k", 84, _q2_k),
    11: ("q3_k", 110, _q3_k),
    12: ("q4_k", 144, _q4_k),
    13: ("q5_k", 176, _q5_k),
    14: ("q6_k", 210, _q6_k),
}
