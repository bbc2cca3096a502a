"""The specification of the DeepSpeech graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from stt.frontends.mfcc_config import MFCC_COEFFICIENTS

# From the input to the output. `--drop_source_layers` drops layers from the end.
LAYERS = ("layer_1", "layer_2", "layer_3", "lstm", "layer_5", "layer_6")

# Float32 values that a frame keeps for the backward pass, per width of a layer: activations,
# clipped values and dropout masks of the dense layers, and gates and states of the LSTM.
_LAYER_WIDTHS_PER_FRAME = 34


@dataclass(frozen=True)
class Geometry:
    """Shape of the DeepSpeech graph (https://arxiv.org/abs/1412.5567, with an LSTM).

    Attributes:
        n_hidden: width of every layer but the last.
        n_classes: number of labels of the alphabet, plus one for the blank, the last class.
        layer_norm: whether dense layers 1, 2, 3 and 5 are layer-normalised.
        n_context: number of frames of context on each side of an input frame.
        relu_clip: upper bound of the activations of dense layers.
    """

    architecture: ClassVar[str] = "deepspeech"

    n_hidden: int
    n_classes: int
    layer_norm: bool = False
    n_context: int = 9
    relu_clip: float = 20.0

    @property
    def n_input(self) -> int:
        """Number of values of one window: by default, 19 frames of 26 coefficients."""
        return (2 * self.n_context + 1) * MFCC_COEFFICIENTS

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor by name, in the order of the layers.

        Matrices are `[outputs, inputs]`. The LSTM's rows are its gates in the order input, forget,
        cell, output, `n_hidden` rows each.
        """
        hidden = self.n_hidden
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in LAYERS:
            if layer == "lstm":
                shapes["lstm.weight_ih"] = (4 * hidden, hidden)
                shapes["lstm.weight_hh"] = (4 * hidden, hidden)
                shapes["lstm.bias"] = (4 * hidden,)
                continue
            outputs = self.n_classes if layer == "layer_6" else hidden
            inputs = self.n_input if layer == "layer_1" else hidden
            shapes[f"{layer}.weight"] = (outputs, inputs)
            shapes[f"{layer}.bias"] = (outputs,)
            if self.layer_norm and layer != "layer_6":
                shapes[f"{layer}.norm.weight"] = (hidden,)
                shapes[f"{layer}.norm.bias"] = (hidden,)
        return shapes

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers from the input to the output."""
        return LAYERS

    @property
    def encoder_layers(self) -> tuple[str, ...]:
        """Names of the LSTM and the layers below it."""
        return LAYERS[: LAYERS.index("lstm") + 1]

    def output_length(self, frames: int) -> int:
        """Return the number of output frames: one for each input frame."""
        return frames

    def activation_values(self, frames: int) -> int:
        """Return about how many float32 values a clip keeps for the backward pass."""
        return frames * (_LAYER_WIDTHS_PER_FRAME * self.n_hidden + 3 * self.n_classes)

    def with_classes(self, n_classes: int) -> Geometry:
        """Return the same model with another number of classes."""
        return replace(self, n_classes=n_classes)

    def describe(self) -> str:
        """Return the parameters in a few words, for people."""
        return (
            f"n_hidden {self.n_hidden}, {self.n_classes} classes, "
            f"{'with' if self.layer_norm else 'no'} layer normalisation, "
            f"context {self.n_context}, relu clip {self.relu_clip:g}"
        )
