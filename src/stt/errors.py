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


class ServerError(UserError):
    """The processes of a server cannot be started."""


class FrontEndError(UserError):
    """Values that describe no front end: what a model's features are computed from."""


class AudioError(UserError):
    """An audio file that is missing, unreadable, or holds nothing to learn from."""


class UnreadFormatError(AudioError):
    """No audio in a format that can be read here; another package might read it.

    Attributes:
        for_others: the same, for those who cannot install anything here.
    """

    def __init__(self, message: str, for_others: str) -> None:
        super().__init__(message)
        self.for_others = for_others


class ErrorCode(IntEnum):
    """Upstream's error codes, with `message` as upstream words them.

    `stt.impl` has them under their C names, `STT_ERR_OK`. Scorers that cannot be read are all
    `INVALID_SCORER` here; the text says what is wrong with them.
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
    """A failure that upstream has a code for.

    Attributes:
        code: upstream's number, `0x2004` for instance.
    """

    def __init__(self, operation: str, code: ErrorCode, detail: str) -> None:
        self.code = code
        self._detail = detail
        super().__init__(f"{operation} failed with '{code.message}' (0x{code:X}): {detail}")

    @property
    def detail(self) -> str:
        """What is wrong, where, and what mends it, without upstream's text of the code."""
        return self._detail


class ModelError(SttError):
    """A model file that is missing, broken, or not a speech-to-text model."""


class ScorerNotEnabledError(SttError):
    """Something that needs a scorer was asked of a model without one."""

    def __init__(self, operation: str) -> None:
        super().__init__(
            operation,
            ErrorCode.SCORER_NOT_ENABLED,
            "the model has no scorer; call enableExternalScorer(path) first",
        )


class HotWordError(SttError):
    """A hot word that is there already, is not there, or can never occur."""


class LatencyError(UserError, ValueError):
    """A latency that a model cannot have."""


class StreamError(UserError, RuntimeError):
    """A stream that is finished, or otherwise cannot do what was asked."""


class AudioBufferError(UserError, TypeError):
    """Samples that are not 16-bit mono audio."""


def describe_system_error(error: OSError) -> str:
    """Say what the system refuses, and of which file: a full disk, no permission."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
