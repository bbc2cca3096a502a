"""The part of a `.scorer` file after the language model: parameters and dictionary.

Layout, little-endian, directly after the KenLM binary: int32 "TRIE", int32 version, uint8 unit to
score, float64 alpha, float64 beta, an OpenFst ConstFst of the words, a digest of the alphabet.
Upstream does not write the digest, and ignores it. Version 6 is upstream's. Version 7 scores
characters; upstream rejects it.
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
# The space in the language model of a scorer of characters, whose words cannot contain one.
SPACE_WORD = "<space>"


class Unit(IntEnum):
    """The unit that a scorer's language model scores, as stored in the file."""

    WORD = 0
    CODE_POINT = 1  # for a model that writes UTF-8 bytes
    CHARACTER = 2  # a label of the alphabet


def pack_dictionary(
    words: Sequence[Sequence[int]],
    alphabet: Alphabet,
    unit: Unit,
    alpha: float,
    beta: float,
    offset: int,
) -> bytes:
    """Return the header and the dictionary of a scorer file.

    Args:
        words: labels of each word, character or code point.
        alphabet: alphabet in which they are spelled.
        unit: unit that the language model scores.
        alpha: default weight of the language model.
        beta: default bonus for each word.
        offset: offset in the file at which the header will be; its padding depends on it.

    Raises:
        ScorerError: there are no words, the alphabet has no space to end words, or a code point is
            the beginning of another.
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
    """Return the size in bytes of the language model at the beginning of a file.

    Args:
        path: path of a KenLM binary, or of a scorer, which begins with one.

    Raises:
        ScorerError: the file is neither.
    """
    size, _ = _native.language_model_size(str(path))
    return size


def words_known(path: Path, words: Sequence[str]) -> list[bool]:
    """Return for each word whether it is in the vocabulary of a language model.

    Args:
        path: path of a KenLM binary, or of a scorer.
        words: words, spelled as in the text from which the language model was made.

    Raises:
        ScorerError: the file is neither.
    """
    return _native.model_knows(str(path), [word.encode() for word in words])


def set_parameters(path: Path, alpha: float, beta: float) -> None:
    """Write new defaults for alpha and beta into a scorer file.

    Raises:
        ScorerError: the file is not a scorer of a known version.
        OSError: the file cannot be written.
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
    # Upstream rounds them to float32 before it stores them as float64.
    (narrow,) = struct.unpack("<f", struct.pack("<f", value))
    return float(narrow)
