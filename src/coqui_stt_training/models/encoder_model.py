"""What the modules of pre-trained encoders have in common: the CTC head, and running a layer."""

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

_LAST_BLOCK = 2.0  # e^2 for it and 1 for each other: of four blocks, it has 0.7 at first


class EncoderModel(AcousticModel):
    """An encoder with a CTC head.

    A layer is a module of this one under its name in the specification; it maps
    `[batch, frames, values]` and lengths `[batch]` to the same of its output. The architecture's
    class adds those of the encoder, this one those of the head.

    Where the head hears a mix of blocks, what each of them gives is passed on beside what those
    below gave: between layers lie `[batch, frames, blocks * width]`, the newest last.
    """

    specification: EncoderSpecification

    def __init__(self, specification: EncoderSpecification) -> None:
        super().__init__()
        self.specification = specification

    def add_head(self) -> None:
        """Add the layers of the head, and adapters; called when the encoder's layers are there."""
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
        """Put in order what the encoder gives, for architectures that take clips in pieces.

        Args:
            x: float32 `[batch, frames, width]`.
            lengths: int64 `[batch]`, frames of each clip.

        Returns:
            Frames and lengths of the same kind.
        """
        return x, lengths

    def inner_emissions(
        self, x: Tensor, lengths: Tensor, dropout: Dropout = NO_DROPOUT
    ) -> Emissions:
        """Return what the head makes of an inner block; see `AcousticModel.inner_emissions`.

        What the block gives is normalised, as the last one's is in most encoders.
        """
        x = nn.functional.layer_norm(x, x.shape[-1:])
        x, lengths = self.end_encoder(x, lengths)
        head = len(self.specification.encoder_layers)
        return Emissions(*self.run(zero_beyond(x, lengths), lengths, dropout, first=head))

    def _behind(self, name: str, x: Tensor) -> Tensor:
        """Run the bottleneck behind a layer, if it has one."""
        bottleneck = getattr(self.get_submodule(name), BOTTLENECK, None)
        return bottleneck(x) if isinstance(bottleneck, Bottleneck) else x

    def run_layer(self, name: str, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Run one layer; for architectures whose layers look at more than what came before.

        Args:
            name: of the layer.
            x: float32 `[batch, frames, values]`; of the first layer, features.
            lengths: int64 `[batch]`, frames of each clip.

        Returns:
            What the layer makes of it, float32 `[batch, frames, values]`, and its lengths.
        """
        out: tuple[Tensor, Tensor] = self.get_submodule(name)(x, lengths)
        return out

    def initialize_layer(self, name: str, generator: torch.Generator) -> None:
        """Draw new weights: see `initialize_modules`; of the output, weights as Glorot has them."""
        layer = self.get_submodule(name)
        if isinstance(layer, Output):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
        else:
            initialize_modules(layer, generator)
            draw_adapters(layer, generator)


class Drawn(nn.Module):
    """A module with parameters of its own, not only those of PyTorch's modules within."""

    def draw(self, generator: torch.Generator) -> None:
        """Draw new values for its own parameters."""
        raise NotImplementedError


class Mix(Drawn):
    """A mean of what several blocks give, each normalised, with weights that are learnt.

    Weights are the softmax of parameters. At first most of it is the last block.
    """

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(blocks))
        self.width = width

    def draw(self, generator: torch.Generator) -> None:
        """Begin with the last block for the most part."""
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

    The backward direction runs forward over each clip turned around within its own length, so that
    padding comes last for both, and changes nothing; packed sequences, which do the same, take many
    times as long on a CPU.
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
    """Whether this processor's LSTM takes bfloat16; with AVX2 alone, oneDNN's raises an error."""
    return not torch._C._has_mkldnn or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _gather(x: Tensor, frames: Tensor) -> Tensor:
    """Return the frames of each clip in another order: `[batch, frames, values]`, `[batch, n]`."""
    return x.gather(1, frames[:, :, None].expand(-1, -1, x.shape[-1]))


def padding_mask(lengths: Tensor, frames: int, device: torch.device) -> Tensor | None:
    """Return which frames attention may look at, bool `[batch, 1, 1, frames]`.

    Returns:
        None where every clip has all frames: attention is quicker without a mask.
    """
    if bool((lengths == frames).all()):
        return None
    # A clip too short for any frame looks at one, as attention to nothing gives NaN.
    return (torch.arange(frames) < lengths.clamp(min=1)[:, None]).to(device)[:, None, None, :]


def zero_beyond(x: Tensor, lengths: Tensor) -> Tensor:
    """Set `[batch, frames, ...]` to zero beyond each clip's length."""
    if bool((lengths == x.shape[1]).all()):
        return x
    valid = (torch.arange(x.shape[1]) < lengths[:, None]).to(x.device)
    return x.masked_fill(~valid.reshape(*valid.shape, *[1] * (x.dim() - 2)), 0.0)


def initialize_modules(layer: nn.Module, generator: torch.Generator) -> None:
    """Draw new weights for everything in a layer, as PyTorch would, from one generator.

    Linear and convolutional weights are uniform within 1 / sqrt(inputs), LSTM weights within
    1 / sqrt(size), biases zero, normalisations the identity. Modules of our own draw theirs.
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
