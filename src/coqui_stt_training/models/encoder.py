"""The common part of the specifications of pre-trained encoders with a CTC head.

    encoder layers ...        layers of the architecture
    mix                       weighted mean of several blocks, if `head_blocks` is more than 1
    head_1 .. head_N          BiLSTM layers, if `head` is "lstm"
    output                    W x + b, the logits; the last class is the blank

Blocks may have adapters, see `adapter.py`. Then the encoder's own weights are not trained.

This module does not import PyTorch; the modules are in `encoder_model.py`.
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
ENCODER = "encoder"  # name in `Dropout.rates` of the input of the head; it is not a layer
HEADS = ("linear", "lstm")
_MOST_FRAMES = 1500  # 30 s in most models
_LARGEST = 1 << 16  # of any parameter, so that a damaged file cannot fill the memory
# Float32 values that a frame keeps for the backward pass of a BiLSTM, per width of one direction.
_LSTM_WIDTHS = 16
_MIX_WIDTHS = 3  # per width for each mixed block: its output, a copy, and the normalised output

Encoder = TypeVar("Encoder", bound="EncoderSpecification")


@dataclass(frozen=True, kw_only=True)
class EncoderSpecification(ABC):
    """An encoder with a CTC head; see `Specification` for what each member is.

    Attributes:
        n_classes: number of labels of the alphabet, plus one for the blank.
        head: `linear`, or `lstm`: BiLSTM layers below the output layer.
        head_layers: number of BiLSTM layers.
        head_size: width of one direction of a BiLSTM layer.
        head_blocks: number of blocks, from the top, that the head uses: a mean of their normalised
            outputs with learnt weights (as in ELMo and SUPERB, https://arxiv.org/abs/2105.01051).
            With 1, the head uses the output of the last block as it is.
        width: number of values of a frame of the encoder's output.
        blocks: number of blocks, above the first layer.
        adapter: adapters of the blocks, as a text for `parse_adapter`; empty: none.

    Raises:
        ValueError: the head or adapter is unknown, or a number is out of range.
    """

    architecture: ClassVar[str]
    takes_bottlenecks: ClassVar[bool] = True
    takes_mix: ClassVar[bool] = True
    kind: ClassVar[str]  # for messages, with its article
    first_layer: ClassVar[str]  # name of the layer below the blocks

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
        self.front_end  # noqa: B018 - fails if the parameters are invalid

    def _problems_of_mix(self) -> Iterator[str]:
        if self.head_blocks > 1 and not self.takes_mix:
            yield "a head that listens to several blocks"
        elif self.head_blocks > self.blocks:
            yield f"a head that listens to {self.head_blocks} of {self.blocks} blocks"

    @property
    @abstractmethod
    def front_end(self) -> FrontEnd:
        """Front end that computes the encoder's input."""

    @abstractmethod
    def encoder_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the encoder's tensors by name, in the order of its layers."""

    @abstractmethod
    def problems(self) -> Iterator[str]:
        """Yield contradictions between the encoder's parameters, which are in range."""

    @abstractmethod
    def output_length(self, frames: int) -> int:
        """Return the number of output frames for a number of frames of the front end."""

    @abstractmethod
    def encoder_activation_values(self, frames: int) -> int:
        """Return about how many float32 values the encoder keeps of a clip for the backward pass.

        Args:
            frames: number of frames of the front end.
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
        """Output frames of the longest clip that is processed in one piece."""
        return _MOST_FRAMES

    @property
    def parsed_adapter(self) -> Adapter | None:
        """The adapter of the encoder's blocks, or None."""
        return parse_adapter(self.adapter) if self.adapter else None

    def adapter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the adapters' tensors by name.

        Raises:
            ValueError: there is nothing to adapt.
        """
        adapter = self.parsed_adapter
        if adapter is None:
            return {}
        if adapter.kind == BOTTLENECK and not self.takes_bottlenecks:
            raise ValueError(f"a {self.architecture} encoder takes lora alone")
        return dict(adapter.shapes(self.encoder_layers, self.width, self.encoder_shapes()))

    @property
    def mixed_layers(self) -> tuple[str, ...]:
        """Names of the layers that the head uses a mix of; none if it uses only the last one."""
        return self.encoder_layers[-self.head_blocks :] if self.head_blocks > 1 else ()

    @property
    def head_names(self) -> tuple[str, ...]:
        """Names of the head's BiLSTM layers."""
        if self.head == "linear":
            return ()
        return tuple(f"head_{number}" for number in range(1, self.head_layers + 1))

    @property
    def below_output(self) -> tuple[str, ...]:
        """Names of the head's layers below the output layer."""
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
            head: `linear` or `lstm`.
            layers: number of BiLSTM layers.
            size: width of one direction of a BiLSTM layer.
            blocks: number of blocks that the head uses, at most those of the encoder.
        """
        blocks = min(blocks, self.blocks) if self.takes_mix else 1
        return replace(
            self, head=head, head_layers=layers, head_size=size, head_blocks=max(1, blocks)
        )

    def with_adapter(self: Encoder, adapter: Adapter | None) -> Encoder:
        """Return the same model with other adapters, or without any.

        Raises:
            ValueError: there is nothing to adapt.
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
    """Return the names of the frozen tensors of an encoder with adapters; without any, none."""
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
    """Return the shapes of a linear layer's tensors by name."""
    return {f"{name}.weight": (outputs, inputs)} | ({f"{name}.bias": (outputs,)} if bias else {})


def norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a normalisation's tensors by name."""
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
