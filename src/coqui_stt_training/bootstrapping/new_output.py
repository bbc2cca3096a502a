"""How a source gets an output for another alphabet: by its rows, or by a new head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..checkpoints.source import SourceModel
from ..models.encoder import EncoderSpecification
from .output_rows import shared_rows
from .request import DEFAULT_HEAD

# Of the new alphabet's labels, from which on the rows that a source has of them are worth keeping.
_LEAST_SHARE = 0.5
# An output of the source's rows, where both alphabets have a character.
OUTPUT_OF_ROWS: Mapping[str, Any] = {"drop_source_layers": 1, "map_shared_characters": True}


def new_output_flags(source: SourceModel, alphabet: Alphabet) -> Mapping[str, Any]:
    """Return the flags that make the output of a source anew, for another alphabet.

    Rows of characters that both have are kept. But where an encoder's head is its output layer
    alone, as in CTC models of others, and writes another script, nothing of that is worth keeping:
    it gets the head of an encoder that never wrote.

    Args:
        source: a model with an output layer.
        alphabet: of the new model.
    """
    specification = source.specification
    is_bare = isinstance(specification, EncoderSpecification) and not specification.below_output
    if is_bare and source.alphabet is not None:
        shared = len(shared_rows(source.alphabet, alphabet)) - 1  # of which one is the blank
        if shared < _LEAST_SHARE * alphabet.size:
            return {"drop_source_layers": 1, "head": DEFAULT_HEAD.kind}
    return OUTPUT_OF_ROWS
