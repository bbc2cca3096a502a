"""The DeepSpeech graph: three dense layers over 19-frame windows, an LSTM, two dense layers.

    layer_1, layer_2, layer_3, layer_5:  dropout(norm(min(relu(W x + b), 20)))
    layer_6:                             W x + b, the logits

After https://arxiv.org/abs/1412.5567, as Mozilla DeepSpeech and Coqui STT built it. Arrays inside
are time-major; features come and go batch-major.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .geometry import LAYERS, Geometry, layer_of
from .lstm import LstmState, lstm

_LEVELS = 2**16  # the precision of a dropout rate


@dataclass(frozen=True)
class Dropout:
    """Dropout whose masks come from a generator of its own: the same seed, the same masks.

    Attributes:
        rates: rate of each layer's output; layers not named have none.
        generator: on the device of the model.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    generator: torch.Generator | None = None

    def __call__(self, layer: str, x: Tensor) -> Tensor:
        """Drop values of a layer's output and scale the others up."""
        rate = self.rates.get(layer, 0.0)
        if rate == 0.0:
            return x
        dropped = round(rate * _LEVELS)
        # Four comparisons with each random number: six times as fast on a CPU as `bernoulli_`.
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
        bits = words.random_(-(2**63), None, generator=self.generator).view(torch.int16)
        keep = torch.empty_like(x)
        torch.ge(bits[: x.numel()].view_as(x), dropped - _LEVELS // 2, out=keep)
        return x * keep.mul_(_LEVELS / max(1, _LEVELS - dropped))


NO_DROPOUT = Dropout()


class Dense(nn.Module):
    """A dense layer; all but the output layer have a clipped ReLU and may be normalised.

    The normalisation's epsilon is that of `tf.contrib.layers.layer_norm`.
    """

    def __init__(self, inputs: int, outputs: int, layer_norm: bool, clip: float | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.norm = nn.LayerNorm(outputs, eps=1e-12) if layer_norm else None
        self.clip = clip

    def initialize(self, generator: torch.Generator) -> None:
        """Draw new weights (Glorot uniform); biases are zero."""
        nn.init.xavier_uniform_(self.weight, generator=generator)
        nn.init.zeros_(self.bias)
        if self.norm is not None:
            self.norm.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Map `[..., inputs]` to `[..., outputs]`."""
        x = nn.functional.linear(x, self.weight, self.bias)
        if self.clip is not None:
            x = nn.functional.hardtanh(x, 0.0, self.clip)
        return x if self.norm is None else self.norm(x)


class Lstm(nn.Module):
    """The recurrent layer; see `lstm.py`."""

    def __init__(self, inputs: int, n_hidden: int) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(4 * n_hidden, inputs))
        self.weight_hh = nn.Parameter(torch.empty(4 * n_hidden, n_hidden))
        self.bias = nn.Parameter(torch.empty(4 * n_hidden))

    def initialize(self, generator: torch.Generator) -> None:
        """Draw new weights: Glorot uniform over both matrices as one; biases are zero."""
        outputs, inputs = self.weight_ih.shape[0], self.weight_ih.shape[1] + self.weight_hh.shape[1]
        bound = (6.0 / (inputs + outputs)) ** 0.5
        nn.init.uniform_(self.weight_ih, -bound, bound, generator=generator)
        nn.init.uniform_(self.weight_hh, -bound, bound, generator=generator)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, lengths: Tensor, state: LstmState) -> tuple[Tensor, LstmState]:
        """Map `[frames, batch, inputs]` to `[frames, batch, n_hidden]`, and the final state."""
        return lstm(x, lengths, state, self.weight_ih, self.weight_hh, self.bias)


class DeepSpeech(nn.Module):
    """The acoustic model. Its weights are drawn by `initialize`, or loaded."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry
        hidden, clip, norm = geometry.n_hidden, geometry.relu_clip, geometry.layer_norm
        self.layer_1 = Dense(geometry.n_input, hidden, norm, clip)
        self.layer_2 = Dense(hidden, hidden, norm, clip)
        self.layer_3 = Dense(hidden, hidden, norm, clip)
        self.lstm = Lstm(hidden, hidden)
        self.layer_5 = Dense(hidden, hidden, norm, clip)
        self.layer_6 = Dense(hidden, geometry.n_classes, layer_norm=False, clip=None)

    def initialize(self, seed: int, layers: tuple[str, ...] = LAYERS) -> None:
        """Draw new weights for some layers.

        Each layer has a generator of its own, so a layer's weights do not depend on which others
        are drawn.
        """
        for index, name in enumerate(LAYERS):
            if name in layers:
                generator = torch.Generator().manual_seed(seed * len(LAYERS) + index)
                self.get_submodule(name).initialize(generator)  # type: ignore[operator]

    def initial_state(self, batch: int) -> LstmState:
        """Return the state at the start of an utterance: zeros."""
        zeros = self.layer_6.weight.new_zeros(batch, self.geometry.n_hidden)
        return LstmState(zeros, zeros)

    def layer_parameters(self) -> dict[str, list[tuple[str, nn.Parameter]]]:
        """Return the named parameters of each layer, from input to output."""
        layers: dict[str, list[tuple[str, nn.Parameter]]] = {name: [] for name in LAYERS}
        for name, parameter in self.named_parameters():
            layers[layer_of(name)].append((name, parameter))
        return layers

    def forward(
        self,
        features: Tensor,
        lengths: Tensor,
        state: LstmState | None = None,
        dropout: Dropout = NO_DROPOUT,
    ) -> tuple[Tensor, LstmState]:
        """Map features to logits.

        Args:
            features: float32 `[batch, frames, 26]`, zero beyond each clip's length.
            lengths: int64 `[batch]`, frames of each clip.
            state: of the LSTM, where this continues earlier audio.
            dropout: what to drop after each layer.

        Returns:
            Logits `[frames, batch, classes]`, and the LSTM's state at each clip's end.
        """
        x = context_windows(features, self.geometry.n_context).transpose(0, 1)
        return self.forward_windows(x, lengths, state, dropout)

    def forward_windows(
        self,
        windows: Tensor,
        lengths: Tensor,
        state: LstmState | None = None,
        dropout: Dropout = NO_DROPOUT,
    ) -> tuple[Tensor, LstmState]:
        """Map windows `[frames, batch, 494]` to logits; see `forward`."""
        x = dropout("layer_1", self.layer_1(windows))
        x = dropout("layer_2", self.layer_2(x))
        x = dropout("layer_3", self.layer_3(x))
        x, state = self.lstm(x, lengths, state or self.initial_state(x.shape[1]))
        x = dropout("lstm", x)
        x = dropout("layer_5", self.layer_5(x))
        return self.layer_6(x), state


def context_windows(features: Tensor, n_context: int) -> Tensor:
    """Put each frame between its neighbours, oldest first, zeros beyond the ends.

    Args:
        features: `[batch, frames, 26]`.
        n_context: frames to each side.

    Returns:
        `[batch, frames, (2 * n_context + 1) * 26]`.
    """
    padded = nn.functional.pad(features, (0, 0, n_context, n_context))
    return padded.unfold(1, 2 * n_context + 1, 1).transpose(2, 3).flatten(2)
