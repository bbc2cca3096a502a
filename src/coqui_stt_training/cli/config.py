"""The flags of training and evaluation, in the groups of `--help`, and the commands' flags.

Names, defaults and meanings are upstream's. If a flag of upstream did something surprising, the
help text says what it does here. `flags.py` turns these into a command line.
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
        "alphabet file, one label per line. Default: that of the checkpoint, or alphabet.txt "
        "beside the data, or one made from the data",
    )
    bytes_output_mode: bool = flag(
        False,
        "output UTF-8 bytes instead of characters: for any language, without alphabet",
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

    checkpoint_dir: str = flag("", "checkpoint folder, or one file of it")
    load_checkpoint_dir: str = flag("", "same as --checkpoint_dir, which wins if both are given")
    save_checkpoint_dir: str = flag(
        "", "folder that train saved to; used if neither of the other two is given"
    )
    load_evaluate: str = flag(
        "auto",
        "which checkpoint of the folder to use; auto: best, or last if there is none",
        choices=("auto", "best", "last"),
    )

    def overruled(self) -> str:
        """Return a warning about folders that `--checkpoint_dir` overrules; empty if none."""
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
            f"--checkpoint_dir {self.checkpoint_dir} is used to load and to save, so "
            f"{' and '.join(idle)} is ignored; leave out --checkpoint_dir to use both of the "
            "others"
        )

    @property
    def load_dir(self) -> str:
        """Where to load from, or an empty string."""
        return self.checkpoint_dir or self.load_checkpoint_dir or self.save_checkpoint_dir


@dataclass(frozen=True)
class CheckpointFlags(SourceFlags):
    """Checkpoints."""

    checkpoint_dir: str = flag(
        "", "folder to load from and save to; replaces the next two", check=writable_place
    )
    load_checkpoint_dir: str = flag(
        "",
        "model to start from: a folder or file, or hf://owner/name on the Hugging Face hub",
    )
    save_checkpoint_dir: str = flag("", "folder to save to", check=writable_place)
    load_evaluate: str = flag(
        "auto",
        "which checkpoint to evaluate; auto: best, or last if there is none",
        choices=("auto", "best", "last"),
    )
    load_train: str = flag(
        "auto",
        "what to start training from: the best or last checkpoint, or init for new weights; auto: "
        "best, or last, or init, whichever exists first",
        choices=("auto", "best", "last", "init"),
    )
    run: str = flag(
        "auto",
        "continue the run in --save_checkpoint_dir, or begin a new one; auto: continue if it is "
        "unfinished and the command is the same",
        choices=("auto", "continue", "new"),
    )
    checkpoint_secs: int = flag(
        600,
        "seconds between checkpoints within an epoch; 0: save only after epochs",
        check=not_negative,
    )
    max_to_keep: int = flag(
        5, "number of most recent checkpoints to keep, besides the best one", check=positive
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
        5, "number of best, median and worst samples to print", check=not_negative
    )
    test_output_file: str = flag(
        "", "JSON file to write with all samples, their transcripts and errors"
    )


@dataclass(frozen=True)
class ScorerFlags:
    """Decoding."""

    scorer_path: str = flag("", "external scorer (language model)", aliases=("scorer",))
    beam_width: int = flag(1024, "beam width of the decoder", check=at_most(1 << 24))
    lm_alpha: float = flag(
        0.931289039105002, "weight of the language model; if not given, the scorer's own"
    )
    lm_beta: float = flag(1.1834137581510284, "bonus for each word; if not given, the scorer's own")

    def weights(self, given: frozenset[str]) -> tuple[float | None, float | None]:
        """Return alpha and beta; None: the flag was not given, so the scorer's value applies."""
        return (
            self.lm_alpha if "lm_alpha" in given else None,
            self.lm_beta if "lm_beta" in given else None,
        )


@dataclass(frozen=True)
class DecoderFlags(ScorerFlags):
    """Decoding."""

    vocab_file: str = flag("", "", replacement="the decoder writes only words of the scorer")
    cutoff_prob: float = flag(
        1.0, "consider only the most probable labels, up to this cumulative probability"
    )
    cutoff_top_n: int = flag(300, "consider at most N of the most probable labels", check=positive)

    def __post_init__(self) -> None:
        if not 0 < self.cutoff_prob <= 1:
            raise FlagError(
                f"--cutoff_prob {self.cutoff_prob}: must be greater than 0 and at most 1"
            )


@dataclass(frozen=True)
class LogLevelFlags:
    """Logging."""

    log_level: int = flag(1, "0: debug, 1: info, 2: warnings, 3: errors")


@dataclass(frozen=True)
class LogFlags(LogLevelFlags):
    """Logging."""

    show_progressbar: bool = flag(True, "show progress bars on a terminal")


@dataclass(frozen=True)
class PlacementFlags(LogFlags):
    """Logging."""

    log_placement: bool = flag(False, "log the device of each layer's weights")


@dataclass(frozen=True)
class OutputFlags(PlacementFlags):
    """Logging."""

    summary_dir: str = flag("", "TensorBoard folder (default: the checkpoint folder)")


@dataclass(frozen=True)
class MachineFlags:
    """Machine."""

    inter_op_parallelism_threads: int = flag(
        0, "threads across operations; 0: PyTorch's default", check=at_most(1024, least=0)
    )
    intra_op_parallelism_threads: int = flag(
        0, "threads within an operation; 0: PyTorch's default", check=at_most(1024, least=0)
    )
    horovod: bool = flag(
        False,
        "false is accepted for old scripts; use torchrun to train on several devices",
        check=lambda asked: (
            "Horovod is not supported; leave the flag out and replace horovodrun with torchrun: "
            "torchrun --nproc-per-node 4 -m coqui_stt_training.train (see docs/scaling.md)"
            if asked
            else None
        ),
    )
    use_allow_growth: bool = flag(False, "", replacement="PyTorch allocates GPU memory as needed")
    load_cudnn: bool = flag(
        False, "", replacement="checkpoints trained with cuDNN are recognized automatically"
    )
    train_cudnn: bool = flag(
        False, "", replacement="cuDNN is always used on GPUs, with the same checkpoints"
    )


@dataclass(frozen=True)
class InferenceFlags:
    """Inference."""

    one_shot_infer: str = flag("", "audio file to transcribe with the checkpoint")


@dataclass(frozen=True)
class TuningFlags:
    """Tuning."""

    lm_alpha_max: float = flag(5.0, "maximum alpha to try; the minimum is 0", check=positive)
    lm_beta_max: float = flag(5.0, "maximum beta to try; the minimum is 0", check=positive)
    n_trials: int = flag(
        2400, "total number of trials, including those of earlier runs", check=positive
    )
    posteriors: str = flag("", "file to keep the acoustic model's output for further runs")
    journal: str = flag("", "file to keep the trials (default: beside the scorer)")
    plot: str = flag("", "plot of the error rate over alpha and beta (default: beside the scorer)")
    results: str = flag(
        "",
        (
            "JSON file with all trials and the error rates without a scorer (default: beside the "
            "scorer)"
        ),
    )
    write_scorer: bool = flag(False, "write the best values into the scorer as its new defaults")


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
