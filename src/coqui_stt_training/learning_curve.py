"""Train on growing parts of the data, and extrapolate the error rates to more data.

python -m coqui_stt_training.learning_curve --out curve --load_checkpoint_dir whisper-base \\
    --train_files train.csv --dev_files dev.csv --test_files test.csv
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

from .cli.command import command, print_now, resumable, start_logging
from .cli.curve_flags import CurveConfig
from .cli.flags import parse

PROGRAM = "python -m coqui_stt_training.learning_curve"
_EPILOG = f"""
examples:
  {PROGRAM} --out curve --load_checkpoint_dir whisper-base \\
      --train_files train.csv --dev_files dev.csv --test_files test.csv
  {PROGRAM} --out curve --parts 0.25 0.5 1 --seeds 1 \\
      --load_checkpoint_dir my-model --train_files train.csv --dev_files dev.csv \\
      --test_files test.csv --epochs 12 --train_batch_size 8

All flags of train apply to all trainings. To continue after an interruption, run the same command
again; more --seeds or --parts add trainings.
"""


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: flags exclude each other, data cannot be read or is too little, or a training
            failed.
    """
    parsed = parse(
        CurveConfig,
        argv,
        program=PROGRAM,
        description="Train on growing parts of the data, and estimate what more data would give.",
        epilog=_EPILOG,
    )
    start_logging(parsed.config.output.log_level, parsed.notices, sys.stdout)

    from .checkpoints.folder_lock import locked  # PyTorch takes a second to import
    from .curves.inputs import check_flags
    from .curves.run import Curve
    from .experiments.out_folder import removing_new_files
    from .experiments.running import StoppedError

    check_flags(parsed)
    out = Path(parsed.config.curve.out)
    with resumable(), locked(out, "--out"), ExitStack() as stack:
        if parsed.config.bootstrap.dry_run:
            stack.enter_context(removing_new_files(out))
        try:
            Curve(parsed, print_now).run()
        except StoppedError as stop:
            return stop.status
    return 0


if __name__ == "__main__":
    main()
