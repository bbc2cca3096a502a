"""The flags of training and evaluation, in the groups that `--help` shows, and each command's.

Names, defaults and meanings are upstream's; where upstream's flag did something surprising, the
help text says what it does here. See `flags.py` for how these become a command line.
"""

from __future__ import annotations

from dataclasses import dataclass

from stt.errors import FrontEndError
from stt.frontends.mfcc import FeatureConfig

from ..augmentation.specification import parse_augmentations
from ..errors import FlagError
from .distillation_flags import DistillationFlags
from .flag import writable_place
from .flags import at_most, flag, not_negative, positive
from .geometry_flags import GeometryFlags
from .report_flags import ReportFlags
from .self_training_flags import SelfTrainingFlags
from .training_flags import (
    BootstrapFlags,
    DropoutFlags,
    ObjectiveFlags,
    OptimizerFlags,
    ScheduleFlags,
    TrainingFlags,
)

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
        "", "folder in which to keep features for later runs (they are kept in memory anyway)"
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


# The flags that say each value of `FeatureConfig`.
FEATURE_FLAGS = {
    "sample_rate_hz": "audio_sample_rate",
    "window_milliseconds": "feature_win_len",
    "step_milliseconds": "feature_win_step",
}


@dataclass(frozen=True)
class FeatureFlags:
    """Features."""

    audio_sample_rate: int = flag(16000, "sample rate in Hz that the model expects", check=positive)
    feature_win_len: int = flag(32, "length of a feature frame in milliseconds", check=positive)
    feature_win_step: int = flag(20, "step between feature frames in milliseconds", check=positive)
    normalize_sample_rate: bool = flag(
        True, "resample audio of another rate; else such clips are bad rows"
    )

    def __post_init__(self) -> None:
        self.to_config()

    def to_config(self) -> FeatureConfig:
        """Return the feature definition these flags ask for.

        Raises:
            FlagError: a window or step is no whole number of samples.
        """
        return features_of(self.audio_sample_rate, self.feature_win_len, self.feature_win_step)


def features_of(
    sample_rate_hz: int, window_milliseconds: int, step_milliseconds: int
) -> FeatureConfig:
    """Return features by the values of their flags.

    Raises:
        FlagError: they are impossible; names the flags.
    """
    try:
        return FeatureConfig(sample_rate_hz, window_milliseconds, step_milliseconds)
    except FrontEndError as error:
        text = str(error)
        for name, flag_name in FEATURE_FLAGS.items():
            text = text.replace(name, f"--{flag_name}")
        raise FlagError(text) from None


@dataclass(frozen=True)
class AlphabetFlags:
    """Alphabet."""

    alphabet_config_path: str = flag(
        "",
        "alphabet file, one label a line. Else: the checkpoint's, else alphabet.txt beside the "
        "data, else generated from the data",
    )
    bytes_output_mode: bool = flag(
        False,
        "write UTF-8 bytes instead of characters: any language, no alphabet",
        aliases=("utf8",),
    )

    def __post_init__(self) -> None:
        if self.bytes_output_mode and self.alphabet_config_path:
            raise FlagError(
                "--bytes_output_mode and --alphabet_config_path exclude each other; leave one out"
            )


@dataclass(frozen=True)
class SourceFlags:
    """Checkpoint to read."""

    checkpoint_dir: str = flag("", "folder of the checkpoint, or one file of it")
    load_checkpoint_dir: str = flag(
        "", "another name of that, as in train; --checkpoint_dir wins where both are given"
    )
    save_checkpoint_dir: str = flag(
        "", "folder that train saved to; read where neither of the other two is given"
    )
    load_evaluate: str = flag(
        "auto",
        "which checkpoint of the folder: the best or the last; auto: best, else last",
        choices=("auto", "best", "last"),
    )

    def overruled(self) -> str:
        """Return a sentence about folders that `--checkpoint_dir` overrules; empty where none."""
        idle = [
            f"--{name} {folder}"
            for name, folder in vars(self).items()
            if name in ("load_checkpoint_dir", "save_checkpoint_dir")
            and self.checkpoint_dir
            and folder not in ("", self.checkpoint_dir)
        ]
        if not idle:
            return ""
        return (
            f"--checkpoint_dir {self.checkpoint_dir} is used to load and to save, and "
            f"{' and '.join(idle)} is not; leave out --checkpoint_dir to use both of the others"
        )

    @property
    def load_dir(self) -> str:
        """Where to load from, or an empty string."""
        return self.checkpoint_dir or self.load_checkpoint_dir or self.save_checkpoint_dir


@dataclass(frozen=True)
class CheckpointFlags(SourceFlags):
    """Checkpoints."""

    checkpoint_dir: str = flag(
        "", "folder to load from and save to; overrides the next two", check=writable_place
    )
    load_checkpoint_dir: str = flag(
        "",
        "folder, or file, of the model to start from; or hf://owner/name on the Hugging Face hub",
    )
    save_checkpoint_dir: str = flag("", "folder to save to", check=writable_place)
    load_evaluate: str = flag(
        "auto",
        "what to evaluate: the best or last checkpoint; auto: best, else last",
        choices=("auto", "best", "last"),
    )
    load_train: str = flag(
        "auto",
        "what to start training from: the best or last checkpoint, or init for new weights; "
        "auto: best, else last, else init",
        choices=("auto", "best", "last", "init"),
    )
    run: str = flag(
        "auto",
        "whether to continue the run found in --save_checkpoint_dir or to begin a new one; auto: "
        "the same command on an unfinished run continues it",
        choices=("auto", "continue", "new"),
    )
    checkpoint_secs: int = flag(
        600, "seconds between checkpoints within an epoch; 0: only after epochs", check=not_negative
    )
    max_to_keep: int = flag(
        5, "how many of the last checkpoints a run keeps; of the best, one", check=positive
    )

    @property
    def load_dir(self) -> str:
        """Where to load from, or an empty string."""
        return self.checkpoint_dir or self.load_checkpoint_dir

    @property
    def save_dir(self) -> str:
        """Where to save to, or an empty string."""
        return self.checkpoint_dir or self.save_checkpoint_dir


@dataclass(frozen=True)
class TestBatchFlags:
    """Evaluation."""

    test_batch_size: int = flag(1, "clips in a test batch", check=positive)


@dataclass(frozen=True)
class EvaluationFlags(ReportFlags, TestBatchFlags):
    """Evaluation."""

    report_count: int = flag(
        5, "how many of the best, median and worst samples to print", check=not_negative
    )
    test_output_file: str = flag("", "JSON file for all samples with their transcripts and errors")


@dataclass(frozen=True)
class ScorerFlags:
    """Decoding."""

    scorer_path: str = flag("", "language-model scorer", aliases=("scorer",))
    beam_width: int = flag(1024, "prefixes the beam search keeps", check=at_most(1 << 24))
    lm_alpha: float = flag(
        0.931289039105002, "weight of the language model; if not given, the one in the scorer"
    )
    lm_beta: float = flag(
        1.1834137581510284, "bonus of each word; if not given, the one in the scorer"
    )

    def weights(self, given: frozenset[str]) -> tuple[float | None, float | None]:
        """Return alpha and beta; None: not among the flags given, and as the scorer says."""
        return (
            self.lm_alpha if "lm_alpha" in given else None,
            self.lm_beta if "lm_beta" in given else None,
        )


@dataclass(frozen=True)
class DecoderFlags(ScorerFlags):
    """Decoding."""

    vocab_file: str = flag(
        "", "", replacement="the decoder writes the words that are in the scorer, and no others"
    )
    cutoff_prob: float = flag(1.0, "consider only the likeliest labels up to this probability")
    cutoff_top_n: int = flag(300, "consider only so many of the likeliest labels", check=positive)

    def __post_init__(self) -> None:
        if not 0 < self.cutoff_prob <= 1:
            raise FlagError(f"--cutoff_prob {self.cutoff_prob}: must be above 0, at most 1")


@dataclass(frozen=True)
class LogLevelFlags:
    """Logging."""

    log_level: int = flag(1, "0: debug, 1: info, 2: warnings, 3: errors")


@dataclass(frozen=True)
class LogFlags(LogLevelFlags):
    """Logging."""

    show_progressbar: bool = flag(True, "show progress bars where the output is a terminal")


@dataclass(frozen=True)
class PlacementFlags(LogFlags):
    """Logging."""

    log_placement: bool = flag(False, "say on which device each layer's weights are")


@dataclass(frozen=True)
class OutputFlags(PlacementFlags):
    """Logging."""

    summary_dir: str = flag("", "TensorBoard folder; empty: summaries in the checkpoint's folder")


@dataclass(frozen=True)
class MachineFlags:
    """Machine."""

    inter_op_parallelism_threads: int = flag(
        0, "threads between operations; 0: PyTorch's choice", check=at_most(1024, least=0)
    )
    intra_op_parallelism_threads: int = flag(
        0, "threads within an operation; 0: PyTorch's choice", check=at_most(1024, least=0)
    )
    horovod: bool = flag(
        False,
        "accepted for old scripts where it is false: torchrun starts a run on several devices",
        check=lambda asked: (
            "Horovod was upstream's way to train on several devices; leave the flag out, and "
            "start the command with torchrun in the place of horovodrun: torchrun "
            "--nproc-per-node 4 -m coqui_stt_training.train (see docs/scaling.md)"
            if asked
            else None
        ),
    )
    use_allow_growth: bool = flag(False, "", replacement="PyTorch takes GPU memory as it needs it")
    load_cudnn: bool = flag(
        False, "", replacement="a checkpoint trained with cuDNN is recognised by itself"
    )
    train_cudnn: bool = flag(
        False, "", replacement="cuDNN is used wherever there is a GPU, with the same checkpoints"
    )


@dataclass(frozen=True)
class InferenceFlags:
    """Inference."""

    one_shot_infer: str = flag("", "audio file to transcribe with the checkpoint")


@dataclass(frozen=True)
class TuningFlags:
    """Tuning."""

    lm_alpha_max: float = flag(5.0, "alpha is searched from 0 to here", check=positive)
    lm_beta_max: float = flag(5.0, "beta is searched from 0 to here", check=positive)
    n_trials: int = flag(2400, "trials in all, earlier runs included", check=positive)
    posteriors: str = flag("", "file that keeps what the acoustic model said, for further runs")
    journal: str = flag("", "file that keeps the trials; empty: beside the scorer")
    plot: str = flag("", "picture of the error rate over alpha and beta; empty: beside the scorer")
    write_scorer: bool = flag(
        False, "write the best values into the scorer, as its own from then on"
    )


@dataclass(frozen=True)
class TrainConfig:
    """All flags of `train`."""

    data: DataFlags = DataFlags()
    checkpoints: CheckpointFlags = CheckpointFlags()
    bootstrap: BootstrapFlags = BootstrapFlags()
    distillation: DistillationFlags = DistillationFlags()
    self_training: SelfTrainingFlags = SelfTrainingFlags()
    alphabet: AlphabetFlags = AlphabetFlags()
    geometry: GeometryFlags = GeometryFlags()
    features: FeatureFlags = FeatureFlags()
    training: TrainingFlags = TrainingFlags()
    optimizer: OptimizerFlags = OptimizerFlags()
    objective: ObjectiveFlags = ObjectiveFlags()
    dropout: DropoutFlags = DropoutFlags()
    schedule: ScheduleFlags = ScheduleFlags()
    evaluation: EvaluationFlags = EvaluationFlags()
    decoder: DecoderFlags = DecoderFlags()
    inference: InferenceFlags = InferenceFlags()
    output: OutputFlags = OutputFlags()
    machine: MachineFlags = MachineFlags()


@dataclass(frozen=True)
class EvaluateConfig:
    """All flags of `evaluate`; those of `train` are accepted too."""

    data: TestDataFlags = TestDataFlags()
    source: SourceFlags = SourceFlags()
    alphabet: AlphabetFlags = AlphabetFlags()
    features: FeatureFlags = FeatureFlags()
    evaluation: EvaluationFlags = EvaluationFlags()
    decoder: DecoderFlags = DecoderFlags()
    output: PlacementFlags = PlacementFlags()
    machine: MachineFlags = MachineFlags()


@dataclass(frozen=True)
class InferenceConfig:
    """All flags of `training_graph_inference`; those of `train` are accepted too."""

    inference: InferenceFlags = InferenceFlags()
    source: SourceFlags = SourceFlags()
    alphabet: AlphabetFlags = AlphabetFlags()
    features: FeatureFlags = FeatureFlags()
    decoder: DecoderFlags = DecoderFlags()
    output: LogFlags = LogFlags()
    machine: MachineFlags = MachineFlags()


@dataclass(frozen=True)
class LmOptimizeConfig:
    """All flags of `lm_optimize`; those of `train` are accepted too."""

    tuning: TuningFlags = TuningFlags()
    decoder: DecoderFlags = DecoderFlags()
    data: TestDataFlags = TestDataFlags()
    source: SourceFlags = SourceFlags()
    alphabet: AlphabetFlags = AlphabetFlags()
    features: FeatureFlags = FeatureFlags()
    evaluation: TestBatchFlags = TestBatchFlags()
    output: LogFlags = LogFlags()
    machine: MachineFlags = MachineFlags()
