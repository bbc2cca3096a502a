"""Choose which recordings to transcribe next: those that teach a model most.

python -m coqui_stt_training.select_clips --checkpoint_dir my-model --unlabelled_files recordings \\
    --train_files train.csv --minutes 10 --out next.csv
"""

from __future__ import annotations

from dataclasses import dataclass

from stt.output_path import check_output_file

from .cli.command import command, print_now, start_logging
from .cli.config import LogFlags, Names, ScorerFlags
from .cli.flags import at_most, flag, not_negative, parse, positive
from .cli.shared_flags import SHARED
from .errors import FlagError

PROGRAM = "python -m coqui_stt_training.select_clips"
_EPILOG = f"""examples:
  {PROGRAM} --checkpoint_dir my-model \\
      --unlabelled_files recordings --train_files train.csv --minutes 10 --out next.csv
  {PROGRAM} --checkpoint_dir model.tflite \\
      --unlabelled_files radio.mp3 --count 50 --out next.txt

The same command goes on where it stopped.
"""


@dataclass(frozen=True)
class SelectionFlags:
    """Choice."""

    checkpoint_dir: str = flag("", "model: a checkpoint folder, .tflite or .onnx")
    unlabelled_files: Names = flag(
        [], "audio files of any length, folders of them, or collections, without transcripts or not"
    )
    out: str = flag("", "list to write: a CSV file, or a .txt file of names")
    minutes: float = flag(
        10.0, "choose so many minutes of audio; 0: any number", check=not_negative
    )
    count: int = flag(0, "choose so many clips at most; 0: any number", check=not_negative)
    train_files: Names = flag(
        [], "what is transcribed already: what is said there is not new, its audio is left out"
    )
    dev_files: Names = flag([], "collections to validate on: their audio is left out")
    test_files: Names = flag([], "collections to evaluate on: their audio is left out")
    longest_clip: float = flag(
        20.0, "seconds of a clip; longer recordings are cut into such at pauses", check=positive
    )
    vad_aggressiveness: int = flag(
        2, "how readily sound is taken for a pause, from 0 to 3", check=at_most(3, 0)
    )


@dataclass(frozen=True)
class SelectionConfig:
    """All flags of `select_clips`."""

    selection: SelectionFlags = SelectionFlags()
    decoder: ScorerFlags = ScorerFlags()
    output: LogFlags = LogFlags()


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: flags that do not go together, a model or files that cannot be read, nothing to
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
    _check(config.selection)

    from .choosing.run import run_selection  # NumPy takes its time, and --help does not need it

    run_selection(config.selection, config.decoder, config.output, parsed.given, print_now)
    return 0


def _check(flags: SelectionFlags) -> None:
    missing = [
        f"{what}: give --{name}"
        for name, what in (
            ("checkpoint_dir", "no model"),
            ("unlabelled_files", "no recordings"),
            ("out", "no list to write"),
        )
        if not getattr(flags, name)
    ]
    if missing:
        raise FlagError("; ".join(missing))
    if not flags.out.endswith((".csv", ".txt")):
        raise FlagError(f"--out {flags.out}: its name must end in .csv or .txt")
    check_output_file("--out", flags.out)


if __name__ == "__main__":
    main()
