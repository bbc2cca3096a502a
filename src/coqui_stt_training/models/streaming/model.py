"""The streaming encoder with a CTC head; see `StreamingEncoder`.

    stem      relu(conv 3 x 3, stride 2), several times, then a projection
    block_n   x + mlp_1(x) / 2; x + attention(norm(x)); x + convolution(norm(x));
              x + mlp_2(x) / 2; norm

Each module has a state: what it needs of the frames before. The state before a clip or a stream is
zero, so whole clips and streams are computed by the same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..attention import Attention
from ..conformer.model import Mlp
from ..dropout import NO_DROPOUT, Dropout
from ..encoder import ENCODER, OUTPUT
from ..encoder_model import Drawn, EncoderModel
from .specification import StreamingEncoder

Dropping = Callable[[Tensor], Tensor]  # dropout of the output of a branch


class BlockState(NamedTuple):
    """The state of a block.

    Attributes:
        keys: `[batch, heads, left_frames, width / heads]`.
        values: `[batch, heads, left_frames, width / heads]`.
        convolved: `[batch, width, kernel - 1]`, input of the convolution.
    """

    keys: Tensor
    values: Tensor
    convolved: Tensor


class State(NamedTuple):
    """The state of the encoder.

    Attributes:
        left_valid: float32 `[batch, left_frames]`: 1 for each earlier frame, 0 before the start.
        stem: last input frame of each convolution of the stem, `[batch, channels, 1, mel]`.
        blocks: state of each block.
    """

    left_valid: Tensor
    stem: tuple[Tensor, ...]
    blocks: tuple[BlockState, ...]

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all tensors of the state in order, for `state_of`."""
        return (self.left_valid, *self.stem, *(tensor for block in self.blocks for tensor in block))


def state_of(specification: StreamingEncoder, tensors: tuple[Tensor, ...]) -> State:
    """Return the state with these tensors, in the order of `State.tensors`."""
    split = 1 + specification.halvings
    blocks = tensors[split:]
    return State(
        tensors[0],
        tensors[1:split],
        tuple(BlockState(*blocks[start : start + 3]) for start in range(0, len(blocks), 3)),
    )


class CausalSubsamplingConv(nn.Module):
    """A depthwise convolution, which halves time and frequency, and a pointwise convolution.

    Output frame n depends on input frames 2n - 1, 2n and 2n + 1.
    """

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, channels, 3, stride=2, padding=(0, 1), groups=inputs)
        self.pointwise = nn.Conv2d(channels, channels, 1) if inputs > 1 else nn.Identity()

    def forward(self, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, channels, frames, mel]` to half the frames and half the mel.

        Args:
            x: the input; if the number of frames is odd, the output does not depend on the last.
            before: the input frame before it.

        Returns:
            The output, and the last input frame.
        """
        x = torch.cat([before, x], dim=2)
        return self.pointwise(self.depthwise(x)).relu(), x[:, :, -1:]


class Stem(nn.Module):
    """Convolutions, each of which halves time and frequency, and a projection."""

    def __init__(self, specification: StreamingEncoder) -> None:
        super().__init__()
        channels, self.reduction = specification.stem_channels, specification.reduction
        self.halvings = nn.ModuleList(
            CausalSubsamplingConv(channels if index else 1, channels)
            for index in range(specification.halvings)
        )
        inputs = channels * specification.mel_channels // specification.reduction
        self.projection = nn.Linear(inputs, specification.width)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Map `[batch, frames, mel]` to `[batch, frames // reduction, width]`, and the state.

        If there are too few frames for an output frame, they are padded to one; it is beyond the
        length of each clip.
        """
        x, after = nn.functional.pad(x, (0, 0, 0, max(0, self.reduction - x.shape[1])))[:, None], []
        for halving, before in zip(self.halvings, state, strict=True):
            x, last = halving(x, before)
            after.append(last)
        return self.projection(x.transpose(1, 2).flatten(2)), tuple(after)

    def draw(self, generator: torch.Generator) -> None:
        """Draw weights that preserve the variance of their input.

        With the initialisation of other modules, the output would be a thirtieth of what the first
        block adds to it, and hardly change from frame to frame. See He et al., Delving deep into
        rectifiers, https://arxiv.org/abs/1502.01852.
        """
        for module in self.halvings.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu", generator=generator)
        nn.init.kaiming_uniform_(self.projection.weight, nonlinearity="linear", generator=generator)


class RelativePositionBias(Drawn):
    """A learnt bias of attention scores for each head and distance of frames."""

    def __init__(self, specification: StreamingEncoder) -> None:
        super().__init__()
        self.nearest = 1 - specification.chunk_frames
        self.bias = nn.Parameter(
            torch.empty(specification.attention_heads, specification.distances)
        )

    def draw(self, generator: torch.Generator) -> None:
        """Draw new weights."""
        nn.init.normal_(self.bias, std=0.02, generator=generator)

    def forward(self, mask: AttentionMask) -> Tensor:
        """Return the bias of the scores, `[batch or 1, heads, frames, keys]`; -inf where masked."""
        away = (mask.distances - self.nearest).clamp(0, self.bias.shape[1] - 1)
        added = self.bias.index_select(1, away.flatten()).reshape(-1, *away.shape)
        return added.masked_fill(~mask.allowed, -math.inf)


class AttentionMask(NamedTuple):
    """The frames that each frame attends to.

    Attributes:
        allowed: bool `[batch or 1, 1, frames, keys]`; keys are the frames of the state, followed by
            the input frames.
        distances: int64 `[frames, keys]`: index of the frame minus index of the key.
    """

    allowed: Tensor
    distances: Tensor


def attention_mask_of(
    specification: StreamingEncoder, frames: int, left_valid: Tensor, valid: Tensor
) -> AttentionMask:
    """Return the frames that each frame attends to.

    Args:
        specification: specification of the encoder.
        frames: number of input frames, which begin with a chunk.
        left_valid: `State.left_valid`, or `[batch, 0]`.
        valid: bool `[batch, frames]`, input frames that are not padding.
    """
    chunk, kept = specification.chunk_frames, left_valid.shape[1]
    places = torch.arange(frames, device=left_valid.device)
    keys = torch.arange(-kept, frames, device=left_valid.device)
    starts = (places // chunk * chunk)[:, None]
    seen = (keys >= starts - specification.left_frames) & (keys < starts + chunk)
    there = torch.cat([left_valid > 0, valid], dim=1)
    # A frame of padding attends to itself, as attention to nothing gives NaN.
    allowed = (seen & there[:, None, None, :]) | (keys == places[:, None])
    return AttentionMask(allowed, places[:, None] - keys)


class CausalConvolution(nn.Module):
    """The convolution of a block: outputs(silu(norm(depthwise(glu(inputs(x))))))."""

    def __init__(self, specification: StreamingEncoder) -> None:
        super().__init__()
        width = specification.width
        self.inputs = nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, specification.kernel, groups=width)
        self.norm = nn.LayerNorm(width)
        self.outputs = nn.Linear(width, width)

    def forward(self, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, width]` to the same, and return the new `BlockState.convolved`."""
        x = nn.functional.glu(self.inputs(x), dim=-1).transpose(1, 2)
        x = torch.cat([before, x], dim=2)
        kept = x[:, :, x.shape[2] - before.shape[2] :]
        x = self.depthwise(x).transpose(1, 2)
        return self.outputs(nn.functional.silu(self.norm(x))), kept


class StreamingBlock(nn.Module):
    """A Conformer block whose attention and convolution do not see later chunks."""

    def __init__(self, specification: StreamingEncoder) -> None:
        super().__init__()
        width = specification.width
        self.mlp_1 = Mlp(width, specification.mlp_width)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, specification.attention_heads, key_bias=False)
        self.distances = RelativePositionBias(specification)
        self.convolution_norm = nn.LayerNorm(width)
        self.convolution = CausalConvolution(specification)
        self.mlp_2 = Mlp(width, specification.mlp_width)
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Tensor, mask: AttentionMask, state: BlockState, drop: Dropping
    ) -> tuple[Tensor, BlockState]:
        """Map `[batch, frames, width]` to the same, and return the state after it.

        A state may have keys and values of no frames: then attention sees no earlier frames.
        """
        if not self.training:
            drop = _keep
        x = x + drop(0.5 * self.mlp_1(x))
        query, key, value = self.attention.projected(self.attention_norm(x))
        keys, values = torch.cat([state.keys, key], dim=2), torch.cat([state.values, value], dim=2)
        x = x + drop(self.attention.mix(query, keys, values, self.distances(mask)))
        added, convolved = self.convolution(self.convolution_norm(x), state.convolved)
        x = x + drop(added)
        x = self.norm(x + drop(0.5 * self.mlp_2(x)))
        first = keys.shape[2] - state.keys.shape[2]
        return x, BlockState(keys[:, :, first:], values[:, :, first:], convolved)


def _keep(x: Tensor) -> Tensor:
    return x


class StreamingConformer(EncoderModel):
    """The streaming encoder with a CTC head, for whole clips or chunk by chunk."""

    specification: StreamingEncoder
    stem: Stem

    def __init__(self, specification: StreamingEncoder) -> None:
        super().__init__(specification)
        self.stem = Stem(specification)
        for name in specification.block_names:
            self.add_module(name, StreamingBlock(specification))
        self.add_head()

    def initialize_layer(self, name: str, generator: torch.Generator) -> None:
        """Draw new weights for a layer."""
        super().initialize_layer(name, generator)
        if name == "stem":
            self.stem.draw(generator)

    def run(
        self,
        x: Tensor,
        lengths: Tensor,
        dropout: Dropout = NO_DROPOUT,
        *,
        first: int = 0,
        last: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run some of the layers; see `AcousticModel.run`.

        In training, the branches of blocks have the dropout rate of the head's input.
        """
        head = len(self.specification.encoder_layers)
        state = self.initial_state(len(x), left_frames=0)
        mask = None
        for name in self.specification.encoder_layers[first:last]:
            if name == "stem":
                x, _ = self.stem(x, state.stem)
                lengths = lengths // self.specification.reduction
            else:
                mask = mask or self._whole_mask(x, lengths, state.left_valid)
                block = self.get_submodule(name)
                x, _ = block(x, mask, state.blocks[0], lambda added: dropout(ENCODER, added))
            x = dropout(name, x)
        return super().run(x, lengths, dropout, first=max(first, head), last=last)

    def _whole_mask(self, x: Tensor, lengths: Tensor, left_valid: Tensor) -> AttentionMask:
        valid = torch.arange(x.shape[1], device=x.device) < lengths.to(x.device)[:, None]
        return attention_mask_of(self.specification, x.shape[1], left_valid, valid)

    def initial_state(self, batch: int, left_frames: int | None = None) -> State:
        """Return the state at the start of an utterance.

        Args:
            batch: number of utterances.
            left_frames: number of frames of keys and values; None: all that attention sees.
        """
        own = self.specification
        left = own.left_frames if left_frames is None else left_frames
        zeros = partial(torch.zeros, device=next(self.parameters()).device)
        looked_at = zeros(batch, own.attention_heads, left, own.width // own.attention_heads)
        block = BlockState(looked_at, looked_at, zeros(batch, own.width, own.kernel - 1))
        stem = [zeros(batch, 1, 1, own.mel_channels)]
        for number in range(1, own.halvings):
            stem.append(zeros(batch, own.stem_channels, 1, own.mel_channels >> number))
        return State(zeros(batch, left), tuple(stem), (block,) * own.blocks)

    def stream(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Process the next chunks of an utterance.

        Args:
            x: float32 `[batch, frames, mel]`, whole chunks; the last of the utterance may be
                shorter.
            state: state after the chunks before; it is not changed.

        Returns:
            Logits `[batch, frames // reduction, classes]`, and the state after them.
        """
        x, stem = self.stem(x, state.stem)
        there = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        mask = attention_mask_of(self.specification, x.shape[1], state.left_valid, there)
        blocks = []
        for name, before in zip(self.specification.block_names, state.blocks, strict=True):
            x, after = self.get_submodule(name)(x, mask, before, _keep)
            blocks.append(after)
        left_valid = torch.cat([state.left_valid, torch.ones_like(x[:, :, 0])], dim=1)
        logits, _ = self.run_layer(OUTPUT, x, torch.empty(0))
        return logits, State(left_valid[:, x.shape[1] :], stem, tuple(blocks))
