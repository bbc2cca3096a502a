"""Training, evaluation and export by upstream's global configuration: its `train()` and `test()`.

They print and log as the commands do. For programs, `coqui_stt_training.train_model` and the like
return what they find out, and need no global configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from coqui_stt_ctcdecoder import Scorer

from ..cli.command import start_logging
from ..cli.config import EvaluateConfig, TrainConfig
from ..cli.export_flags import ExportConfig
from ..errors import FlagError
from ..report.evaluation import save_samples_json
from ..scoring.metrics import SampleResult
from .config import current


def early_training_checks() -> None:
    """See that the scorer, where there is one, is for the alphabet.

    All else is checked by `train` before its first step.

    Raises:
        UserError: it is not, or cannot be read.
    """
    config = current()
    if config.scorer_path:
        Scorer(scorer_path=config.scorer_path, alphabet=config.alphabet)


def train() -> None:
    """Train; test files are only checked. Stopped by a signal, the same call goes on.

    Raises:
        UserError: whatever the user can mend.
    """
    from ..runs.training import run_training  # PyTorch takes a second to import

    parsed = current().parsed_as(TrainConfig)
    start_logging(parsed.config.output.log_level, parsed.notices, sys.stdout)
    run_training(parsed, evaluating=False)


def evaluate(test_csvs: Iterable[str | Path], create_model: object = None) -> list[SampleResult]:
    """Evaluate the checkpoint on CSV files, print a report of each, and return all samples.

    Args:
        test_csvs: the files.
        create_model: upstream's function that builds a graph; there is none to build.

    Raises:
        UserError: no checkpoint, no files, bad rows, ...
    """
    from ..runs.evaluation import run_evaluation

    files = [str(path) for path in test_csvs]
    if not files:
        raise FlagError("no test_files: name the CSV files to evaluate on")
    parsed = current().parsed_as(EvaluateConfig, test_files=files, test_output_file=None)
    start_logging(parsed.config.output.log_level, parsed.notices, sys.stdout)
    return [sample for result in run_evaluation(parsed) for sample in result.samples]


def test() -> None:
    """Evaluate the checkpoint on `test_files`, and write `test_output_file`.

    Raises:
        UserError: no checkpoint, no files, bad rows, ...
    """
    config = current()
    samples = evaluate(config.test_files)
    if config.test_output_file:
        save_samples_json(samples, config.test_output_file)


def export() -> None:
    """Write the checkpoint as models to deploy, into `export_dir`.

    Raises:
        UserError: no checkpoint, no folder, a model that is not the checkpoint's, ...
    """
    from ..exporting.run import run_export

    parsed = current().parsed_as(ExportConfig)
    if not parsed.config.export.export_dir:
        raise FlagError("no folder to export to; set export_dir")
    start_logging(parsed.config.output.log_level, parsed.notices)
    run_export(parsed)
