"""The flags of how a model is trained, and of what it starts with, in the groups of `--help`.

Names, defaults and meanings are upstream's, where upstream has them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import FlagError
from ..models.adapter import parse_adapter
from .flags import at_least, at_most, flag, not_negative, positive, probability, share

MOST_HEAD_LAYERS = 8


@dataclass(frozen=True)
class BootstrapFlags:
    """Bootstrapping."""

    drop_source_layers: int = flag(
        0,
        "how many layers of the source model to replace by new ones, from the output backwards: "
        "1 is the output layer, 2 also the one before it, up to all but the first",
        check=not_negative,
    )
    map_shared_characters: bool = flag(
        False,
        "with a new alphabet: copy the output rows of characters both alphabets have, and of the "
        "blank, instead of making them anew",
    )
    map_alphabet: str = flag(
        "",
        "the same, and let output rows of characters that only the new alphabet has start from "
        "those that sound alike in the source's: auto, by how both are written in Latin letters, "
        "or a table, each line a character, a tab, and characters of the source",
    )
    extend_alphabet: bool = flag(
        False,
        "keep the source's alphabet and append the characters of --alphabet_config_path, or of the "
        "data, that it lacks; no layer is dropped",
    )
    freeze_source_layers: int = flag(
        0,
        "how many layers of the source, from the input, not to train; -1: all below the head, of a "
        "DeepSpeech model those up to the LSTM",
        check=at_least(-1),
    )
    unfreeze_after_epochs: int = flag(
        0, "epochs after which frozen layers are trained too; 0: never", check=not_negative
    )
    unfreeze_every_epochs: int = flag(
        0,
        "unfreeze layer by layer from the top, one every so many epochs; 0: all at the same time",
        check=not_negative,
    )
    unfreeze_wait_epochs: int = flag(
        0,
        "for how many epochs more, at most, frozen layers stay frozen while the model still writes "
        "next to nothing of the dev files; the run becomes longer by as many",
        check=not_negative,
    )
    source_learning_rate_factor: float = flag(
        1.0, "factor of the learning rate of layers kept from the source", check=positive
    )
    layer_learning_rate_decay: float = flag(
        1.0,
        "factor of the learning rate from each layer kept from the source to the one below it",
        check=positive,
    )
    head: str = flag(
        "auto",
        "what stands on a pre-trained encoder: a linear output layer, or BiLSTM layers below it; "
        "auto: that which the source has, lstm where it has none",
        choices=("auto", "linear", "lstm"),
    )
    head_layers: int = flag(1, "BiLSTM layers of --head lstm", check=at_most(MOST_HEAD_LAYERS))
    head_size: int = flag(256, "width of each direction of those", check=at_most(1 << 14))
    head_blocks: int = flag(
        1,
        "how many blocks of the encoder, from the top, a new head listens to: to a mean of them "
        "with weights that are learnt",
        check=at_most(1 << 10),
    )
    adapter: str = flag(
        "",
        "train small weights beside those of a pre-trained encoder instead of them: "
        "lora:rank=16[,alpha=32][,targets=query+value], or bottleneck:size=64",
    )
    dry_run: bool = flag(
        False,
        "check everything that a run checks before its first step, print what would be loaded, "
        "kept and made new, write nothing, and stop",
    )

    def __post_init__(self) -> None:
        if self.extend_alphabet and self.drop_source_layers:
            raise FlagError(
                "--extend_alphabet keeps all layers; leave out --drop_source_layers, or use "
                "--map_shared_characters with it instead"
            )
        maps = "--map_alphabet" if self.map_alphabet else "--map_shared_characters"
        if (self.map_shared_characters or self.map_alphabet) and self.drop_source_layers > 1:
            raise FlagError(
                f"{maps} copies rows of the output layer, which mean nothing on "
                f"top of new layers; use it with --drop_source_layers 1, not "
                f"{self.drop_source_layers}"
            )
        if self.adapter:
            try:
                parse_adapter(self.adapter)
            except ValueError as error:
                raise FlagError(f"--adapter: {error}") from None
            if self.unfreeze_after_epochs or self.unfreeze_every_epochs:
                raise FlagError(
                    "--adapter never trains the encoder's own weights; leave out "
                    "--unfreeze_after_epochs and --unfreeze_every_epochs"
                )
        if self.head != "lstm" and (self.head_layers, self.head_size) != (1, 256):
            raise FlagError("--head_layers and --head_size need --head lstm")


@dataclass(frozen=True)
class TrainingFlags:
    """Training."""

    recipe: str = flag(
        "",
        "flags that go well together: NAME, NAME@VERSION, or a YAML file of them; auto: by the "
        "source and the minutes of training data; none. Every flag that is given wins. Default: "
        "auto where the source is an encoder and the command does not say itself how to train",
    )
    epochs: int = flag(75, "how many times to go through the training set", check=not_negative)
    train_batch_size: int = flag(1, "clips in a training batch", check=positive)
    train_batch_seconds: float = flag(
        0.0,
        "seconds of audio in a training batch, padding included: many short clips or few long "
        "ones; --train_batch_size, if above 1, is then the most clips of one. 0: clips alone count",
        check=not_negative,
    )
    gradient_accumulation_steps: int = flag(
        1,
        "batches whose gradients are added up for one step of the optimizer: as one large batch, "
        "in the memory of a small one",
        check=at_most(1 << 16),
    )
    dev_batch_size: int = flag(1, "clips in a validation batch", check=positive)
    dev_batch_seconds: float = flag(
        0.0, "seconds of audio in a validation batch, as --train_batch_seconds", check=not_negative
    )
    learning_rate: float = flag(
        0.001, "of Adam; where it has a schedule, what that begins at", check=positive
    )
    beta1: float = flag(0.9, "decay of Adam's first moment", check=probability)
    beta2: float = flag(0.999, "decay of Adam's second moment", check=probability)
    epsilon: float = flag(1e-8, "of Adam, added to the root of the second moment", check=positive)
    average_weights: bool = flag(
        True,
        "validate, keep and evaluate a running average of the weights, which is steadier than the "
        "weights of the last step; false: as upstream",
    )
    output_bias: str = flag(
        "auto",
        "what a new output layer begins with: zero, or prior, the logarithm of how often the "
        "training transcripts have each label, and frames none; auto: prior, but of DeepSpeech's "
        "graph zero, as upstream",
        choices=("auto", "zero", "prior"),
    )
    force_initialize_learning_rate: bool = flag(
        False, "use --learning_rate also when a continued run has reduced its own"
    )
    random_seed: int = flag(4568, "of new weights, dropout and the order of batches")
    skip_batch_test: bool = flag(
        False, "do not try whether the longest batch fits into memory before training"
    )
    automatic_mixed_precision: bool = flag(
        False, "compute in bfloat16, or scaled float16; the weights stay float32"
    )
    shard_weights: bool = flag(
        False,
        "share out the weights, with their gradients, moments and average, among the processes "
        "that torchrun starts (FSDP): for models that do not fit on one GPU",
    )


@dataclass(frozen=True)
class OptimizerFlags:
    """Optimizer, and how the learning rate goes over a run."""

    optimizer: str = flag(
        "adam", "adam, as upstream, or adamw: Adam whose weights decay", choices=("adam", "adamw")
    )
    weight_decay: float = flag(
        0.01,
        "of adamw: what part of the matrices decays in a step, times the learning rate",
        check=not_negative,
    )
    source_weight_decay: float = flag(
        0.0,
        "what part of the way layers kept from the source are drawn back to what they were there, "
        "in a step, times the learning rate",
        check=not_negative,
    )
    learning_rate_schedule: str = flag(
        "constant",
        "how the learning rate goes: constant; linear, or along a cosine, down to its last factor; "
        "tri_stage: constant, then by the same factor each step",
        choices=("constant", "linear", "cosine", "tri_stage"),
    )
    last_learning_rate_factor: float = flag(
        0.05, "what those but constant end at, as a factor of --learning_rate", check=share
    )
    tri_stage_hold: float = flag(
        0.5, "for what part of the run tri_stage is constant", check=probability
    )
    warmup_steps: int = flag(
        0,
        "steps over which the learning rate of a layer grows to the whole one, counted from when "
        "the layer is first trained",
        check=not_negative,
    )
    gradient_clipping: float = flag(
        0.0, "norm to which larger gradients are scaled down; 0: none are", check=not_negative
    )

    def __post_init__(self) -> None:
        defaults = {item.name: item.default for item in fields(self)}
        for name, needs, kinds in (
            ("weight_decay", "optimizer", ("adamw",)),
            ("tri_stage_hold", "learning_rate_schedule", ("tri_stage",)),
            ("last_learning_rate_factor", "learning_rate_schedule",
             ("linear", "cosine", "tri_stage")),
        ):  # fmt: skip
            if getattr(self, name) != defaults[name] and getattr(self, needs) not in kinds:
                raise FlagError(f"--{name} needs --{needs} {' or '.join(kinds)}")

    @property
    def decay_in_force(self) -> float:
        """The weight decay, 0 where the optimizer has none."""
        return self.weight_decay if self.optimizer == "adamw" else 0.0


@dataclass(frozen=True)
class ObjectiveFlags:
    """What is added to the CTC loss."""

    entropy_weight: float = flag(
        0.0, "of a penalty on frames that are sure of their label", check=not_negative
    )
    consistency_weight: float = flag(
        0.0,
        "of how far two passes over a batch lie apart, which dropout, and the masks of --augment, "
        "make different; takes twice the time",
        check=not_negative,
    )
    intermediate_ctc_weight: float = flag(
        0.0,
        "share of the loss that is of an inner block of an encoder, heard by the model's head "
        "while the block is trained",
        check=probability,
    )
    intermediate_ctc_block: int = flag(
        0, "which block that is, counted from 1; 0: the one in the middle", check=not_negative
    )

    def __post_init__(self) -> None:
        if self.intermediate_ctc_block and not self.intermediate_ctc_weight:
            raise FlagError("--intermediate_ctc_block: give --intermediate_ctc_weight, too")


@dataclass(frozen=True)
class DropoutFlags:
    """Dropout."""

    dropout_rate: float = flag(
        0.05, "after layer 1; of an encoder, before its head and within it", check=probability
    )
    dropout_rate2: float = flag(-1.0, "after layer 2; -1: as dropout_rate")
    dropout_rate3: float = flag(-1.0, "after layer 3; -1: as dropout_rate")
    dropout_rate4: float = flag(0.0, "after the LSTM", check=probability)
    dropout_rate5: float = flag(0.0, "after layer 5, in addition to the next", check=probability)
    dropout_rate6: float = flag(-1.0, "before layer 6; -1: as dropout_rate")

    def __post_init__(self) -> None:
        for name in ("dropout_rate2", "dropout_rate3", "dropout_rate6"):
            if getattr(self, name) >= 1:
                raise FlagError(f"--{name} {getattr(self, name)}: {probability(1)}")

    def by_layer(self) -> dict[str, float]:
        """Return the rate of each layer's output.

        Upstream applied `dropout_rate6` to what enters layer 6, and 4 and 5 nowhere.
        """

        def rate(value: float) -> float:
            return self.dropout_rate if value < 0 else value

        return {
            "layer_1": self.dropout_rate,
            "layer_2": rate(self.dropout_rate2),
            "layer_3": rate(self.dropout_rate3),
            "lstm": self.dropout_rate4,
            "layer_5": 1 - (1 - self.dropout_rate5) * (1 - rate(self.dropout_rate6)),
            "encoder": self.dropout_rate,
            **{f"head_{number}": self.dropout_rate for number in range(1, MOST_HEAD_LAYERS + 1)},
        }


@dataclass(frozen=True)
class ScheduleFlags:
    """Validation, early stopping and learning rate reduction (need --dev_files)."""

    best_by: str = flag(
        "cer",
        "what makes a checkpoint the best: the lowest character error rate on the dev files (of "
        "equal ones, and while the model hears nothing yet, the lowest loss), or, as upstream, the "
        "lowest loss alone",
        choices=("cer", "loss"),
    )
    early_stop: bool = flag(False, "stop when validation no longer improves")
    es_epochs: int = flag(25, "epochs without improvement after which to stop", check=positive)
    es_min_delta: float = flag(0.05, "how much the loss must fall to count", check=not_negative)
    reduce_lr_on_plateau: bool = flag(
        False, "reduce the learning rate, and go back to the best weights, on a plateau"
    )
    plateau_epochs: int = flag(10, "epochs without improvement that are a plateau", check=positive)
    plateau_reduction: float = flag(0.1, "factor of the learning rate", check=positive)
