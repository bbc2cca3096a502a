"""Alignment of the words, or characters, of a hypothesis with those of its reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rapidfuzz.distance import Levenshtein

# One character for each aligned pair: `=` equal, `S` substituted, `D` deleted, `I` inserted.
Operations = str
_LETTERS = {"equal": "=", "replace": "S", "delete": "D", "insert": "I"}
Item = TypeVar("Item")


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> Operations:
    """Return the operations that turn a reference into a hypothesis with the fewest errors."""
    return "".join(
        _LETTERS[step.tag] * max(step.src_end - step.src_start, step.dest_end - step.dest_start)
        for step in Levenshtein.opcodes(reference, hypothesis)
    )


def pairs(
    operations: Operations, reference: Sequence[Item], hypothesis: Sequence[Item]
) -> Iterator[tuple[str, Item | None, Item | None]]:
    """Yield each operation with its items of the reference and of the hypothesis, or None."""
    ahead, behind = iter(reference), iter(hypothesis)
    for letter in operations:
        yield (
            letter,
            None if letter == "I" else next(ahead),
            None if letter == "D" else next(behind),
        )
