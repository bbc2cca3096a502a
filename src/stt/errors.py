"""Errors of the runtime, and those that it shares with training; each says what mends it.

Most of the runtime's carry upstream's code. Upstream raises `RuntimeError` with a code; these are
`RuntimeError`s too, so that existing `except` clauses go on working, and `UserError`s like all
others of this project.
"""

from __future__ import annotations

from enum import IntEnum

from coqui_stt_ctcdecoder.errors import UserError


class FlagError(UserError):
    """Flags that are unknown, malformed, or contradict each other."""


class AudioError(UserError):
    """An audio file that is missing, unreadable, or holds nothing to learn from."""


class ErrorCode(IntEnum):
    """Upstream's error codes that this runtime uses, with `message` as upstream words them."""

    NO_MODEL = 0x1000
    INVALID_ALPHABET = 0x2000
    INVALID_SHAPE = 0x2001
    INVALID_SCORER = 0x2002
    MODEL_INCOMPATIBLE = 0x2003
    SCORER_NOT_ENABLED = 0x2004
    FAIL_INIT_MMAP = 0x3000
    FAIL_RUN_SESSION = 0x3003
    FAIL_INSERT_HOTWORD = 0x3008
    FAIL_ERASE_HOTWORD = 0x3010

    @property
    def message(self) -> str:
        """Upstream's text for the code."""
        return _MESSAGES[self]


_MESSAGES = {
    ErrorCode.NO_MODEL: "Missing model information.",
    ErrorCode.INVALID_ALPHABET: "Invalid alphabet embedded in model. (Data corruption?)",
    ErrorCode.INVALID_SHAPE: "Invalid model shape.",
    ErrorCode.INVALID_SCORER: "Invalid scorer file.",
    ErrorCode.MODEL_INCOMPATIBLE: "Incompatible model.",
    ErrorCode.SCORER_NOT_ENABLED: "External scorer is not enabled.",
    ErrorCode.FAIL_INIT_MMAP: "Failed to initialize memory mapped model.",
    ErrorCode.FAIL_RUN_SESSION: "Failed to run the session.",
    ErrorCode.FAIL_INSERT_HOTWORD: "Could not insert hot-word.",
    ErrorCode.FAIL_ERASE_HOTWORD: "Could not erase hot-word.",
}


class SttError(UserError, RuntimeError):
    """A failure that upstream has a code for.

    Attributes:
        code: upstream's number, `0x2004` for instance.
    """

    def __init__(self, operation: str, code: ErrorCode, detail: str) -> None:
        self.code = code
        super().__init__(f"{operation} failed with '{code.message}' (0x{code:X}): {detail}")


class ModelError(SttError):
    """A model file that is missing, broken, or not a speech-to-text model."""


class ScorerNotEnabledError(SttError):
    """Something that needs a scorer was asked of a model without one."""

    def __init__(self, operation: str) -> None:
        super().__init__(
            operation,
            ErrorCode.SCORER_NOT_ENABLED,
            "the model decodes without a scorer; call enableExternalScorer(path) first",
        )


class HotWordError(SttError):
    """A hot word that is there already, is not there, or can never occur."""


class StreamError(UserError, RuntimeError):
    """A stream that is finished, or otherwise cannot do what was asked."""


class AudioBufferError(UserError, TypeError):
    """Samples that are not 16-bit mono audio."""
