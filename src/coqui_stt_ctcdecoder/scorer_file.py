"""The part of a `.scorer` file that is not the language model: parameters and dictionary.

Layout, little-endian, directly after the KenLM binary: int32 "TRIE", int32 version, uint8 UTF-8
mode, float64 alpha, float64 beta, then an OpenFst ConstFst of the words, then (ours alone, ignored
by upstream) a digest of the alphabet.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from .alphabet import Alphabet
from .errors import ScorerError
from .native import _native

_HEADER = struct.Struct("<iiBdd")
_MAGIC, _VERSION = 0x54524945, 6
_PARAMETERS = struct.Struct("<dd")


def pack_dictionary(
    words: Sequence[Sequence[int]],
    alphabet: Alphabet,
    utf8_mode: bool,
    alpha: float,
    beta: float,
    offset: int,
) -> bytes:
    """Return header and dictionary as they stand at byte `offset` of a scorer file.

    Args:
        words: the labels of each word; in UTF-8 mode, of each code point.
        alphabet: the alphabet that they are spelled in.
        utf8_mode: whether code points are scored instead of words.
        alpha: default weight of the language model.
        beta: default worth of a word.
        offset: where it will stand; alignment depends on it.

    Raises:
        ScorerError: no words, no space to end them, or in UTF-8 mode one is the beginning of
            another.
    """
    space = alphabet.space_label
    if not utf8_mode and space < 0:
        raise ScorerError("the alphabet has no space, which has to end the words of a scorer")
    end = [] if utf8_mode else [space]
    header = _HEADER.pack(
        _MAGIC, _VERSION, utf8_mode, *(_as_float32(value) for value in (alpha, beta))
    )
    spelled = [[*word, *end] for word in words]
    return header + _native.build_dictionary(spelled, offset + len(header))


def set_parameters(path: Path, alpha: float, beta: float) -> None:
    """Write new defaults for alpha and beta into a scorer file.

    Raises:
        ScorerError: it is not a scorer file.
        OSError: it cannot be written.
    """
    model_size, _ = _native.language_model_size(str(path))
    with path.open("r+b") as file:
        file.seek(model_size)
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size or _HEADER.unpack(header)[:2] != (_MAGIC, _VERSION):
            raise ScorerError(f"{path} is not a scorer of a known version")
        file.seek(model_size + _HEADER.size - _PARAMETERS.size)
        file.write(_PARAMETERS.pack(_as_float32(alpha), _as_float32(beta)))


def _as_float32(value: float) -> float:
    # Upstream keeps them as float32, widened.
    (narrow,) = struct.unpack("<f", struct.pack("<f", value))
    return float(narrow)
