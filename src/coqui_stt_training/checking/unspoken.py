"""What stands in transcripts and is not read as letters are: numbers, tags of noises, symbols."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_TAG = re.compile(r"\[[^\[\]]*\]|<[^<>]*>|\{[^{}]*\}|\([^()]*\)|\*[^\s*]+\*")
_JOINERS = "\u200c\u200d"  # which belong to the spelling of some scripts
_SHOWN = 5


@dataclass(frozen=True)
class Unspoken:
    """Something of one kind.

    Attributes:
        kind: of it: `numbers`, `tags`, `symbols`, or `invisible`.
        examples: the commonest, that one first; those that take no room by their code point.
        places: of the clips that have it.
    """

    kind: str
    examples: tuple[str, ...]
    places: tuple[str, ...]


def find_unspoken(transcripts: Iterable[tuple[str, str]]) -> tuple[Unspoken, ...]:
    """Return what is there of each kind.

    Args:
        transcripts: place and text of each.
    """
    examples: dict[str, Counter[str]] = defaultdict(Counter)
    places: dict[str, dict[str, None]] = defaultdict(dict)
    for place, text in transcripts:
        if text.replace(" ", "").isalpha():
            continue
        for kind, example in _found(text):
            examples[kind][example] += 1
            places[kind][place] = None
    return tuple(
        Unspoken(kind, tuple(one for one, _ in found.most_common(_SHOWN)), tuple(places[kind]))
        for kind, found in sorted(examples.items())
    )


def _found(text: str) -> Iterator[tuple[str, str]]:
    for tag in _TAG.findall(text):
        yield "tags", tag
    rest = _TAG.sub(" ", text)
    for number in re.findall(r"\d+", rest):
        yield "numbers", number
    for one in rest:
        category = unicodedata.category(one)
        if category in ("Cf", "Co", "Cn", "Cc") and not one.isspace() and one not in _JOINERS:
            yield "invisible", f"U+{ord(one):04X}"
        elif category in ("So", "Sm", "Sc", "No", "Nl") or one in "%@#&_\\/":
            yield "symbols", one
