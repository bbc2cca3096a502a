"""Rows of an output layer that a new alphabet takes from a source's: one a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coqui_stt_ctcdecoder.alphabet import Alphabet


def shared_rows(source: Alphabet, target: Alphabet) -> dict[int, int]:
    """Return for each class of `target` that `source` has too, the class there; blank included.

    A letter that the source has in the other case only is taken from there.
    """
    positions = {label: index for index, label in enumerate(source.label_bytes())}
    rows = {}
    for index, label in enumerate(target.label_bytes()):
        for spelling in (label, *([] if target.is_bytes else _other_cases(label))):
            if spelling in positions:
                rows[index] = positions[spelling]
                break
    rows[target.blank] = source.blank
    return rows


def _other_cases(label: bytes) -> list[bytes]:
    text = label.decode()
    return [changed.encode() for changed in (text.lower(), text.upper()) if changed != text]


def similar_rows(
    source: Alphabet, target: Alphabet, similar: Mapping[str, Sequence[str]]
) -> dict[int, tuple[int, ...]]:
    """Return for each class of `target` that is similar to classes of `source`, these classes."""
    positions = {label: index for index, label in enumerate(source.labels)}
    return {
        index: tuple(positions[one] for one in similar[label])
        for index, label in enumerate(target.labels)
        if label in similar
    }
