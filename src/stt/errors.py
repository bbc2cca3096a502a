"""Errors of the runtime, and those that it shares with training; each says how to fix it.

Most errors of the runtime have upstream's error code. Upstream raises `RuntimeError` with a code.
These are `RuntimeError`s too, so that existing `except` clauses still work, and `UserError`s like
all others of this project.
"""

from __future__ import annotations

from enum import IntEnum

from coqui_stt_ctcdecoder.errors import UserError


class FlagError(UserError):
    """Flags are unknown, malformed, or contradict each other."""


class ServerError(UserError):
    """The processes of a server cannot be started."""


class FrontEndError(UserError):
    """The values do not describe a valid front end."""


class AudioError(UserError):
    """An audio file is missing, unreadable, empty, or exceeds a limit."""


class UnreadFormatError(AudioError):
    """libsndfile cannot read an audio file, and PyAV, which might read it, is not installed.

    Attributes:
        for_others: message for people who cannot install packages here, such as clients of a
            server.
    """

    def __init__(self, message: str, for_others: str) -> None:
        super().__init__(message)
        self.for_others = for_others


class ErrorCode(IntEnum):
    """Upstream's error codes; `message` is upstream's text.

    `stt.impl` has them under their C names, such as `STT_ERR_OK`. All scorers that cannot be read
    are `INVALID_SCORER` here; the text of the error says what is wrong with them.
    """

    OK = 0x0000
    NO_MODEL = 0x1000
    INVALID_ALPHABET = 0x2000
    INVALID_SHAPE = 0x2001
    INVALID_SCORER = 0x2002
    MODEL_INCOMPATIBLE = 0x2003
    SCORER_NOT_ENABLED = 0x2004
    SCORER_UNREADABLE = 0x2005
    SCORER_INVALID_LM = 0x2006
    SCORER_NO_TRIE = 0x2007
    SCORER_INVALID_TRIE = 0x2008
    SCORER_VERSION_MISMATCH = 0x2009
    FAIL_INIT_MMAP = 0x3000
    FAIL_INIT_SESS = 0x3001
    FAIL_INTERPRETER = 0x3002
    FAIL_RUN_SESS = 0x3003
    FAIL_CREATE_STREAM = 0x3004
    FAIL_READ_PROTOBUF = 0x3005
    FAIL_CREATE_SESS = 0x3006
    FAIL_CREATE_MODEL = 0x3007
    FAIL_INSERT_HOTWORD = 0x3008
    FAIL_CLEAR_HOTWORD = 0x3009
    FAIL_ERASE_HOTWORD = 0x3010

    @property
    def message(self) -> str:
        """Upstream's text for the code."""
        return _MESSAGES[self]


_MESSAGES = {
    ErrorCode.OK: "No error.",
    ErrorCode.NO_MODEL: "Missing model information.",
    ErrorCode.INVALID_ALPHABET: "Invalid alphabet embedded in model. (Data corruption?)",
    ErrorCode.INVALID_SHAPE: "Invalid model shape.",
    ErrorCode.INVALID_SCORER: "Invalid scorer file.",
    ErrorCode.MODEL_INCOMPATIBLE: "Incompatible model.",
    ErrorCode.SCORER_NOT_ENABLED: "External scorer is not enabled.",
    ErrorCode.SCORER_UNREADABLE: "Could not read scorer file.",
    ErrorCode.SCORER_INVALID_LM: "Could not recognize language model header in scorer.",
    ErrorCode.SCORER_NO_TRIE: "Reached end of scorer file before loading vocabulary trie.",
    ErrorCode.SCORER_INVALID_TRIE: "Invalid magic in trie header.",
    ErrorCode.SCORER_VERSION_MISMATCH: "Scorer file version does not match expected version.",
    ErrorCode.FAIL_INIT_MMAP: "Failed to initialize memory mapped model.",
    ErrorCode.FAIL_INIT_SESS: "Failed to initialize the session.",
    ErrorCode.FAIL_INTERPRETER: "Interpreter failed.",
    ErrorCode.FAIL_RUN_SESS: "Failed to run the session.",
    ErrorCode.FAIL_CREATE_STREAM: "Error creating the stream.",
    ErrorCode.FAIL_READ_PROTOBUF: "Error reading the proto buffer model file.",
    ErrorCode.FAIL_CREATE_SESS: "Failed to create session.",
    ErrorCode.FAIL_CREATE_MODEL: "Could not allocate model state.",
    ErrorCode.FAIL_INSERT_HOTWORD: "Could not insert hot-word.",
    ErrorCode.FAIL_CLEAR_HOTWORD: "Could not clear hot-words.",
    ErrorCode.FAIL_ERASE_HOTWORD: "Could not erase hot-word.",
}


class SttError(UserError, RuntimeError):
    """An operation failed for which upstream has an error code.

    Attributes:
        code: upstream's error code, such as `0x2004`.
    """

    def __init__(self, operation: str, code: ErrorCode, detail: str) -> None:
        self.code = code
        self._detail = detail
        super().__init__(f"{operation} failed with '{code.message}' (0x{code:X}): {detail}")

    @property
    def detail(self) -> str:
        """What is wrong, where, and how to fix it, without upstream's text of the code."""
        return self._detail


class ModelError(SttError):
    """A model file is missing, broken, or not a speech-to-text model; or the model cannot run."""


class ScorerNotEnabledError(SttError):
    """An operation needs a scorer, and the model has none."""

    def __init__(self, operation: str) -> None:
        super().__init__(
            operation,
            ErrorCode.SCORER_NOT_ENABLED,
            "the model has no scorer; call enableExternalScorer(path) first",
        )


class HotWordError(SttError):
    """A hot word cannot be added or erased."""


class LatencyError(UserError, ValueError):
    """The model does not support the requested latency."""


class StreamError(UserError, RuntimeError):
    """A stream is finished, or cannot do what was requested."""


class AudioBufferError(UserError, TypeError):
    """The samples are not 16-bit mono audio."""


def describe_system_error(error: OSError) -> str:
    """Return a message with the reason of a system error, such as a full disk, and the file."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
