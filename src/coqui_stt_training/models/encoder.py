"""What pre-trained encoders have in common: a stack of their own, and a CTC head on top.

    encoder layers ...        the architecture's own
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
ENCODER = "encoder"  # by what name dropout knows what the head takes; it is no layer
HEADS = ("linear", "lstm")
_MOST_FRAMES = 1500  # 30 s of most models
_LARGEST = 1 << 16  # of any width, so that a damaged file cannot ask for all memory
# Float32 values that a frame keeps for the backward pass of a BiLSTM, in widths of one direction.
_LSTM_WIDTHS = 16

Encoder = TypeVar("Encoder", bound="EncoderSpecification")


@dataclass(frozen=True, kw_only=True)
class EncoderSpecification(ABC):
    """An encoder with a CTC head; see `Specification` for what each member is.

    Attributes:
        n_classes: labels of the alphabet and the blank.
        head: `linear`, or `lstm`: BiLSTM layers below the output layer.
        head_layers: how many of those.
        head_size: width of one of their directions.
        width: values of a frame that the encoder gives.
        adapter: of the encoder's blocks, as `parse_adapter` takes it; empty: none.

    Raises:
        ValueError: an unknown head or adapter, or numbers out of range.
    """

    architecture: ClassVar[str]
    takes_bottlenecks: ClassVar[bool] = True
    kind: ClassVar[str]  # for messages, with its article

    n_classes: int = 1
    head: str = "linear"
    head_layers: int = 1
    head_size: int = 256
    width: int = 512
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
        if problems := list(self.problems()):
            raise ValueError(f"impossible in {self.kind}: {'; '.join(problems)}")
        self.front_end  # noqa: B018 - refuses what it cannot be

    @property
    @abstractmethod
    def front_end(self) -> FrontEnd:
        """What the encoder takes; it follows from the encoder."""

    @property
    @abstractmethod
    def encoder_layers(self) -> tuple[str, ...]:
        """Names of the encoder's layers from the input on."""

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
    def head_names(self) -> tuple[str, ...]:
        """Names of the head's layers below the output layer."""
        if self.head == "linear":
            return ()
        return tuple(f"head_{number}" for number in range(1, self.head_layers + 1))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of all layers from the input to the output."""
        return (*self.encoder_layers, *self.head_names, OUTPUT)

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor by name, in the order of the layers."""
        shapes, width = {**self.encoder_shapes(), **self.adapter_shapes()}, self.width
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
        return self.encoder_activation_values(frames) + self.output_length(frames) * head_values

    def with_classes(self: Encoder, n_classes: int) -> Encoder:
        """Return the same model with another number of classes."""
        return replace(self, n_classes=n_classes)

    def with_head(self: Encoder, head: str, layers: int, size: int) -> Encoder:
        """Return the same encoder with another head."""
        return replace(self, head=head, head_layers=layers, head_size=size)

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
