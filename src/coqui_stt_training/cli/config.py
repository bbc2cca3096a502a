"""The flags of training and evaluation, in the groups that `--help` shows, and each command's.

Names, defaults and meanings are upstream's; where upstream's flag did something surprising, the
help text says what it does here. See `flags.py` for how these become a command line.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import FlagError
from .data_flags import DataFlags, TestDataFlags
from .distillation_flags import DistillationFlags
from .feature_flags import FeatureFlags
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
    results: str = flag(
        "", "JSON file of all trials, and of the error rates without a scorer; empty: beside it"
    )
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
