"""Rows of an output layer that a new alphabet takes from a source's: one a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coqui_stt_ctcdecoder.alphabet import Alphabet


def shared_rows(source: Alphabet, target: Alphabet) -> dict[int, int]:
    """Return for each class of `target` that `source` has too, the class there; blank included.

    A letter that the source has in the other case only is taken from there.
    """
    if source.is_bytes or target.is_bytes:
        positions = {label: index for index, label in enumerate(source.label_bytes())}
        labels = enumerate(target.label_bytes())
        rows = {index: positions[label] for index, label in labels if label in positions}
    else:
        rows = {
            index: source.encode_single(spelling)
            for index, label in enumerate(target.labels)
            for spelling in (label.upper(), label.lower(), label)  # of several, the last
            if source.can_encode_single(spelling)
        }
    return rows | {target.blank: source.blank}


def similar_rows(
    source: Alphabet, target: Alphabet, similar: Mapping[str, Sequence[str]]
) -> dict[int, tuple[int, ...]]:
    """Return for each class of `target` that is similar to classes of `source`, these classes."""
    return {
        index: tuple(source.encode_single(one) for one in similar[label])
        for index, label in enumerate(target.labels)
        if label in similar
    }
