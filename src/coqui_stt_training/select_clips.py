"""Choose which recordings to transcribe next: those that teach a model most.

python -m coqui_stt_training.select_clips --checkpoint_dir my-model --unlabelled_files recordings \\
    --train_files train.csv --minutes 10 --out next.csv
"""

from __future__ import annotations

from dataclasses import dataclass

from .cli.cluster_flags import ClusterFlags
from .cli.command import command, print_now, resumable, start_logging
from .cli.config import LogFlags, ScorerFlags
from .cli.data_flags import Names
from .cli.flags import flag, not_negative, parse
from .cli.shared_flags import SHARED
from .cli.unlabelled_flags import UnlabelledFlags

PROGRAM = "python -m coqui_stt_training.select_clips"
_EPILOG = f"""examples:
  {PROGRAM} --checkpoint_dir my-model \\
      --unlabelled_files recordings --train_files train.csv --minutes 10 --out next.csv
  {PROGRAM} --checkpoint_dir model.tflite \\
      --unlabelled_files radio.mp3 --count 50 --out next.txt

To continue after an interruption, run the same command again.
"""


@dataclass(frozen=True)
class SelectionFlags:
    """Choice."""

    out: str = flag("", "list to write: a CSV file, or a .txt file of names")
    minutes: float = flag(10.0, "choose up to N minutes of audio; 0: no limit", check=not_negative)
    count: int = flag(0, "choose up to N clips; 0: no limit", check=not_negative)
    train_files: Names = flag(
        [],
        (
            "already transcribed collections: their audio is left out, and what they contain does "
            "not count as new"
        ),
    )


@dataclass(frozen=True)
class SelectionConfig:
    """All flags of `select_clips`."""

    unlabelled: UnlabelledFlags = UnlabelledFlags()
    selection: SelectionFlags = SelectionFlags()
    decoder: ScorerFlags = ScorerFlags()
    cluster: ClusterFlags = ClusterFlags()
    output: LogFlags = LogFlags()


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: flags exclude each other, a model or file cannot be read, or there is nothing to
            choose from.
    """
    parsed = parse(
        SelectionConfig,
        argv,
        program=PROGRAM,
        description="Choose which recordings to transcribe next.",
        epilog=_EPILOG,
        tolerated=SHARED,
    )
    config = parsed.config
    start_logging(config.output.log_level, parsed.notices)
    config.unlabelled.check(config.selection.out, (".csv", ".txt"))

    from .choosing.run import run_selection  # NumPy is slow to import

    with resumable():
        run_selection(config, parsed.given, print_now)
    return 0


if __name__ == "__main__":
    main()
