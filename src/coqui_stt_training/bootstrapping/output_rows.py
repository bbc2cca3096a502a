"""The rows of an output layer, one per class, that a new alphabet takes from the source's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coqui_stt_ctcdecoder.alphabet import Alphabet


def shared_rows(source: Alphabet, target: Alphabet) -> dict[int, int]:
    """Map each class of `target` that `source` also has to the class there, including the blank.

    A letter that the source has only in the other case is mapped to that one.
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
    """Map each class of `target` to the classes of `source` that it is similar to, if any."""
    return {
        index: tuple(source.encode_single(one) for one in similar[label])
        for index, label in enumerate(target.labels)
        if label in similar
    }
