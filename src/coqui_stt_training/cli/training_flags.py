"""The flags about training and the source model, in the groups of `--help`.

Names, defaults and meanings are upstream's if upstream has the flag.
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
        "number of source layers to replace with new ones, counted from the output: 1 is the "
        "output layer, 2 also the layer below it; the first layer always stays",
        check=not_negative,
    )
    map_shared_characters: bool = flag(
        False,
        "with a new alphabet: copy the output weights of the blank and of the characters that "
        "both alphabets have, instead of initializing them",
    )
    map_alphabet: str = flag(
        "",
        "like --map_shared_characters, and initialize characters that only the new alphabet has "
        "from similar-sounding ones of the source. auto: compare their romanizations; or a table "
        "file, each line: character, tab, characters of the source",
    )
    extend_alphabet: bool = flag(
        False,
        "keep the source's alphabet and append missing characters from --alphabet_config_path or "
        "the data; no layer is dropped",
    )
    freeze_source_layers: int = flag(
        0,
        "number of source layers to freeze, counted from the input; -1: all below the head (in "
        "DeepSpeech, up to and including the LSTM)",
        check=at_least(-1),
    )
    unfreeze_after_epochs: int = flag(
        0, "unfreeze frozen layers after this many epochs; 0: never", check=not_negative
    )
    unfreeze_every_epochs: int = flag(
        0,
        "unfreeze gradually: one layer, from the top, every N epochs; 0: all at once",
        check=not_negative,
    )
    unfreeze_wait_epochs: int = flag(
        0,
        "keep layers frozen up to N epochs longer while the model still transcribes almost "
        "nothing of the dev files; the run is extended by the same number",
        check=not_negative,
    )
    source_learning_rate_factor: float = flag(
        1.0, "learning rate of source layers, as a factor of the base rate", check=positive
    )
    layer_learning_rate_decay: float = flag(
        1.0,
        "learning rate of each source layer, as a factor of that of the layer above it",
        check=positive,
    )
    head: str = flag(
        "auto",
        "head on top of a pre-trained encoder: linear, or BiLSTM layers and a linear layer; auto: "
        "that of the source, or lstm if it has none",
        choices=("auto", "linear", "lstm"),
    )
    head_layers: int = flag(
        1, "number of BiLSTM layers of --head lstm", check=at_most(MOST_HEAD_LAYERS)
    )
    head_size: int = flag(256, "their width per direction", check=at_most(1 << 14))
    head_blocks: int = flag(
        1,
        "number of encoder blocks, from the top, that a new head reads, as a mean with learned "
        "weights",
        check=at_most(1 << 10),
    )
    adapter: str = flag(
        "",
        "train an adapter instead of the weights of a pre-trained encoder: "
        "lora:rank=16[,alpha=32][,targets=query+value], or bottleneck:size=64",
    )
    dry_run: bool = flag(
        False,
        "run all checks that come before the first training step, print which layers would be "
        "loaded, kept and initialized, and stop without writing anything",
    )

    def __post_init__(self) -> None:
        if self.extend_alphabet and self.drop_source_layers:
            raise FlagError(
                "--extend_alphabet keeps all layers; leave out --drop_source_layers, or replace "
                "--extend_alphabet with --map_shared_characters"
            )
        maps = "--map_alphabet" if self.map_alphabet else "--map_shared_characters"
        if (self.map_shared_characters or self.map_alphabet) and self.drop_source_layers > 1:
            raise FlagError(
                f"{maps} copies output weights, which do not fit a new layer below them; use it "
                f"with --drop_source_layers 1, not {self.drop_source_layers}"
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
        "tested set of flag values: NAME, NAME@VERSION, or a YAML file; none; auto: chosen by "
        "source and amount of training data. Flags that you give win over it. Default: auto if "
        "the source is an encoder and you give no flags on how to train",
    )
    epochs: int = flag(75, "number of passes over the training set", check=not_negative)
    train_batch_size: int = flag(1, "clips in a training batch", check=positive)
    train_batch_seconds: float = flag(
        0.0,
        "seconds of audio in a training batch, including padding: many short clips or few long "
        "ones; --train_batch_size, if above 1, then limits the number of clips. 0: count clips "
        "only",
        check=not_negative,
    )
    gradient_accumulation_steps: int = flag(
        1,
        "batches whose gradients are summed for one optimizer step: the effect of a larger batch "
        "without its memory",
        check=at_most(1 << 16),
    )
    dev_batch_size: int = flag(1, "clips in a validation batch", check=positive)
    dev_batch_seconds: float = flag(
        0.0,
        "seconds of audio in a validation batch, like --train_batch_seconds",
        check=not_negative,
    )
    learning_rate: float = flag(
        0.001, "learning rate; with a schedule, its highest value", check=positive
    )
    beta1: float = flag(0.9, "Adam's beta1 (decay of the first moment)", check=probability)
    beta2: float = flag(0.999, "Adam's beta2 (decay of the second moment)", check=probability)
    epsilon: float = flag(
        1e-8, "Adam's epsilon, added to the root of the second moment", check=positive
    )
    average_weights: bool = flag(
        True,
        "validate, save and evaluate a running average of the weights, which is more "
        "stable than the last step's weights; false: as upstream",
    )
    output_bias: str = flag(
        "auto",
        "initial bias of a new output layer: zero, or prior: log frequencies of the labels in the "
        "training transcripts and of frames without one; auto: prior, but zero for DeepSpeech, as "
        "upstream",
        choices=("auto", "zero", "prior"),
    )
    force_initialize_learning_rate: bool = flag(
        False, "use --learning_rate even if the continued run has reduced its learning rate"
    )
    random_seed: int = flag(4568, "seed of initial weights, dropout and the order of batches")
    skip_batch_test: bool = flag(
        False, "do not test before training whether the longest batch fits into memory"
    )
    automatic_mixed_precision: bool = flag(
        False, "compute in bfloat16, or float16 with loss scaling; the weights stay float32"
    )
    shard_weights: bool = flag(
        False,
        "split weights, gradients and optimizer state among the processes that torchrun starts "
        "(FSDP), for models that do not fit on one GPU",
    )


@dataclass(frozen=True)
class OptimizerFlags:
    """Optimizer and learning rate schedule."""

    optimizer: str = flag(
        "adam",
        "adam, as upstream, or adamw (Adam with decoupled weight decay)",
        choices=("adam", "adamw"),
    )
    weight_decay: float = flag(
        0.01,
        "weight decay of AdamW",
        check=not_negative,
    )
    source_weight_decay: float = flag(
        0.0,
        "weight decay of source layers toward their original weights (L2-SP) instead of zero, as "
        "a fraction per step, times the learning rate",
        check=not_negative,
    )
    learning_rate_schedule: str = flag(
        "constant",
        "schedule of the learning rate: constant; linear or cosine decay to its final value; "
        "tri_stage: constant, then exponential decay",
        choices=("constant", "linear", "cosine", "tri_stage"),
    )
    last_learning_rate_factor: float = flag(
        0.05,
        ("final learning rate of all schedules except constant, as a fraction of --learning_rate"),
        check=share,
    )
    tri_stage_hold: float = flag(
        0.5, "fraction of the run in which tri_stage keeps the rate constant", check=probability
    )
    warmup_steps: int = flag(
        0,
        "steps of linear learning rate warm-up, counted for each layer from when its training "
        "begins",
        check=not_negative,
    )
    gradient_clipping: float = flag(
        0.0,
        "maximum gradient norm; larger gradients are scaled down; 0: no clipping",
        check=not_negative,
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
        """The weight decay, or 0 if the optimizer has none."""
        return self.weight_decay if self.optimizer == "adamw" else 0.0


@dataclass(frozen=True)
class ObjectiveFlags:
    """Additions to the CTC loss."""

    entropy_weight: float = flag(
        0.0, "weight of a penalty on overconfident frames (low entropy)", check=not_negative
    )
    consistency_weight: float = flag(
        0.0,
        "weight of the divergence between two passes over each batch with different dropout and "
        "--augment masks (consistency regularization); doubles the training time",
        check=not_negative,
    )
    intermediate_ctc_weight: float = flag(
        0.0,
        "share of the CTC loss that is computed from an inner block of an encoder, through the "
        "model's head, while that block is trained",
        check=probability,
    )
    intermediate_ctc_block: int = flag(
        0, "number of that block, counted from 1; 0: the middle one", check=not_negative
    )

    def __post_init__(self) -> None:
        if self.intermediate_ctc_block and not self.intermediate_ctc_weight:
            raise FlagError(
                "--intermediate_ctc_block has no effect without --intermediate_ctc_weight; add it"
            )


@dataclass(frozen=True)
class DropoutFlags:
    """Dropout."""

    dropout_rate: float = flag(
        0.05,
        "dropout after layer 1; in an encoder, within it and before the head",
        check=probability,
    )
    dropout_rate2: float = flag(-1.0, "dropout after layer 2; -1: --dropout_rate")
    dropout_rate3: float = flag(-1.0, "dropout after layer 3; -1: --dropout_rate")
    dropout_rate4: float = flag(0.0, "dropout after the LSTM", check=probability)
    dropout_rate5: float = flag(
        0.0, "dropout after layer 5, in addition to --dropout_rate6", check=probability
    )
    dropout_rate6: float = flag(-1.0, "dropout before layer 6; -1: --dropout_rate")

    def __post_init__(self) -> None:
        for name in ("dropout_rate2", "dropout_rate3", "dropout_rate6"):
            if getattr(self, name) >= 1:
                raise FlagError(f"--{name} {getattr(self, name)}: {probability(1)}")

    def by_layer(self) -> dict[str, float]:
        """Return the dropout rate of each layer's output.

        Upstream applied `dropout_rate6` to the input of layer 6, and ignored rates 4 and 5.
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
        "how the best checkpoint is chosen: by the lowest character error rate on the dev files "
        "(by loss if equal, or while the model transcribes nothing yet); or, as upstream, by the "
        "lowest loss",
        choices=("cer", "loss"),
    )
    early_stop: bool = flag(False, "stop when validation no longer improves")
    es_epochs: int = flag(25, "epochs without improvement after which to stop", check=positive)
    es_min_delta: float = flag(
        0.05, "minimum decrease of the loss that counts as an improvement", check=not_negative
    )
    reduce_lr_on_plateau: bool = flag(
        False, "on a plateau, reduce the learning rate and go back to the best weights"
    )
    plateau_epochs: int = flag(
        10, "epochs without improvement that count as a plateau", check=positive
    )
    plateau_reduction: float = flag(
        0.1, "factor to multiply the learning rate with on a plateau", check=positive
    )
