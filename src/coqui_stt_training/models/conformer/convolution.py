"""The convolution of a Conformer block, with its normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..encoder_model import Drawn, zero_beyond
from .specification import ConformerEncoder

_MOMENTUM = 0.1
_VARIANCE_FLOOR = 1e-5


class Convolution(nn.Module):
    """The convolution: outputs(silu(norm(depthwise(glu(inputs(x))))))."""

    def __init__(self, specification: ConformerEncoder) -> None:
        super().__init__()
        width, bias = specification.width, specification.convolution_bias
        self.inputs = nn.Linear(width, 2 * width, bias=bias)
        self.depthwise = nn.Conv1d(width, width, specification.kernel, groups=width, bias=bias)
        norm = BatchNorm if specification.convolution_norm == "batch" else FrameNorm
        self.norm = norm(width)
        self.outputs = nn.Linear(width, width, bias=bias)
        behind = 0 if specification.causal else specification.kernel // 2
        self.around = (specification.kernel - 1 - behind, behind)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Map `[batch, frames, width]` to the same."""
        x = zero_beyond(nn.functional.glu(self.inputs(x), dim=-1), lengths)
        x = self.depthwise(nn.functional.pad(x.transpose(1, 2), self.around)).transpose(1, 2)
        out: Tensor = self.outputs(nn.functional.silu(self.norm(x, lengths)))
        return out


class FrameNorm(nn.LayerNorm):
    """Layer normalisation of each frame."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """Map `[batch, frames, width]` to the same."""
        return super().forward(x)


class BatchNorm(Drawn):
    """Batch normalisation: brings each value to mean 0 and variance 1, then scales and shifts it.

    In training, the statistics are those of all frames of the batch without padding, and running
    averages of them are kept for inference. A frozen layer always uses its running averages.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def draw(self, generator: torch.Generator) -> None:
        """Set the identity: scale 1 and shift 0, with running mean 0 and variance 1."""
        with torch.no_grad():
            for tensor, value in (
                (self.weight, 1.0),
                (self.bias, 0.0),
                (self.running_mean, 0.0),
                (self.running_var, 1.0),
            ):
                tensor.fill_(value)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Map `[batch, frames, width]` to the same."""
        if self.training and self.weight.requires_grad and int(lengths.sum()) > 1:
            mean, variance = self._statistics(x, lengths)
        else:
            mean, variance = self.running_mean, self.running_var
        scale = self.weight * (variance + _VARIANCE_FLOOR).rsqrt()
        return (x - mean) * scale + self.bias

    def _statistics(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance without padding, and update the running averages."""
        count = int(lengths.sum())
        mean = zero_beyond(x, lengths).sum((0, 1)) / count
        variance = zero_beyond(x - mean, lengths).square().sum((0, 1)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean.float(), _MOMENTUM)
            self.running_var.lerp_(variance.float() * (count / (count - 1)), _MOMENTUM)
        return mean, variance
