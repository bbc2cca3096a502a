"""Check data before training, and describe it.

python -m coqui_stt_training.check train.csv dev.csv test.csv --html report.html
"""

from __future__ import annotations

from dataclasses import dataclass

from stt.output_path import check_output_file

from .cli.command import command, print_now, start_logging, words_before_flags
from .cli.config import LogFlags
from .cli.flags import flag, parse, positive
from .cli.shared_flags import SHARED
from .errors import FlagError

PROGRAM = "python -m coqui_stt_training.check"
_EPILOG = """examples:
  python -m coqui_stt_training.check train.csv dev.csv test.csv
  python -m coqui_stt_training.check train.csv --checkpoint_dir my-model --html report.html
  python -m coqui_stt_training.check train.csv --fix cleaned.csv

The data comes before the flags. The exit status is 1 if there are rows that cannot be used.
"""


@dataclass(frozen=True)
class CheckFlags:
    """Checks."""

    checkpoint_dir: str = flag(
        "", "model to find wrong transcripts with: a checkpoint folder, .tflite or .onnx"
    )
    alphabet_config_path: str = flag(
        "", "alphabet for transcripts (default: the model's, or any character)"
    )
    normalize_transcripts: bool = flag(False, "adapt transcripts to the alphabet, as in train")
    json: bool = flag(False, "print one JSON object")
    html: str = flag("", "write a self-contained HTML page with players for suspected transcripts")
    suspects: int = flag(50, "maximum number of suspected transcripts to list", check=positive)
    fix: str = flag(
        "",
        "write a CSV file without unusable rows and duplicate audio, and beside it a list of the "
        "rows left out",
    )
    fix_suspects: bool = flag(False, "with --fix, also leave out suspected transcripts")
    cache_file: str = flag(
        "",
        "folder to keep results, so that an interrupted check continues (default: in the user's "
        "cache folder)",
    )
    workers: int = flag(0, "threads that decode audio; 0: a few more than there are cores")


@dataclass(frozen=True)
class CheckConfig:
    """All flags of `check`."""

    checks: CheckFlags = CheckFlags()
    output: LogFlags = LogFlags()


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status: 1 if there are unusable rows.

    Raises:
        UserError: there is no data, a file cannot be written, or the model cannot be read.
    """
    data, words = words_before_flags(argv)
    parsed = parse(
        CheckConfig,
        words,
        program=f"{PROGRAM} DATA ...",
        description="Check data before training, and describe what it contains.",
        epilog=_EPILOG,
        tolerated=SHARED,
    )
    flags = parsed.config.checks
    start_logging(parsed.config.output.log_level, parsed.notices)
    if not data:
        raise FlagError(
            f"no data: {PROGRAM} train.csv dev.csv ...; the data comes before the flags"
        )
    for name, path in (("html", flags.html), ("fix", flags.fix)):
        if path:
            check_output_file(f"--{name}", path, data)
    if flags.fix_suspects and not (flags.fix and flags.checkpoint_dir):
        raise FlagError("--fix_suspects needs --fix and a model (--checkpoint_dir)")

    from .checking.run import run_check  # NumPy is slow to import

    return run_check(data, flags, parsed.config.output, print_now)


if __name__ == "__main__":
    main()
