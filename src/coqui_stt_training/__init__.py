"""Train, bootstrap, evaluate and export speech-to-text models.

The names exported here are the API for Python programs, see docs/python.md. No function has the
name of a module: `coqui_stt_training.train` is the command, as it is upstream's module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    from stt.installation import OWN_DISTRIBUTION, check_own_files
except ImportError as error:
    raise ImportError(
        f"the package stt cannot be used ({error}): another package of that name was installed "
        "over it, or removed with files of ours. To mend it: pip uninstall -y stt, then pip "
        "install --force-reinstall --no-deps with what you installed coqui-stt from"
    ) from error

if TYPE_CHECKING:
    from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet

    from .checkpoints.source import SourceModel
    from .errors import (
        AlphabetError,
        AudioError,
        BootstrapError,
        CheckpointError,
        CorpusError,
        DecodeError,
        ExportError,
        FlagError,
        ScorerError,
        TensorFlowOnlyError,
        TrainingError,
        UserError,
    )
    from .exporting.pipeline import Exported
    from .runs.results import EvaluationResult, TrainingResult
    from .scoring.metrics import SampleResult
    from .workflow import evaluate_model, export_model, load_checkpoint, train_model

DISTRIBUTION = OWN_DISTRIBUTION  # `stt.installation` recognizes our packages by this name

__all__ = [
    "Alphabet",
    "AlphabetError",
    "AudioError",
    "BootstrapError",
    "CheckpointError",
    "CorpusError",
    "DecodeError",
    "EvaluationResult",
    "ExportError",
    "Exported",
    "FlagError",
    "SampleResult",
    "ScorerError",
    "SourceModel",
    "TensorFlowOnlyError",
    "TrainingError",
    "TrainingResult",
    "UTF8Alphabet",
    "UserError",
    "evaluate_model",
    "export_model",
    "load_checkpoint",
    "train_model",
]

_HOMES = {
    "Alphabet": "coqui_stt_ctcdecoder.alphabet",
    "UTF8Alphabet": "coqui_stt_ctcdecoder.utf8_alphabet",
    "SourceModel": ".checkpoints.source",
    "Exported": ".exporting.pipeline",
    "EvaluationResult": ".runs.results",
    "TrainingResult": ".runs.results",
    "SampleResult": ".scoring.metrics",
} | dict.fromkeys(("evaluate_model", "export_model", "load_checkpoint", "train_model"), ".workflow")

for _package in ("stt", "coqui_stt_ctcdecoder"):
    check_own_files(_package)


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that commands start quickly."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES.get(name, ".errors"), __name__), name)
    globals()[name] = found
    return found
