"""Alphabets, language-model scorers and CTC decoding.

Decoding and scorers are imported on first use, so that importing alphabets and errors is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .alphabet import Alphabet
from .errors import AlphabetError, DecodeError, ScorerError, UserError
from .utf8_alphabet import UTF8Alphabet

if TYPE_CHECKING:
    from .decoding import (
        DecodeResult,
        DecoderState,
        StreamingDecoder,
        ctc_beam_search_decoder,
        ctc_beam_search_decoder_batch,
        ctc_beam_search_decoder_for_wav2vec2am,
        ctc_beam_search_decoder_for_wav2vec2am_batch,
        decode,
        decode_batch,
    )
    from .scorer import Scorer

# `stt.installation` reads it to recognise files of another package with the same import name.
DISTRIBUTION = "coqui-stt"

__all__ = [
    "Alphabet",
    "AlphabetError",
    "DecodeError",
    "DecodeResult",
    "DecoderState",
    "Scorer",
    "ScorerError",
    "StreamingDecoder",
    "UTF8Alphabet",
    "UserError",
    "ctc_beam_search_decoder",
    "ctc_beam_search_decoder_batch",
    "ctc_beam_search_decoder_for_wav2vec2am",
    "ctc_beam_search_decoder_for_wav2vec2am_batch",
    "decode",
    "decode_batch",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(".scorer" if name == "Scorer" else ".decoding", __name__)
    value = getattr(module, name)
    globals()[name] = value
    return value
