"""The DeepSpeech graph: three dense layers over 19-frame windows, an LSTM, two dense layers.

    layer_1, layer_2, layer_3, layer_5:  dropout(norm(min(relu(W x + b), 20)))
    layer_6:                             W x + b, the logits

It follows https://arxiv.org/abs/1412.5567, in the variant of Mozilla DeepSpeech and Coqui STT.
Tensors are time-major inside the model; its input and output are batch-major.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..acoustic_model import AcousticModel
from ..dropout import NO_DROPOUT, Dropout
from .geometry import LAYERS, Geometry
from .lstm import LstmState, lstm


class Dense(nn.Module):
    """A dense layer, with a clipped ReLU and a normalisation if wanted.

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
        """Draw new weights: Glorot uniform, as if both matrices were one; biases are zero."""
        outputs, inputs = self.weight_ih.shape[0], self.weight_ih.shape[1] + self.weight_hh.shape[1]
        bound = (6.0 / (inputs + outputs)) ** 0.5
        nn.init.uniform_(self.weight_ih, -bound, bound, generator=generator)
        nn.init.uniform_(self.weight_hh, -bound, bound, generator=generator)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, lengths: Tensor, state: LstmState) -> tuple[Tensor, LstmState]:
        """Map `[frames, batch, inputs]` to `[frames, batch, n_hidden]`, and the final state."""
        return lstm(x, lengths, state, self.weight_ih, self.weight_hh, self.bias)


class DeepSpeech(AcousticModel):
    """The DeepSpeech graph. Its weights are drawn by `initialize`, or loaded."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.specification = self.geometry = geometry
        hidden, clip, norm = geometry.n_hidden, geometry.relu_clip, geometry.layer_norm
        self.layer_1 = Dense(geometry.n_input, hidden, norm, clip)
        self.layer_2 = Dense(hidden, hidden, norm, clip)
        self.layer_3 = Dense(hidden, hidden, norm, clip)
        self.lstm = Lstm(hidden, hidden)
        self.layer_5 = Dense(hidden, hidden, norm, clip)
        self.layer_6 = Dense(hidden, geometry.n_classes, layer_norm=False, clip=None)

    def initialize_layer(self, name: str, generator: torch.Generator) -> None:
        """Draw new weights for a layer."""
        self.get_submodule(name).initialize(generator)  # type: ignore[operator]

    def initial_state(self, batch: int) -> LstmState:
        """Return the state at the start of an utterance: zeros."""
        zeros = self.layer_6.weight.new_zeros(batch, self.geometry.n_hidden)
        return LstmState(zeros, zeros)

    def run(
        self,
        x: Tensor,
        lengths: Tensor,
        dropout: Dropout = NO_DROPOUT,
        *,
        first: int = 0,
        last: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run some of the layers; see `AcousticModel.run`."""
        if first == 0:
            x = context_windows(x, self.geometry.n_context)
        x, _ = self._run(x.transpose(0, 1), lengths, None, dropout, LAYERS[first:last])
        return x.transpose(0, 1), lengths

    def forward_windows(
        self, windows: Tensor, lengths: Tensor, state: LstmState | None = None
    ) -> tuple[Tensor, LstmState]:
        """Map windows to logits, possibly as the continuation of earlier audio.

        Args:
            windows: float32 `[frames, batch, 494]`.
            lengths: int64 `[batch]`, number of frames of each clip.
            state: state of the LSTM after the earlier audio, or None: the initial state.

        Returns:
            Logits `[frames, batch, classes]`, and the LSTM's state at each clip's end.
        """
        return self._run(windows, lengths, state, NO_DROPOUT, LAYERS)

    def _run(
        self,
        x: Tensor,
        lengths: Tensor,
        state: LstmState | None,
        dropout: Dropout,
        layers: tuple[str, ...],
    ) -> tuple[Tensor, LstmState]:
        state = state or self.initial_state(x.shape[1])
        for name in layers:
            if name == "lstm":
                x, state = self.lstm(x, lengths, state)
            else:
                x = self.get_submodule(name)(x)
            x = dropout(name, x)
        return x, state


def context_windows(features: Tensor, n_context: int) -> Tensor:
    """Concatenate each frame with its neighbours, oldest first, with zeros beyond the ends.

    Args:
        features: `[batch, frames, 26]`.
        n_context: number of frames on each side.

    Returns:
        `[batch, frames, (2 * n_context + 1) * 26]`.
    """
    padded = nn.functional.pad(features, (0, 0, n_context, n_context))
    return padded.unfold(1, 2 * n_context + 1, 1).transpose(2, 3).flatten(2)
