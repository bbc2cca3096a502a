"""Compare ways to train, by several trainings of each, and test which differences are significant.

python -m coqui_stt_training.compare --out compared --load_checkpoint_dir whisper-base \\
    --train_files train.csv --dev_files dev.csv --test_files test.csv \\
    --ways "the recipe:" "LoRA: --adapter lora:rank=16"
"""

from __future__ import annotations

import sys
from pathlib import Path

from .cli.command import command, print_now, resumable, start_logging
from .cli.comparison_flags import ComparisonConfig
from .cli.flags import parse

PROGRAM = "python -m coqui_stt_training.compare"
_EPILOG = f"""
examples:
  {PROGRAM} --out compared --load_checkpoint_dir whisper-base \\
      --train_files train.csv --dev_files dev.csv --test_files test.csv \\
      --ways "the recipe:" "LoRA: --adapter lora:rank=16"
  {PROGRAM} --out scatter --seeds 5 --load_checkpoint_dir my-model \\
      --train_files train.csv --dev_files dev.csv --test_files test.csv --epochs 12

All flags of train apply to all trainings; each way adds or replaces some. To continue after an
interruption, run the same command again; more --seeds or --ways add trainings.
"""


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: flags exclude each other, data cannot be read, or a training failed.
    """
    parsed = parse(
        ComparisonConfig,
        argv,
        program=PROGRAM,
        description="Train in several ways, several times each, and report which is better.",
        epilog=_EPILOG,
    )
    start_logging(parsed.config.output.log_level, parsed.notices, sys.stdout)

    from .checkpoints.folder_lock import locked  # PyTorch takes a second to import
    from .comparing.inputs import check_flags, read_ways
    from .comparing.run import Comparison
    from .experiments.running import StoppedError

    ways = check_flags(parsed)
    flags = parsed.config.comparison
    with resumable(), locked(Path(flags.out), "--out"):
        try:
            comparison = Comparison(flags, read_ways(ways), print_now)
            comparison.run(dry=parsed.config.bootstrap.dry_run)
        except StoppedError as stop:
            return stop.status
    return 0


if __name__ == "__main__":
    main()
