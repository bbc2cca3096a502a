"""The common part of the modules of pre-trained encoders: the CTC head, and running layers."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache

import torch
from torch import Tensor, nn

from .acoustic_model import AcousticModel, Emissions
from .adapter import BOTTLENECK
from .adapter_modules import Bottleneck, add_adapter, draw_adapters
from .dropout import NO_DROPOUT, Dropout
from .encoder import ENCODER, MIX, OUTPUT, EncoderSpecification

_LAST_BLOCK = 2.0  # initial parameter; of four blocks, e^2 / (e^2 + 3) = 0.7 is the last one


class EncoderModel(AcousticModel):
    """An encoder with a CTC head.

    A layer is a submodule with its name in the specification. It maps `[batch, frames, values]` and
    lengths `[batch]` to its output and the lengths of that. The class of the architecture adds the
    layers of the encoder, this class those of the head.

    If the head uses a mix of blocks, the outputs of these blocks are concatenated: from block to
    block, `[batch, frames, blocks * width]` is passed on, the newest block last.
    """

    specification: EncoderSpecification

    def __init__(self, specification: EncoderSpecification) -> None:
        super().__init__()
        self.specification = specification

    def add_head(self) -> None:
        """Add the layers of the head, and adapters. The encoder's layers must exist already."""
        specification, width = self.specification, self.specification.width
        if adapter := specification.parsed_adapter:
            for name in specification.encoder_layers[adapter.above :]:
                add_adapter(self.get_submodule(name), name, adapter, width)
        if specification.mixed_layers:
            self.add_module(MIX, Mix(specification.head_blocks, width))
        for name in specification.head_names:
            self.add_module(name, BiLstm(width, specification.head_size))
            width = 2 * specification.head_size
        self.add_module(OUTPUT, Output(width, specification.n_classes))

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
        encoder, mixed = self.specification.encoder_layers, self.specification.mixed_layers
        first_of_head = (*self.specification.head_names, OUTPUT)[0]
        for name in self.specification.layers[first:last]:
            below = x if name in mixed[1:] else None
            if below is not None:
                x = below[..., -self.specification.width :]
            if name == first_of_head:
                x = dropout(ENCODER, x)
            x, lengths = self.run_layer(name, x, lengths)
            x = dropout(name, self._behind(name, x))
            if below is not None:
                x = torch.cat([below, x], dim=-1)
            if name == encoder[-1]:
                x, lengths = self.end_encoder(x, lengths)
        return x, lengths

    def end_encoder(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Rearrange the encoder's output, for architectures that process clips in pieces.

        Args:
            x: float32 `[batch, frames, width]`.
            lengths: int64 `[batch]`, number of frames of each clip.

        Returns:
            Output and lengths of the same form.
        """
        return x, lengths

    def inner_emissions(
        self, x: Tensor, lengths: Tensor, dropout: Dropout = NO_DROPOUT
    ) -> Emissions:
        """Return the head's output for an inner block; see `AcousticModel.inner_emissions`.

        The output of the block is normalised, like that of the last block in most encoders.
        """
        x = nn.functional.layer_norm(x, x.shape[-1:])
        x, lengths = self.end_encoder(x, lengths)
        head = len(self.specification.encoder_layers)
        return Emissions(*self.run(zero_beyond(x, lengths), lengths, dropout, first=head))

    def _behind(self, name: str, x: Tensor) -> Tensor:
        """Run the bottleneck adapter after a layer, if it has one."""
        bottleneck = getattr(self.get_submodule(name), BOTTLENECK, None)
        return bottleneck(x) if isinstance(bottleneck, Bottleneck) else x

    def run_layer(self, name: str, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Run one layer. Architectures override it if a layer needs more than its input.

        Args:
            name: name of the layer.
            x: float32 `[batch, frames, values]`; features for the first layer.
            lengths: int64 `[batch]`, number of frames of each clip.

        Returns:
            The output of the layer, float32 `[batch, frames, values]`, and its lengths.
        """
        out: tuple[Tensor, Tensor] = self.get_submodule(name)(x, lengths)
        return out

    def initialize_layer(self, name: str, generator: torch.Generator) -> None:
        """Draw new weights: Glorot uniform for the output layer, else see `initialize_modules`."""
        layer = self.get_submodule(name)
        if isinstance(layer, Output):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
        else:
            initialize_modules(layer, generator)
            draw_adapters(layer, generator)


class Drawn(nn.Module):
    """A module with parameters of its own, besides those of its submodules."""

    def draw(self, generator: torch.Generator) -> None:
        """Draw new values for the module's own parameters."""
        raise NotImplementedError


class Mix(Drawn):
    """A weighted mean of the normalised outputs of several blocks.

    The weights are the softmax of parameters. At first, the last block has most of the weight.
    """

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(blocks))
        self.width = width

    def draw(self, generator: torch.Generator) -> None:
        """Set the parameters so that the last block has most of the weight."""
        with torch.no_grad():
            self.weight.zero_()
            self.weight[-1] = _LAST_BLOCK

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, blocks * width]` to `[batch, frames, width]`."""
        of_blocks = nn.functional.layer_norm(x.view(*x.shape[:-1], -1, self.width), (self.width,))
        mixed = (of_blocks * self.weight.softmax(0)[:, None]).sum(-2)
        return zero_beyond(mixed, lengths), lengths


class Output(nn.Linear):
    """The output layer: a row for each class."""

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Map `[batch, frames, values]` to logits `[batch, frames, classes]`."""
        return super().forward(x), lengths


class BiLstm(nn.Module):
    """One bidirectional LSTM layer over a padded batch.

    The backward direction is a forward LSTM over reversed clips. Each clip is reversed within its
    own length, so padding comes last in both directions and does not matter. Packed sequences would
    give the same, but take many times as long on a CPU.
    """

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(inputs, size, batch_first=True)
        self.backwards = nn.LSTM(inputs, size, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, inputs]` to `[batch, frames, 2 * size]`, zero beyond each length."""
        frames = torch.arange(x.shape[1], device=x.device)
        ends = lengths.to(x.device)[:, None]
        turned = torch.where(frames < ends, ends - 1 - frames, frames)
        in_float32 = not (x.is_cuda or _has_bfloat16_lstm())
        x = x.float() if in_float32 else x
        with torch.autocast("cpu", enabled=False) if in_float32 else nullcontext():
            there, _ = self.forwards(x)
            back, _ = self.backwards(_gather(x, turned))
        valid = (frames < ends)[:, :, None]
        return torch.cat([there, _gather(back, turned)], dim=-1) * valid, lengths


@cache
def _has_bfloat16_lstm() -> bool:
    """Say whether LSTMs can run in bfloat16 here; with AVX2 alone, oneDNN raises an error."""
    return not torch._C._has_mkldnn or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _gather(x: Tensor, frames: Tensor) -> Tensor:
    """Reorder the frames of each clip: `[batch, frames, values]` by indices `[batch, n]`."""
    return x.gather(1, frames[:, :, None].expand(-1, -1, x.shape[-1]))


def padding_mask(lengths: Tensor, frames: int, device: torch.device) -> Tensor | None:
    """Return the mask of the frames within each clip's length, bool `[batch, 1, 1, frames]`.

    Returns:
        The mask, or None if there is no padding: attention is faster without a mask.
    """
    if bool((lengths == frames).all()):
        return None
    # A clip without frames attends to one frame of padding, as attention to nothing gives NaN.
    return (torch.arange(frames) < lengths.clamp(min=1)[:, None]).to(device)[:, None, None, :]


def zero_beyond(x: Tensor, lengths: Tensor) -> Tensor:
    """Set `[batch, frames, ...]` to zero beyond each clip's length."""
    if bool((lengths == x.shape[1]).all()):
        return x
    valid = (torch.arange(x.shape[1]) < lengths[:, None]).to(x.device)
    return x.masked_fill(~valid.reshape(*valid.shape, *[1] * (x.dim() - 2)), 0.0)


def initialize_modules(layer: nn.Module, generator: torch.Generator) -> None:
    """Draw new weights for all modules of a layer from one generator.

    Linear and convolutional weights are uniform within 1 / sqrt(inputs), LSTM weights within
    1 / sqrt(size), as in PyTorch. Biases are zero and normalisations the identity. `Drawn` modules
    draw their own parameters.
    """
    for module in layer.modules():
        if isinstance(module, Drawn):
            module.draw(generator)
        elif isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)):
            bound = (module.weight[0].numel()) ** -0.5
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LSTM):
            for name, parameter in module.named_parameters():
                bound = 0.0 if name.startswith("bias") else module.hidden_size**-0.5
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
        elif isinstance(module, (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d)):
            module.reset_parameters()
