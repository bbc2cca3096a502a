"""Transcribe audio that nobody has transcribed, to train on what a model is sure of.

python -m coqui_stt_training.pseudo_label --checkpoint_dir my-model --unlabelled_files recordings \\
    --dev_files dev.csv --test_files test.csv --out labels.csv
"""

from __future__ import annotations

from dataclasses import dataclass

from stt.output_path import check_output_file

from .cli.command import command, print_now, start_logging
from .cli.config import LogFlags, Names, ScorerFlags
from .cli.flags import at_most, flag, not_negative, parse, positive, probability
from .cli.shared_flags import SHARED
from .errors import FlagError

PROGRAM = "python -m coqui_stt_training.pseudo_label"
_EPILOG = f"""examples:
  {PROGRAM} --checkpoint_dir my-model \\
      --unlabelled_files recordings --dev_files dev.csv --test_files test.csv --out labels.csv
  {PROGRAM} --checkpoint_dir my-model --scorer_path kenlm.scorer \\
      --unlabelled_files more.csv radio.mp3 --min_confidence 0.8 --out labels.csv

The same command goes on where it stopped. With other bounds it only chooses anew.
"""


@dataclass(frozen=True)
class LabelFlags:
    """Transcripts to train on."""

    checkpoint_dir: str = flag("", "model: a checkpoint folder, .tflite or .onnx")
    unlabelled_files: Names = flag(
        [], "audio files of any length, folders of them, or collections, without transcripts or not"
    )
    out: str = flag("", "CSV file to write, for --train_files")
    dev_files: Names = flag([], "collections to validate on: their audio is left out")
    test_files: Names = flag([], "collections to evaluate on: their audio is left out")
    min_confidence: float = flag(
        0.5, "keep clips that the model is so sure of, 0 to 1", check=probability
    )
    min_characters_per_second: float = flag(
        1.0, "keep transcripts of so many characters a second at least", check=not_negative
    )
    max_characters_per_second: float = flag(
        30.0, "keep transcripts of so many characters a second at most", check=positive
    )
    second_model: str = flag("", "keep clips in which this model hears nearly the same")
    max_disagreement: float = flag(
        0.2, "share of the characters in which --second_model may differ", check=probability
    )
    longest_clip: float = flag(
        20.0, "seconds of a clip; longer recordings are cut into such at pauses", check=positive
    )
    vad_aggressiveness: int = flag(
        2, "how readily sound is taken for a pause, from 0 to 3", check=at_most(3, 0)
    )

    def __post_init__(self) -> None:
        if self.min_characters_per_second >= self.max_characters_per_second:
            raise FlagError(
                "--min_characters_per_second: must be less than --max_characters_per_second"
            )


@dataclass(frozen=True)
class LabelConfig:
    """All flags of `pseudo_label`."""

    labels: LabelFlags = LabelFlags()
    decoder: ScorerFlags = ScorerFlags()
    output: LogFlags = LogFlags()


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: flags that do not go together, models or files that cannot be read, no
            transcript that is kept.
    """
    parsed = parse(
        LabelConfig,
        argv,
        program=PROGRAM,
        description="Transcribe audio that nobody has transcribed, to train on it.",
        epilog=_EPILOG,
        tolerated=SHARED,
    )
    config = parsed.config
    start_logging(config.output.log_level, parsed.notices)
    _check(config.labels)

    from .pseudo_labels.run import (
        run_labelling,
    )  # NumPy takes its time, and --help does not need it

    run_labelling(config.labels, config.decoder, config.output, parsed.given, print_now)
    return 0


def _check(flags: LabelFlags) -> None:
    missing = [
        f"{what}: give --{name}"
        for name, what in (
            ("checkpoint_dir", "no model"),
            ("unlabelled_files", "no recordings"),
            ("out", "no file to write"),
        )
        if not getattr(flags, name)
    ]
    if missing:
        raise FlagError("; ".join(missing))
    if not flags.out.endswith(".csv"):
        raise FlagError(f"--out {flags.out}: its name must end in .csv")
    check_output_file("--out", flags.out)


if __name__ == "__main__":
    main()
