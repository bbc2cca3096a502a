"""Alphabets, language-model scorers and CTC decoding."""

from .alphabet import Alphabet, UTF8Alphabet
from .decoding import (
    DecoderState,
    DecodeResult,
    StreamingDecoder,
    ctc_beam_search_decoder,
    ctc_beam_search_decoder_batch,
    ctc_beam_search_decoder_for_wav2vec2am,
    ctc_beam_search_decoder_for_wav2vec2am_batch,
)
from .errors import AlphabetError, DecodeError, ScorerError, UserError
from .scorer import Scorer

decode = ctc_beam_search_decoder
decode_batch = ctc_beam_search_decoder_batch

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
