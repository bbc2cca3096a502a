"""The flags that say what to train and to evaluate on."""

from __future__ import annotations

from dataclasses import dataclass

from ..augmentation.specification import parse_augmentations
from ..errors import FlagError
from .flags import flag, not_negative, positive

Names = tuple[str, ...]


def normalize_transcripts_flag(auto: str) -> str:
    """Declare `--normalize_transcripts`; `auto` says what that value means to a command."""
    text: str = flag(
        "auto",
        "bring transcripts to what the alphabet can write: letters to its case, typographic "
        f"variants to its own, punctuation that it lacks left out; letters never; auto: {auto}",
        choices=("auto", "true", "false"),
    )
    return text


@dataclass(frozen=True)
class TestDataFlags:
    """Data."""

    test_files: Names = flag([], "collections to evaluate on, reported one by one")
    normalize_transcripts: str = normalize_transcripts_flag("as the model was trained")
    on_bad_row: str = flag(
        "fail",
        "what to do with rows that cannot be used: stop with one report of all of them, or skip "
        "them",
        choices=("fail", "skip"),
    )
    limit_test: int = flag(0, "use only so many clips of each test set; 0: all", check=not_negative)
    reverse_test: bool = flag(False, "evaluate from the longest clips to the shortest")


@dataclass(frozen=True)
class DataFlags:
    """Data."""

    train_files: Names = flag(
        [],
        "collections to train on (CSV, SDB, tar, Parquet, manifests, folders), separated by "
        "spaces; several are merged, `old.sdb:0.3` as that share of an epoch. Empty: no training",
    )
    dev_files: Names = flag([], "collections to validate on after each epoch, reported one by one")
    test_files: Names = flag([], "collections to evaluate on, reported one by one")
    metrics_files: Names = flag(
        [], "collections whose loss is reported after each epoch without deciding anything"
    )
    auto_input_dataset: str = flag(
        "",
        "one collection of clips, or a folder with one CSV file, to split into train, dev and test "
        "sets",
    )
    on_bad_row: str = flag(
        "fail",
        "what to do with rows that cannot be used: stop with one report of all of them, or skip "
        "them and list them in skipped_rows.csv beside the checkpoint",
        choices=("fail", "skip"),
    )
    normalize_transcripts: str = normalize_transcripts_flag("as the source was trained, else false")
    read_buffer: str = flag("1MB", "", replacement="each clip is read whole, in one call")
    feature_cache: str = flag(
        "",
        "folder in which to keep features, and what frozen layers gave, for later runs (they are "
        "kept in memory anyway)",
    )
    feature_cache_gigabytes: float = flag(
        0.0,
        "how large that folder may become; 0: until a twentieth of the disk is left",
        check=not_negative,
    )
    cache_for_epochs: int = flag(
        0, "after how many epochs features are computed anew; 0: never", check=not_negative
    )
    shuffle_batches: bool = flag(
        False,
        "shuffle the order of batches each epoch; else from the shortest clips to the longest",
    )
    shuffle_start: int = flag(
        1, "first epoch, counted from 0, whose batches are shuffled", check=not_negative
    )
    shuffle_buffer: int = flag(1000, "how many batches ahead shuffling may reach", check=positive)
    limit_train: int = flag(
        0, "use only so many clips of the training set; 0: all", check=not_negative
    )
    limit_dev: int = flag(0, "use only so many clips of each dev set; 0: all", check=not_negative)
    limit_test: int = flag(0, "use only so many clips of each test set; 0: all", check=not_negative)
    reverse_train: bool = flag(False, "train from the longest clips to the shortest")
    reverse_dev: bool = flag(False, "validate from the longest clips to the shortest")
    reverse_test: bool = flag(False, "evaluate from the longest clips to the shortest")
    augment: Names = flag(
        [],
        "augmentations of the training clips, NAME[p=PROBABILITY,PARAMETER=VALUE,...], such as "
        "specaugment speed[p=0.5]",
        repeatable=True,
    )
    augment_variants: int = flag(
        0,
        "how many versions of each clip --augment makes, of which epochs take turns, so that what "
        "frozen layers give of each is computed once; masks on that are always new. 0: a new "
        "version in each epoch",
        check=not_negative,
    )

    def __post_init__(self) -> None:
        if self.auto_input_dataset and (self.train_files or self.dev_files or self.test_files):
            raise FlagError(
                "--auto_input_dataset makes the train, dev and test sets itself; "
                "do not give --train_files, --dev_files or --test_files with it"
            )
        parse_augmentations(self.augment)

    @property
    def all_files(self) -> list[str]:
        """All collections, of whatever use."""
        return [*self.train_files, *self.dev_files, *self.test_files, *self.metrics_files]
