"""The new output of a source for another alphabet: rows of shared characters, or a new head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..checkpoints.source import SourceModel
from ..models.encoder import EncoderSpecification
from .output_rows import shared_rows
from .request import DEFAULT_HEAD

# Least share of the new alphabet's labels that the source must have, to make it worth keeping rows.
_LEAST_SHARE = 0.5
# Replace the output layer, but keep the rows of characters that both alphabets have.
OUTPUT_OF_ROWS: Mapping[str, Any] = {"drop_source_layers": 1, "map_shared_characters": True}


def new_output_flags(source: SourceModel, alphabet: Alphabet) -> Mapping[str, Any]:
    """Return the flags that replace the output layer of a source for another alphabet.

    Rows of shared characters are kept. One exception: if the head of an encoder is an output layer
    alone, as in CTC models of other toolkits, and writes another script, it is not worth keeping.
    Such an encoder gets a new head, as one without an output layer does.

    Args:
        source: source model with an output layer.
        alphabet: alphabet of the new model.
    """
    specification = source.specification
    is_bare = isinstance(specification, EncoderSpecification) and not specification.below_output
    if is_bare and source.alphabet is not None:
        shared = len(shared_rows(source.alphabet, alphabet)) - 1  # of which one is the blank
        if shared < _LEAST_SHARE * alphabet.size:
            return {"drop_source_layers": 1, "head": DEFAULT_HEAD.kind}
    return OUTPUT_OF_ROWS
