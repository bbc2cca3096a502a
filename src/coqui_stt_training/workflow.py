"""The commands for training, evaluation and export as Python functions.

    from coqui_stt_training import evaluate_model, export_model, train_model

    trained = train_model(train_files=["train.csv"], dev_files=["dev.csv"], checkpoint_dir="model")
    (result,) = evaluate_model(checkpoint_dir="model", test_files=["test.csv"])
    print(result.wer, result.cer)

Keyword arguments are the flags of the command line; values may be Python's (lists, paths, numbers,
True). All errors that a user can fix, in flags or files, raise `UserError`. Nothing is printed:
the output of the command goes to the logger `coqui_stt_training`. No state is kept between calls.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stt.output_path import check_output_file

from . import export
from .cli.config import EvaluateConfig, TrainConfig
from .cli.export_flags import ExportConfig
from .cli.flags import Parsed, from_values
from .cli.shared_flags import SHARED
from .errors import FlagError

if TYPE_CHECKING:
    from .checkpoints.source import SourceModel
    from .checkpoints.state_file import Which
    from .exporting.pipeline import Exported
    from .runs.results import EvaluationResult, TrainingResult

_log = logging.getLogger(__name__)


def train_model(**flags: Any) -> TrainingResult:
    """Train a model, from scratch or from a pre-trained one, and evaluate it on `test_files`.

    As with the command, calling it again with the same flags resumes an unfinished run. Ctrl-C
    saves a checkpoint and stops; then the result's `exit_status` is not 0, and `finished` is empty.

    Args:
        flags: flags of `python -m coqui_stt_training.train`; those of other commands are accepted,
            too.

    Raises:
        UserError: flags, data or a model are wrong, or training failed. Most errors are raised
            before the first step.
    """
    from .runs.training import run_training  # PyTorch takes a second to import

    parsed = from_values(TrainConfig, flags, tolerated=SHARED)
    _log_notices(parsed)
    return run_training(parsed, _log.info)


def evaluate_model(**flags: Any) -> tuple[EvaluationResult, ...]:
    """Evaluate a checkpoint on `test_files`, and return the result of each file.

    Args:
        flags: flags of `python -m coqui_stt_training.evaluate`; those of other commands are
            accepted, too.

    Raises:
        UserError: there is no checkpoint or no test file, a file has unusable rows, ...
    """
    parsed = from_values(EvaluateConfig, flags, tolerated=SHARED)
    if not parsed.config.data.test_files:
        raise FlagError("no test data; give test_files")
    if parsed.config.evaluation.test_output_file:
        check_output_file("--test_output_file", parsed.config.evaluation.test_output_file)
    from .report.evaluation_files import check_report_flags
    from .runs.evaluation import run_evaluation

    check_report_flags(parsed.config.evaluation)
    _log_notices(parsed)
    return tuple(run_evaluation(parsed, _log.info))


def export_model(**flags: Any) -> Exported:
    """Export a checkpoint as `.tflite` and `.onnx` models, and return what was written.

    Args:
        flags: flags of `python -m coqui_stt_training.export`; those of other commands are accepted,
            too.

    Raises:
        UserError: there is no checkpoint or no output folder, the exported model's output differs
            from the checkpoint's, ...
    """
    parsed = from_values(ExportConfig, flags, tolerated=SHARED)
    if not parsed.config.source.load_dir or not parsed.config.export.export_dir:
        raise FlagError("no model or no output folder; give checkpoint_dir and export_dir")
    export.check_flags(parsed)
    from .exporting.run import run_export

    _log_notices(parsed)
    return run_export(parsed, _log.info)


def load_checkpoint(path: str | Path, which: Which = "auto") -> SourceModel:
    """Read a model: a checkpoint of ours or of upstream's, or a `.tflite` file.

    To transcribe with it instead: `stt.Model(path)`.

    Args:
        path: a checkpoint folder, one of its files, the prefix of a TensorFlow checkpoint, or a
            `.tflite` file.
        which: which checkpoint of a folder: `best` or `last`; `auto`: the best, or else the last.

    Raises:
        CheckpointError: the model is missing, damaged, or of an unsupported format.
    """
    from .checkpoints.loading import load_source

    return load_source(path, which)


def _log_notices(parsed: Parsed[Any]) -> None:
    for notice in parsed.notices:
        _log.info(notice)
