"""Restrict language models in ARPA format to a vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path

from .kenlm import LanguageModelError

_RESERVED_WORDS = frozenset({"<s>", "</s>", "<unk>"})


def keep_words(source: Path, target: Path, words: Set[str]) -> list[int]:
    """Copy a model without the n-grams that contain words other than these.

    Probabilities and back-off weights do not change, so the model scores any text in these words
    as before.

    Returns:
        The number of n-grams kept, by order.

    Raises:
        LanguageModelError: `source` is not an ARPA file, or is cut off.
    """
    kept = words | _RESERVED_WORDS
    counts: dict[int, int] = {}
    for order, line in _ngrams(source):
        counts[order] = counts.get(order, 0) + _is_kept(line, order, kept)
    with target.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\\data\\\n")
        file.writelines(f"ngram {order}={count}\n" for order, count in sorted(counts.items()))
        current = 0
        for order, line in _ngrams(source):
            if order != current:
                file.write(f"\n\\{order}-grams:\n")
                current = order
            if _is_kept(line, order, kept):
                file.write(line)
        file.write("\n\\end\\\n")
    return [counts[order] for order in sorted(counts)]


def _is_kept(line: str, order: int, words: Set[str]) -> bool:
    # A line holds a probability, `order` words and, except in the highest order, a back-off.
    return all(word in words for word in line.rstrip("\n").split("\t")[1].split(" ", order))


def _ngrams(path: Path) -> Iterator[tuple[int, str]]:
    order = 0
    with path.open(encoding="utf-8", newline="\n") as file:
        if next(file, "").strip() != "\\data\\":
            raise LanguageModelError(f"{path} is not an ARPA file")
        for line in file:
            if line.startswith("\\") and line.endswith("-grams:\n"):
                order = int(line[1 : line.index("-")])
            elif line.startswith("\\end\\"):
                return
            elif order and line != "\n":
                yield order, line
    raise LanguageModelError(f"{path} ends before its \\end\\")
