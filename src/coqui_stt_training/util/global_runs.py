"""Training, evaluation and export with upstream's global configuration: `train()`, `test()`, ...

These functions print and log like the commands. Programs should use
`coqui_stt_training.train_model` and its siblings, which return results and need no global
configuration.
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
    """Check that the scorer, if one is given, is for the alphabet.

    `train` checks everything else before its first step.

    Raises:
        UserError: the scorer cannot be read, or is for another alphabet.
    """
    config = current()
    if config.scorer_path:
        Scorer(scorer_path=config.scorer_path, alphabet=config.alphabet)


def train() -> None:
    """Train a model; test files are only checked. After an interruption, the same call resumes.

    Raises:
        UserError: a flag or a file is wrong.
    """
    from ..runs.training import run_training  # PyTorch takes a second to import

    parsed = current().parsed_as(TrainConfig)
    start_logging(parsed.config.output.log_level, parsed.notices, sys.stdout)
    run_training(parsed, evaluating=False)


def evaluate(test_csvs: Iterable[str | Path], create_model: object = None) -> list[SampleResult]:
    """Evaluate the checkpoint on CSV files, print a report of each, and return all samples.

    Args:
        test_csvs: CSV files.
        create_model: ignored; upstream's function that builds a TensorFlow graph.

    Raises:
        UserError: the checkpoint or a file is missing, the data has bad rows, ...
    """
    from ..runs.evaluation import run_evaluation

    files = [str(path) for path in test_csvs]
    if not files:
        raise FlagError("no test_files: name the CSV files to evaluate on")
    parsed = current().parsed_as(EvaluateConfig, test_files=files, test_output_file=None)
    start_logging(parsed.config.output.log_level, parsed.notices, sys.stdout)
    return [sample for result in run_evaluation(parsed) for sample in result.samples]


def test() -> None:
    """Evaluate the checkpoint on `test_files`, and write `test_output_file` if it is set.

    Raises:
        UserError: the checkpoint or a file is missing, the data has bad rows, ...
    """
    config = current()
    samples = evaluate(config.test_files)
    if config.test_output_file:
        save_samples_json(samples, config.test_output_file)


def export() -> None:
    """Export the checkpoint to `export_dir`.

    Raises:
        UserError: the checkpoint is missing, `export_dir` is not set, an exported model differs
            from the checkpoint, ...
    """
    from ..exporting.run import run_export

    parsed = current().parsed_as(ExportConfig)
    if not parsed.config.export.export_dir:
        raise FlagError("no folder to export to; set export_dir")
    start_logging(parsed.config.output.log_level, parsed.notices)
    run_export(parsed)
