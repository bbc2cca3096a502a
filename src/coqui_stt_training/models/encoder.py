"""What pre-trained encoders have in common: a stack of their own, and a CTC head on top.

    encoder layers ...        the architecture's own
    mix                       of what several blocks give, where the head listens to more than the
                              last one (`head_blocks`)
    head_1 .. head_N          BiLSTM layers, where the head has any (`head` is "lstm")
    output                    W x + b, the logits; the last class is the blank

Its blocks may have adapters; see `adapter.py`. Then all else of the encoder is not trained.

Nothing here needs PyTorch; the modules are in `encoder_model.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from stt.frontends import FrontEnd

from .adapter import BOTTLENECK, Adapter, is_adapter_tensor, parse_adapter
from .specification import Specification, layer_of

OUTPUT = "output"
MIX = "mix"
ENCODER = "encoder"  # by what name dropout knows what the head takes; it is no layer
HEADS = ("linear", "lstm")
_MOST_FRAMES = 1500  # 30 s of most models
_LARGEST = 1 << 16  # of any width, so that a damaged file cannot ask for all memory
# Float32 values that a frame keeps for the backward pass of a BiLSTM, in widths of one direction.
_LSTM_WIDTHS = 16
_MIX_WIDTHS = 3  # and for a block that the head hears: what it gave, copied, and normalised

Encoder = TypeVar("Encoder", bound="EncoderSpecification")


@dataclass(frozen=True, kw_only=True)
class EncoderSpecification(ABC):
    """An encoder with a CTC head; see `Specification` for what each member is.

    Attributes:
        n_classes: labels of the alphabet and the blank.
        head: `linear`, or `lstm`: BiLSTM layers below the output layer.
        head_layers: how many of those.
        head_size: width of one of their directions.
        head_blocks: how many blocks, from the top, the head listens to: a mean of what each gives,
            normalised, with weights that are learnt (as ELMo and SUPERB have it,
            https://arxiv.org/abs/2105.01051). 1: to the last alone, as it is.
        width: values of a frame that the encoder gives.
        blocks: how many it has, above what turns its input into frames of that width.
        adapter: of the encoder's blocks, as `parse_adapter` takes it; empty: none.

    Raises:
        ValueError: an unknown head or adapter, or numbers out of range.
    """

    architecture: ClassVar[str]
    takes_bottlenecks: ClassVar[bool] = True
    takes_mix: ClassVar[bool] = True
    kind: ClassVar[str]  # for messages, with its article
    first_layer: ClassVar[str]  # what is below the blocks

    n_classes: int = 1
    head: str = "linear"
    head_layers: int = 1
    head_size: int = 256
    head_blocks: int = 1
    width: int = 512
    blocks: int = 12
    adapter: str = ""

    def __post_init__(self) -> None:
        if self.adapter:
            parse_adapter(self.adapter)
        if self.head not in HEADS:
            raise ValueError(f"unknown head {self.head!r}; known are {', '.join(HEADS)}")
        numbers = {name: value for name, value in vars(self).items() if type(value) is int}
        bad = [f"{name} {value}" for name, value in numbers.items() if not 0 < value <= _LARGEST]
        if bad:
            raise ValueError(f"{', '.join(bad)}: 1 to {_LARGEST} is possible")
        if problems := [*self.problems(), *self._problems_of_mix()]:
            raise ValueError(f"impossible in {self.kind}: {'; '.join(problems)}")
        self.front_end  # noqa: B018 - refuses what it cannot be

    def _problems_of_mix(self) -> Iterator[str]:
        if self.head_blocks > 1 and not self.takes_mix:
            yield "a head that listens to several blocks"
        elif self.head_blocks > self.blocks:
            yield f"a head that listens to {self.head_blocks} of {self.blocks} blocks"

    @property
    @abstractmethod
    def front_end(self) -> FrontEnd:
        """What the encoder takes; it follows from the encoder."""

    @abstractmethod
    def encoder_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the encoder's tensors by name, in the order of its layers."""

    @abstractmethod
    def problems(self) -> Iterator[str]:
        """Yield what does not go together in the encoder's parameters, each in its range."""

    @abstractmethod
    def output_length(self, frames: int) -> int:
        """Return how many frames come out for so many frames of the front end."""

    @abstractmethod
    def encoder_activation_values(self, frames: int) -> int:
        """Return about how many float32 values the encoder keeps of a clip for the backward pass.

        Args:
            frames: of the front end.
        """

    @abstractmethod
    def describe_encoder(self) -> str:
        """Return the encoder's parameters in a few words, for people."""

    @property
    def block_names(self) -> tuple[str, ...]:
        """Names of the encoder's blocks from the input on."""
        return tuple(f"block_{number}" for number in range(1, self.blocks + 1))

    @property
    def encoder_layers(self) -> tuple[str, ...]:
        """Names of the encoder's layers from the input on."""
        return (self.first_layer, *self.block_names)

    @property
    def most_frames(self) -> int:
        """Frames of the longest clip that is heard as a whole: attention compares them all."""
        return _MOST_FRAMES

    @property
    def parsed_adapter(self) -> Adapter | None:
        """The adapter of the encoder's blocks, or None."""
        return parse_adapter(self.adapter) if self.adapter else None

    def adapter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the adapters' tensors by name.

        Raises:
            ValueError: the adapter finds nothing to adapt.
        """
        adapter = self.parsed_adapter
        if adapter is None:
            return {}
        if adapter.kind == BOTTLENECK and not self.takes_bottlenecks:
            raise ValueError(f"a {self.architecture} encoder takes lora alone")
        return dict(adapter.shapes(self.encoder_layers, self.width, self.encoder_shapes()))

    @property
    def mixed_layers(self) -> tuple[str, ...]:
        """Names of the layers of which the head hears a mix; none where it hears the last alone."""
        return self.encoder_layers[-self.head_blocks :] if self.head_blocks > 1 else ()

    @property
    def head_names(self) -> tuple[str, ...]:
        """Names of the head's BiLSTM layers."""
        if self.head == "linear":
            return ()
        return tuple(f"head_{number}" for number in range(1, self.head_layers + 1))

    @property
    def below_output(self) -> tuple[str, ...]:
        """Names of all the head's layers below the output layer."""
        return (*((MIX,) if self.mixed_layers else ()), *self.head_names)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of all layers from the input to the output."""
        return (*self.encoder_layers, *self.below_output, OUTPUT)

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor by name, in the order of the layers."""
        shapes, width = {**self.encoder_shapes(), **self.adapter_shapes()}, self.width
        if self.mixed_layers:
            shapes[f"{MIX}.weight"] = (self.head_blocks,)
        for name in self.head_names:
            for direction in ("forwards", "backwards"):
                shapes[f"{name}.{direction}.weight_ih_l0"] = (4 * self.head_size, width)
                shapes[f"{name}.{direction}.weight_hh_l0"] = (4 * self.head_size, self.head_size)
                shapes[f"{name}.{direction}.bias_ih_l0"] = (4 * self.head_size,)
                shapes[f"{name}.{direction}.bias_hh_l0"] = (4 * self.head_size,)
            width = 2 * self.head_size
        return {
            **shapes,
            f"{OUTPUT}.weight": (self.n_classes, width),
            f"{OUTPUT}.bias": (self.n_classes,),
        }

    def activation_values(self, frames: int) -> int:
        """Return about how many float32 values a clip keeps for the backward pass."""
        head_values = 2 * _LSTM_WIDTHS * self.head_size * len(self.head_names) + 3 * self.n_classes
        head_values += _MIX_WIDTHS * self.width * len(self.mixed_layers)
        return self.encoder_activation_values(frames) + self.output_length(frames) * head_values

    def with_classes(self: Encoder, n_classes: int) -> Encoder:
        """Return the same model with another number of classes."""
        return replace(self, n_classes=n_classes)

    def with_head(self: Encoder, head: str, layers: int, size: int, blocks: int = 1) -> Encoder:
        """Return the same encoder with another head.

        Args:
            head: see the attributes, as for the others.
            layers: of BiLSTM.
            size: of these.
            blocks: that it listens to; of an encoder that has fewer, all.
        """
        blocks = min(blocks, self.blocks) if self.takes_mix else 1
        return replace(
            self, head=head, head_layers=layers, head_size=size, head_blocks=max(1, blocks)
        )

    def with_adapter(self: Encoder, adapter: Adapter | None) -> Encoder:
        """Return the same model with other adapters, or without any.

        Raises:
            ValueError: the adapter finds nothing to adapt.
        """
        changed = replace(self, adapter=str(adapter or ""))
        changed.adapter_shapes()
        return changed

    def describe(self) -> str:
        """Return the parameters in a few words, for people."""
        adapter = self.parsed_adapter
        adapted = f", {adapter.describe()}" if adapter else ""
        head = f", head of {self.head_layers} x BiLSTM {self.head_size}" * (self.head == "lstm")
        if self.mixed_layers:
            head += f", on a mix of {self.head_blocks} blocks"
        classes = f", {self.n_classes} classes" * (self.n_classes > 1)
        return f"{self.describe_encoder()}{adapted}{head}{classes}"


def base_tensors(specification: Specification) -> frozenset[str]:
    """Return the tensors that are never trained, as adapters beside them are; most have none."""
    if not isinstance(specification, EncoderSpecification) or not specification.adapter:
        return frozenset()
    encoder = specification.encoder_layers
    return frozenset(
        name
        for name in specification.tensor_shapes()
        if layer_of(name) in encoder and not is_adapter_tensor(name)
    )


def linear_shapes(
    name: str, inputs: int, outputs: int, *, bias: bool = True
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a product's tensors by name."""
    return {f"{name}.weight": (outputs, inputs)} | ({f"{name}.bias": (outputs,)} if bias else {})


def norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a normalisation's tensors by name."""
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
