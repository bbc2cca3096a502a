"""The part of a `.scorer` file that is not the language model: parameters and dictionary.

Layout, little-endian, directly after the KenLM binary: int32 "TRIE", int32 version, uint8 unit that
is scored, float64 alpha, float64 beta, then an OpenFst ConstFst of the words, then (ours alone,
ignored by upstream) a digest of the alphabet. Version 6 is upstream's; version 7 scores characters,
and is refused by upstream.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

from .alphabet import Alphabet
from .errors import ScorerError
from .native import _native

_HEADER = struct.Struct("<iiBdd")
_MAGIC, _VERSION, _CHARACTER_VERSION = 0x54524945, 6, 7
_PARAMETERS = struct.Struct("<dd")
# What the language model of a scorer of characters calls a space: its words cannot hold one.
SPACE_WORD = "<space>"


class Unit(IntEnum):
    """What the words of a scorer's language model are, as the file has it."""

    WORD = 0
    CODE_POINT = 1  # of a model that writes UTF-8 bytes
    CHARACTER = 2  # a label of the alphabet


def pack_dictionary(
    words: Sequence[Sequence[int]],
    alphabet: Alphabet,
    unit: Unit,
    alpha: float,
    beta: float,
    offset: int,
) -> bytes:
    """Return header and dictionary as they stand at byte `offset` of a scorer file.

    Args:
        words: the labels of each unit.
        alphabet: the alphabet that they are spelled in.
        unit: what is scored.
        alpha: default weight of the language model.
        beta: default worth of a word.
        offset: where it will stand; alignment depends on it.

    Raises:
        ScorerError: no units, no space to end words, or a code point is the beginning of another.
    """
    space = alphabet.space_label
    if unit is Unit.WORD and space < 0:
        raise ScorerError("the alphabet has no space, which must end the words of a scorer")
    end = [space] if unit is Unit.WORD else []
    version = _CHARACTER_VERSION if unit is Unit.CHARACTER else _VERSION
    header = _HEADER.pack(_MAGIC, version, unit, *(_as_float32(value) for value in (alpha, beta)))
    spelled = [[*word, *end] for word in words]
    return header + _native.build_dictionary(spelled, offset + len(header))


def language_model_bytes(path: Path) -> int:
    """Return how many bytes at the beginning of a file are its language model.

    Args:
        path: of a KenLM binary, or of a scorer, in which more comes after it.

    Raises:
        ScorerError: it is neither.
    """
    size, _ = _native.language_model_size(str(path))
    return size


def words_known(path: Path, words: Sequence[str]) -> list[bool]:
    """Return for each word whether a language model has it in its vocabulary.

    Args:
        path: of a KenLM binary, or of a scorer.
        words: as they were spelled in the text that it was made of.

    Raises:
        ScorerError: it is neither.
    """
    return _native.model_knows(str(path), [word.encode() for word in words])


def set_parameters(path: Path, alpha: float, beta: float) -> None:
    """Write new defaults for alpha and beta into a scorer file.

    Raises:
        ScorerError: it is not a scorer file.
        OSError: it cannot be written.
    """
    model_size = language_model_bytes(path)
    with path.open("r+b") as file:
        file.seek(model_size)
        header = file.read(_HEADER.size)
        known = [(_MAGIC, version) for version in (_VERSION, _CHARACTER_VERSION)]
        if len(header) < _HEADER.size or _HEADER.unpack(header)[:2] not in known:
            raise ScorerError(f"{path} is not a scorer of a known version")
        file.seek(model_size + _HEADER.size - _PARAMETERS.size)
        file.write(_PARAMETERS.pack(_as_float32(alpha), _as_float32(beta)))


def _as_float32(value: float) -> float:
    # Upstream keeps them as float32, widened.
    (narrow,) = struct.unpack("<f", struct.pack("<f", value))
    return float(narrow)
