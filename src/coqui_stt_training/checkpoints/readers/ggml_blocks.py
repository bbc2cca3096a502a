"""Decodes ggml's types: floats, or blocks of small integers with a common scale.

    q8_0  f16 scale                 32 x int8                        w = scale q
    q4_0  f16 scale                 32 x 4 bits                      w = scale (q - 8)
    q4_1  f16 scale, f16 offset     32 x 4 bits                      w = scale q + offset
    q5_0  f16 scale                 uint32 of high bits, 32 x 4      w = scale (q - 16)
    q5_1  f16 scale, f16 offset     uint32 of high bits, 32 x 4      w = scale q + offset

A byte holds two 4-bit integers: its lower half belongs to the first half of the block. Blocks of
256 values, whose parts have their own scales, are in `ggml_super_blocks.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ggml_super_blocks import SUPER_BLOCK, SUPER_BLOCKS

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_BLOCK = 32


@dataclass(frozen=True)
class BlockType:
    """A type of ggml.

    Attributes:
        name: ggml's name of the type.
        values: number of values of a block.
        size: size of a block in bytes.
        decode: converts bytes `[blocks, size]` to values `[blocks, values]`.
    """

    name: str
    values: int
    size: int
    decode: Callable[[Bytes], Floats]

    @property
    def is_quantised(self) -> bool:
        """Whether the type is quantised: a block of integers with a scale."""
        return self.values > 1


def _plain(stored: str) -> Callable[[Bytes], Floats]:
    return lambda blocks: np.asarray(_as(blocks, stored), np.float32)


def _bfloat16(blocks: Bytes) -> Floats:
    return np.asarray((_as(blocks, "<u2").astype(np.uint32) << 16).view(np.float32))


def _q8_0(blocks: Bytes) -> Floats:
    return _scale(blocks) * _as(blocks[:, 2:], "i1").astype(np.int16)


def _q4_0(blocks: Bytes) -> Floats:
    return _scale(blocks) * (_nibbles(blocks[:, 2:]) - 8)


def _q4_1(blocks: Bytes) -> Floats:
    return _scale(blocks) * _nibbles(blocks[:, 4:]) + _offset(blocks)


def _q5_0(blocks: Bytes) -> Floats:
    return _scale(blocks) * (_nibbles(blocks[:, 6:]) + _high_bits(blocks[:, 2:6]) - 16)


def _q5_1(blocks: Bytes) -> Floats:
    numbers = _nibbles(blocks[:, 8:]) + _high_bits(blocks[:, 4:8])
    return _scale(blocks) * numbers + _offset(blocks)


def _scale(blocks: Bytes) -> Floats:
    return np.asarray(_as(blocks[:, :2], "<f2"), np.float32)


def _offset(blocks: Bytes) -> Floats:
    return np.asarray(_as(blocks[:, 2:4], "<f2"), np.float32)


def _nibbles(packed: Bytes) -> NDArray[np.int16]:
    return np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.int16)


def _high_bits(packed: Bytes) -> NDArray[np.int16]:
    shifts = np.arange(_BLOCK, dtype=np.uint32)
    return (((_as(packed, "<u4") >> shifts) & 1) << 4).astype(np.int16)


def _as(blocks: Bytes, stored: str) -> NDArray[Any]:
    return np.ascontiguousarray(blocks).view(stored)


# By type number.
BLOCK_TYPES = {
    0: BlockType("f32", 1, 4, _plain("<f4")),
    1: BlockType("f16", 1, 2, _plain("<f2")),
    2: BlockType("q4_0", _BLOCK, 18, _q4_0),
    3: BlockType("q4_1", _BLOCK, 20, _q4_1),
    6: BlockType("q5_0", _BLOCK, 22, _q5_0),
    7: BlockType("q5_1", _BLOCK, 24, _q5_1),
    8: BlockType("q8_0", _BLOCK, 34, _q8_0),
    **{
        number: BlockType(name, SUPER_BLOCK, size, decode)
        for number, (name, size, decode) in SUPER_BLOCKS.items()
    },
    30: BlockType("bf16", 1, 2, _bfloat16),
}
KNOWN_TYPES = ", ".join(kind.name for kind in BLOCK_TYPES.values())


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as it is stored in a file.

    Attributes:
        shape: its shape, the outermost dimension first.
        type: type of its values.
        content: bytes of its values.
    """

    shape: tuple[int, ...]
    type: BlockType
    content: memoryview

    def decode(self) -> Floats:
        """Return the values as float32."""
        blocks = np.frombuffer(self.content, np.uint8).reshape(-1, self.type.size)
        with np.errstate(over="ignore", invalid="ignore"):  # NaN is refused later
            return self.type.decode(blocks).reshape(self.shape)
