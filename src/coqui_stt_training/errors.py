"""Errors that a user can fix. Each message says what is wrong, where, why, and the remedy."""

from coqui_stt_ctcdecoder.errors import AlphabetError, DecodeError, ScorerError, UserError
from stt.errors import AudioError, FlagError

__all__ = [
    "AlphabetError",
    "AudioError",
    "BootstrapError",
    "CheckpointError",
    "CorpusError",
    "DecodeError",
    "ElsewhereError",
    "ExportError",
    "FlagError",
    "NoModelError",
    "ScorerError",
    "SynthesisError",
    "TensorFlowOnlyError",
    "TrainingError",
    "UserError",
]


class CorpusError(UserError):
    """Problems in the files or rows of a corpus, all in one message."""


class CheckpointError(UserError):
    """A checkpoint is missing, damaged, of an unknown format, or does not fit."""


class NoModelError(CheckpointError):
    """A folder contains no model of any format."""


class BootstrapError(UserError):
    """The source model does not fit the target model that the flags describe."""


class ExportError(UserError):
    """A model cannot be exported, or the export differs from the model."""


class TrainingError(UserError):
    """Training cannot continue; the last good checkpoint is intact."""


class SynthesisError(UserError):
    """A synthesiser failed, or no sentence could be synthesized."""


class TensorFlowOnlyError(UserError, NotImplementedError):
    """A name of upstream's API that makes sense only with a TensorFlow graph."""


class ElsewhereError(UserError):
    """A process of a distributed run ends because another one failed, which reports the error."""
