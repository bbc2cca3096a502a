"""The difference between two alphabets, as text."""

from __future__ import annotations

from coqui_stt_ctcdecoder.alphabet import Alphabet, describe_codepoints
from stt.counted import some_of


def describe_difference(source: Alphabet, target: Alphabet) -> str:
    """Describe how two alphabets differ: the labels that only one has, or just the order."""
    if source.is_bytes != target.is_bytes:
        kinds = ["bytes" if alphabet.is_bytes else "characters" for alphabet in (source, target)]
        return f"the source writes {kinds[0]}, the new model {kinds[1]}"
    missing = [label for label in target.labels if not source.can_encode_single(label)]
    gone = [label for label in source.labels if not target.can_encode_single(label)]
    parts = []
    if missing:
        parts.append(f"{len(missing)} new: {_list_labels(missing)}")
    if gone:
        parts.append(f"{len(gone)} removed: {_list_labels(gone)}")
    return "; ".join(parts) or "the same characters in a different order"


def _list_labels(labels: list[str]) -> str:
    return some_of([f"{label!r} ({describe_codepoints(label)})" for label in labels], most=12)
