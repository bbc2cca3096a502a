"""Transcribe unlabelled audio with a model, and keep confident transcripts as training data.

python -m coqui_stt_training.pseudo_label --checkpoint_dir my-model --unlabelled_files recordings \\
    --dev_files dev.csv --test_files test.csv --out labels.csv
"""

from __future__ import annotations

from dataclasses import dataclass

from .cli.cluster_flags import ClusterFlags
from .cli.command import command, print_now, resumable, start_logging
from .cli.config import LogFlags, ScorerFlags
from .cli.flags import flag, not_negative, parse, positive, probability
from .cli.shared_flags import SHARED
from .cli.unlabelled_flags import UnlabelledFlags
from .errors import FlagError

PROGRAM = "python -m coqui_stt_training.pseudo_label"
_EPILOG = f"""examples:
  {PROGRAM} --checkpoint_dir my-model \\
      --unlabelled_files recordings --dev_files dev.csv --test_files test.csv --out labels.csv
  {PROGRAM} --checkpoint_dir my-model --scorer_path kenlm.scorer \\
      --unlabelled_files more.csv radio.mp3 --min_confidence 0.8 --out labels.csv

To continue after an interruption, run the same command again. After a change of thresholds, it only
selects again, without transcribing.
"""


@dataclass(frozen=True)
class LabelFlags:
    """Transcripts to train on."""

    out: str = flag("", "CSV file to write, for --train_files")
    min_confidence: float = flag(
        0.5, "minimum confidence of the model in a clip, from 0 to 1", check=probability
    )
    min_characters_per_second: float = flag(
        1.0, "minimum characters per second of a transcript", check=not_negative
    )
    max_characters_per_second: float = flag(
        30.0, "maximum characters per second of a transcript", check=positive
    )
    second_model: str = flag("", "keep only clips that this model transcribes almost the same")
    max_disagreement: float = flag(
        0.2, "maximum character error rate between the two models", check=probability
    )

    def __post_init__(self) -> None:
        if self.min_characters_per_second >= self.max_characters_per_second:
            raise FlagError(
                "--min_characters_per_second must be less than --max_characters_per_second"
            )


@dataclass(frozen=True)
class PseudoLabelConfig:
    """All flags of `pseudo_label`."""

    unlabelled: UnlabelledFlags = UnlabelledFlags()
    labels: LabelFlags = LabelFlags()
    decoder: ScorerFlags = ScorerFlags()
    cluster: ClusterFlags = ClusterFlags()
    output: LogFlags = LogFlags()


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: flags exclude each other, a model or file cannot be read, or no transcript is
            kept.
    """
    parsed = parse(
        PseudoLabelConfig,
        argv,
        program=PROGRAM,
        description="Transcribe untranscribed audio, to train on it.",
        epilog=_EPILOG,
        tolerated=SHARED,
    )
    config = parsed.config
    start_logging(config.output.log_level, parsed.notices)
    config.unlabelled.check(config.labels.out, (".csv",))

    from .pseudo_labels.run import run_labelling  # NumPy is slow to import

    with resumable():
        run_labelling(config, parsed.given, print_now)
    return 0


if __name__ == "__main__":
    main()
