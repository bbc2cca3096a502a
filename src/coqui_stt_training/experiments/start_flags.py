"""The flags that say where a training starts: at what source, with what output."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder import Alphabet

from ..bootstrapping.new_output import OUTPUT_OF_ROWS, new_output_flags
from ..checkpoints.source import SourceModel
from ..corpus import Normalizer, pieces_of

# Of the new output layer; beside them the alphabet is decided here.
_OF_OUTPUT = frozenset(
    {"drop_source_layers", "map_shared_characters", "map_alphabet", "extend_alphabet"}
)


def start_flags(
    source: SourceModel | None,
    alphabet: Path | None,
    given: Mapping[str, Any],
    transcripts: Iterable[str],
) -> dict[str, Any]:
    """Return the flags that say where training starts, and what writes the new alphabet.

    A source that can write every character of the data is kept whole, with its alphabet; else its
    output is made anew, as `new_output_flags` says.

    Args:
        source: the model; None from scratch.
        alphabet: file of the data's characters; None for a model that writes bytes.
        given: flags that were given, which win.
        transcripts: of the data.
    """
    wanted = {"alphabet_config_path": str(alphabet)} if alphabet else {}
    if source is None:
        return wanted
    flags: dict[str, Any] = {"load_checkpoint_dir": str(source.path)}
    if not source.has_output:
        return flags | wanted
    if _writes(source.alphabet, alphabet, given, transcripts):
        return flags
    if _OF_OUTPUT & given.keys():
        return flags | wanted
    if alphabet is None or "head" in given:
        return {**flags, **wanted, **OUTPUT_OF_ROWS}
    return {**flags, **wanted, **new_output_flags(source, Alphabet(alphabet))}


def _writes(
    own: Alphabet | None,
    path: Path | None,
    given: Mapping[str, Any],
    transcripts: Iterable[str],
) -> bool:
    """Say whether an alphabet will do for the data, whose characters a file lists."""
    if own is None or own.is_bytes or path is None:
        return own is not None and own.is_bytes
    wanted = Alphabet(path)
    if "alphabet_config_path" in given:
        return own == wanted
    missing = "".join(label for label in wanted.labels if not own.can_encode(label))
    if not all(unicodedata.combining(one) for one in missing):
        return False
    # Accents of letters that it has as a whole it need not write apart.
    if missing and given.get("normalize_transcripts") == "true":
        normalize = Normalizer(own)
        transcripts = (normalize(text).text for text in transcripts)
    return not missing or all(map(own.can_encode, pieces_of(transcripts, own).labels))
