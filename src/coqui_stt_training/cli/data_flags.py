"""The flags about the data to train and to evaluate on."""

from __future__ import annotations

from dataclasses import dataclass

from ..augmentation.specification import parse_augmentations
from ..errors import FlagError
from .flags import at_most, flag, not_negative, positive

Names = tuple[str, ...]


def normalize_transcripts_flag(auto: str) -> str:
    """Declare `--normalize_transcripts`; `auto` is the help text for its value `auto`."""
    text: str = flag(
        "auto",
        "adapt transcripts to the alphabet: change letters to its case and typographic variants "
        f"to its own, and drop punctuation (never letters) that it lacks; auto: {auto}",
        choices=("auto", "true", "false"),
    )
    return text


def vad_aggressiveness_flag() -> int:
    """Declare `--vad_aggressiveness`."""
    aggressiveness: int = flag(
        2,  # the runtime's `AGGRESSIVENESS`; importing that would import NumPy
        "how readily sound counts as a pause, from 0 to 3",
        check=at_most(3, least=0),
    )
    return aggressiveness


@dataclass(frozen=True)
class TestDataFlags:
    """Data."""

    test_files: Names = flag([], "collections to evaluate on; results are reported for each")
    normalize_transcripts: str = normalize_transcripts_flag("as the model was trained")
    on_bad_row: str = flag(
        "fail",
        "what to do with rows that cannot be used: stop and report all of them, or skip them; "
        "evaluate lists them in skipped_rows.csv in the current folder (in skipped_rows-2.csv, ... "
        "if there is another such file)",
        choices=("fail", "skip"),
    )
    limit_test: int = flag(0, "use at most N clips of each test set; 0: all", check=not_negative)
    reverse_test: bool = flag(False, "evaluate from the longest clip to the shortest")


@dataclass(frozen=True)
class DataFlags:
    """Data."""

    train_files: Names = flag(
        [],
        "collections to train on (CSV, SDB, tar, Parquet, manifests, folders), separated by "
        "spaces; several are merged; `old.sdb:0.3` makes that one 30 % of each epoch's clips. "
        "Empty: no training",
    )
    dev_files: Names = flag(
        [], "collections to validate on after each epoch; results are reported for each"
    )
    test_files: Names = flag([], "collections to evaluate on; results are reported for each")
    metrics_files: Names = flag(
        [], "collections whose loss is reported after each epoch; it influences no decision"
    )
    auto_input_dataset: str = flag(
        "",
        "one collection of clips, or a folder with one CSV file, to split into train, dev and test "
        "sets",
    )
    on_bad_row: str = flag(
        "fail",
        "what to do with rows that cannot be used: stop and report all of them, or skip them and "
        "list them in skipped_rows.csv beside the checkpoint",
        choices=("fail", "skip"),
    )
    normalize_transcripts: str = normalize_transcripts_flag(
        "what the source model was trained with, or false"
    )
    read_buffer: str = flag("1MB", "", replacement="each clip is read whole, in one call")
    feature_cache: str = flag(
        "",
        "folder to keep features, and outputs of frozen layers, for later runs (within a run they "
        "are always kept in memory)",
    )
    feature_cache_gigabytes: float = flag(
        0.0,
        "maximum size of --feature_cache; 0: until only 5 % of the disk is free",
        check=not_negative,
    )
    cache_for_epochs: int = flag(
        0, "recompute features after this many epochs; 0: never", check=not_negative
    )
    shuffle_batches: bool = flag(
        False,
        "shuffle the order of batches in each epoch; false: shortest clips first",
    )
    shuffle_start: int = flag(
        1, "first epoch, counted from 0, whose batches are shuffled", check=not_negative
    )
    shuffle_buffer: int = flag(1000, "size of the shuffle buffer, in batches", check=positive)
    limit_train: int = flag(
        0, "use at most N clips of the training set; 0: all", check=not_negative
    )
    limit_dev: int = flag(0, "use at most N clips of each dev set; 0: all", check=not_negative)
    limit_test: int = flag(0, "use at most N clips of each test set; 0: all", check=not_negative)
    reverse_train: bool = flag(False, "train from the longest clip to the shortest")
    reverse_dev: bool = flag(False, "validate from the longest clip to the shortest")
    reverse_test: bool = flag(False, "evaluate from the longest clip to the shortest")
    augment: Names = flag(
        [],
        "augmentations of the training clips, NAME[p=PROBABILITY,PARAMETER=VALUE,...], for "
        "example: specaugment speed[p=0.5]",
        repeatable=True,
    )
    augment_variants: int = flag(
        0,
        "augmented versions of each clip, used in turn from epoch to epoch while layers are "
        "frozen, so that their outputs are computed once for each; masks are new every time. 0: "
        "a new version in each epoch",
        check=not_negative,
    )

    def __post_init__(self) -> None:
        if self.auto_input_dataset and (self.train_files or self.dev_files or self.test_files):
            raise FlagError(
                "--auto_input_dataset makes the train, dev and test sets itself; leave out "
                "--train_files, --dev_files and --test_files"
            )
        parse_augmentations(self.augment)

    @property
    def all_files(self) -> list[str]:
        """All collections: train, dev, test and metrics."""
        return [*self.train_files, *self.dev_files, *self.test_files, *self.metrics_files]
