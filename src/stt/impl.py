"""Upstream's C functions and error codes, under their names in upstream's `stt.impl`.

Scripts for upstream use mostly `stt.impl.ErrorCodeToErrorMessage(status)`. All functions call
`stt.Model` and `stt.Stream`, which new code should use instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from . import version
from .errors import ErrorCode, SttError
from .metadata import Metadata
from .model import Model
from .stream import Stream

_log = logging.getLogger(__name__)

# Like upstream's wrapper: STT_ERR_OK, ERR_OK and so on.
globals().update(
    {f"{prefix}ERR_{code.name}": int(code) for code in ErrorCode for prefix in ("STT_", "")}
)


def Version() -> str:
    """Return the version of this package."""
    return version()


def ErrorCodeToErrorMessage(aErrorCode: int) -> str:
    """Return upstream's text for an error code."""
    if aErrorCode not in set(ErrorCode):
        return "Unknown error, please make sure you are using the correct native binary."
    return ErrorCode(aErrorCode).message


def CreateModel(aModelPath: str) -> tuple[int, Model | None]:
    """Return 0 and a model, or an error code and None; the error is logged."""
    try:
        return int(ErrorCode.OK), Model(aModelPath)
    except SttError as error:
        return _report(error), None


def FreeModel(aCtx: Model) -> None:
    """Free a model."""
    aCtx.close()


def GetModelBeamWidth(aCtx: Model) -> int:
    """Return the beam width of the decoder."""
    return aCtx.beam_width()


def SetModelBeamWidth(aCtx: Model, aBeamWidth: int) -> int:
    """Set the beam width of the decoder; return 0, or an error code."""
    return _status(aCtx.set_beam_width, aBeamWidth)


def GetModelSampleRate(aCtx: Model) -> int:
    """Return the sample rate of the model in Hz."""
    return aCtx.sample_rate()


def EnableExternalScorer(aCtx: Model, aScorerPath: str) -> int:
    """Decode with a scorer; return 0, or an error code."""
    return _status(aCtx.enable_external_scorer, aScorerPath)


def DisableExternalScorer(aCtx: Model) -> int:
    """Decode without a scorer; return 0, or an error code."""
    return _status(aCtx.disable_external_scorer)


def SetScorerAlphaBeta(aCtx: Model, aAlpha: float, aBeta: float) -> int:
    """Set the scorer's weights; return 0, or an error code."""
    return _status(aCtx.set_scorer_alpha_beta, aAlpha, aBeta)


def AddHotWord(aCtx: Model, word: str, boost: float) -> int:
    """Boost a word; return 0, or an error code."""
    return _status(aCtx.add_hot_word, word, boost)


def EraseHotWord(aCtx: Model, word: str) -> int:
    """Remove a hot word; return 0, or an error code."""
    return _status(aCtx.erase_hot_word, word)


def ClearHotWords(aCtx: Model) -> int:
    """Remove all hot words; return 0, or an error code."""
    return _status(aCtx.clear_hot_words)


def SpeechToText(aCtx: Model, aBuffer: Any) -> str:
    """Return the transcript of audio; see `Model.stt`."""
    return aCtx.stt(aBuffer)


def SpeechToTextWithMetadata(aCtx: Model, aBuffer: Any, aNumResults: int) -> Metadata:
    """Return the hypotheses of audio; see `Model.stt_with_metadata`."""
    return aCtx.stt_with_metadata(aBuffer, aNumResults)


def CreateStream(aCtx: Model) -> tuple[int, Stream | None]:
    """Return 0 and a stream, or an error code and None."""
    try:
        return int(ErrorCode.OK), aCtx.create_stream()
    except SttError as error:
        return _report(error), None


def FeedAudioContent(aSctx: Stream, aBuffer: Any) -> None:
    """Add samples."""
    aSctx.feed_audio_content(aBuffer)


def IntermediateDecode(aSctx: Stream) -> str:
    """Return the transcript so far."""
    return aSctx.intermediate_decode()


def IntermediateDecodeWithMetadata(aSctx: Stream, aNumResults: int) -> Metadata:
    """Return the hypotheses so far."""
    return aSctx.intermediate_decode_with_metadata(aNumResults)


def IntermediateDecodeFlushBuffers(aSctx: Stream) -> str:
    """Return the transcript of all audio so far."""
    return aSctx.intermediate_decode_flush_buffers()


def IntermediateDecodeWithMetadataFlushBuffers(aSctx: Stream, aNumResults: int) -> Metadata:
    """Return the hypotheses of all audio so far."""
    return aSctx.intermediate_decode_with_metadata_flush_buffers(aNumResults)


def FinishStream(aSctx: Stream) -> str:
    """End the stream, and return the transcript."""
    return aSctx.finish_stream()


def FinishStreamWithMetadata(aSctx: Stream, aNumResults: int) -> Metadata:
    """End the stream, and return the hypotheses."""
    return aSctx.finish_stream_with_metadata(aNumResults)


def FreeStream(aSctx: Stream) -> None:
    """End the stream without a transcript."""
    aSctx.free_stream()


def _status(change: Callable[..., None], *arguments: Any) -> int:
    try:
        change(*arguments)
    except SttError as error:
        return _report(error)
    return int(ErrorCode.OK)


def _report(error: SttError) -> int:
    _log.error(error)
    return int(error.code)
