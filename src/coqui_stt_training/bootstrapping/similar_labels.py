"""Labels of a source that sound like a label of the new alphabet, whose row can start from theirs.

Scripts differ more than sounds do. So an output layer for another script can start from what the
source knows about its sounds, instead of random weights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from coqui_stt_ctcdecoder.alphabet import Alphabet, describe_codepoints

from ..corpus.romanizer import read_character_map, romanizer
from ..errors import BootstrapError

AUTO = "auto"

# Maps labels of the new alphabet to labels of the source, whose rows are averaged.
SimilarLabels = Mapping[str, Sequence[str]]


def similar_labels(map_alphabet: str, source: Alphabet, target: Alphabet) -> SimilarLabels:
    """Return the similar labels that `--map_alphabet` asks for.

    Args:
        map_alphabet: path of a table, or `auto`: labels with the same romanisation.
        source: alphabet of the source model.
        target: alphabet of the new model.

    Raises:
        BootstrapError: an alphabet has bytes, the table names labels that an alphabet lacks, or no
            labels are similar.
        FlagError: uroman is not installed.
        UserError: the table cannot be read.
    """
    if source.is_bytes or target.is_bytes:
        raise BootstrapError("--map_alphabet: bytes have no sounds; leave the flag out")
    if map_alphabet == AUTO:
        similar = labels_that_sound_alike(source, target, romanizer("--map_alphabet auto"))
    else:
        similar = _read_table(map_alphabet, source, target)
    if not similar:
        raise BootstrapError(
            f"--map_alphabet {map_alphabet}: no label of the new alphabet sounds similar to one "
            "of the source; leave the flag out"
        )
    return similar


def labels_that_sound_alike(
    source: Alphabet, target: Alphabet, romanize: Callable[[str], str]
) -> dict[str, list[str]]:
    """Map labels of the target to labels of the source with the same romanisation.

    If there is none, the romanisation is split into romanisations of source labels, longest first.

    Args:
        source: alphabet of the source model.
        target: alphabet of the new model.
        romanize: returns the romanisation of a label.
    """
    sounds: dict[str, list[str]] = defaultdict(list)
    for label in source.labels:
        sound = romanize(label).casefold()
        if sound.strip():
            sounds[sound].append(label)
    alike = {}
    for label in target.labels:
        sound = romanize(label).casefold()
        if sound.strip():
            alike[label] = [one for part in _parts(sound, sounds) for one in sounds[part]]
    return {label: labels for label, labels in alike.items() if labels}


def _parts(sound: str, known: Mapping[str, object]) -> list[str]:
    """Split a romanisation into known ones, longest first; skip letters in between."""
    parts = []
    while sound:
        length = next((n for n in range(len(sound), 0, -1) if sound[:n] in known), 0)
        if length:
            parts.append(sound[:length])
        sound = sound[length or 1 :]
    return parts


def _read_table(path: str, source: Alphabet, target: Alphabet) -> dict[str, list[str]]:
    """Read a table whose lines have a label, a tab, and labels of the source."""
    similar = {}
    problems = []
    for label, text in read_character_map(Path(path)).items():
        unknown = source.unknown_characters(text)
        if not target.can_encode_single(label):
            problems.append(f"{_named(label)} is not in the new alphabet")
        elif unknown:
            problems.append(f"{', '.join(map(_named, unknown))} is not in the source's alphabet")
        elif text:
            own = target.decode_single(target.encode_single(label))
            similar[own] = [source.decode_single(one) for one in source.encode(text)]
    if problems:
        raise BootstrapError(f"--map_alphabet {path}: " + "; ".join(problems))
    return similar


def _named(label: str) -> str:
    return f"{label!r} ({describe_codepoints(label)})"
