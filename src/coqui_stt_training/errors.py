"""Errors a user can mend. Each says what is wrong, where, why, and what to do about it."""

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
    """Problems in the rows of a corpus, all of them in one report."""


class CheckpointError(UserError):
    """A checkpoint that is missing, broken, foreign, or does not fit."""


class NoModelError(CheckpointError):
    """A folder with no model in it, in no format."""


class BootstrapError(UserError):
    """A source model and a target that do not go together as asked."""


class ExportError(UserError):
    """A model that cannot be exported, or an export that is not the model."""


class TrainingError(UserError):
    """Training that cannot go on; the last good checkpoint is intact."""


class SynthesisError(UserError):
    """A synthesiser that does not speak."""


class TensorFlowOnlyError(UserError, NotImplementedError):
    """A name of upstream's that only its TensorFlow graph gave a meaning."""


class ElsewhereError(UserError):
    """One process of several that are a run ends because another one does, which says why."""
