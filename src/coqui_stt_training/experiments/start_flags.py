"""The flags that determine the start of a training: its source and its output layer."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder import Alphabet

from ..bootstrapping.new_output import OUTPUT_OF_ROWS, new_output_flags
from ..checkpoints.source import SourceModel
from ..corpus import Normalizer, pieces_of

# Flags about a new output layer. If one is given, only the alphabet is decided here.
_OF_OUTPUT = frozenset(
    {"drop_source_layers", "map_shared_characters", "map_alphabet", "extend_alphabet"}
)


def start_flags(
    source: SourceModel | None,
    alphabet: Path | None,
    given: Mapping[str, Any],
    transcripts: Iterable[str],
) -> dict[str, Any]:
    """Return the flags for the source, the alphabet and the output layer.

    A source that can write every character of the data is kept as it is, with its alphabet.
    Otherwise its output layer is replaced, as `new_output_flags` says.

    Args:
        source: source model; None to train from scratch.
        alphabet: path of an alphabet for the data; None for a model that outputs bytes.
        given: flags on the command line, which take precedence.
        transcripts: transcripts of the data.
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
    """Return whether an alphabet can write the data, whose characters are in a file."""
    if own is None or own.is_bytes or path is None:
        return own is not None and own.is_bytes
    wanted = Alphabet(path)
    if "alphabet_config_path" in given:
        return own == wanted
    missing = "".join(label for label in wanted.labels if not own.can_encode(label))
    if not all(unicodedata.combining(one) for one in missing):
        return False
    # It needs no separate accents if it has the letters with these accents.
    if missing and given.get("normalize_transcripts") == "true":
        normalize = Normalizer(own)
        transcripts = (normalize(text).text for text in transcripts)
    return not missing or all(map(own.can_encode, pieces_of(transcripts, own).labels))
