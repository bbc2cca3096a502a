"""Evaluate a checkpoint on corpus files: loss, word and character error rates, samples.

python -m coqui_stt_training.evaluate --checkpoint_dir DIR --test_files test.csv
"""

from __future__ import annotations

import sys
from typing import Any

from stt.output_path import check_output_file

from .cli.command import command, start_logging
from .cli.config import EvaluateConfig
from .cli.flags import parse
from .cli.launch import said_once
from .cli.shared_flags import SHARED
from .errors import FlagError
from .util.upstream_names import find_upstream_name

PROGRAM = "python -m coqui_stt_training.evaluate"


@command
def main(argv: list[str], announce_tolerated: bool = True) -> int:
    """Run the command and return its exit status.

    Args:
        argv: the words after the command's name.
        announce_tolerated: whether to report flags that have an effect only on other commands.
            `train` passes all of its own flags, and sets this to False.
    """
    with said_once():
        parsed = parse(
            EvaluateConfig,
            argv,
            program=PROGRAM,
            description="Evaluate a checkpoint: loss, word and character error rates, and samples.",
            tolerated=SHARED,
            announce_tolerated=announce_tolerated,
        )
        start_logging(parsed.config.output.log_level, parsed.notices, sys.stdout)
        if not parsed.config.data.test_files:
            raise FlagError("no test data; give --test_files")
        from .report.evaluation_files import check_report_flags  # NumPy takes a moment to import

        check_report_flags(parsed.config.evaluation)
        if parsed.config.evaluation.test_output_file:
            check_output_file("--test_output_file", parsed.config.evaluation.test_output_file)

    from .runs.evaluation import run_evaluation  # PyTorch takes a second to import

    run_evaluation(parsed)
    return 0


def __getattr__(name: str) -> Any:
    """Look up a name of upstream's module: `test` or `evaluate`."""
    return find_upstream_name(__name__, name)


if __name__ == "__main__":
    main()
