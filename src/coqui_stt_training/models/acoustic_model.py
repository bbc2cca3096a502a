"""What every acoustic model is to the rest: layers in order, from features to emissions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .dropout import NO_DROPOUT, Dropout
from .specification import ARCHITECTURES, Specification, layer_of, load


class Emissions(NamedTuple):
    """What a model says of a batch.

    Attributes:
        logits: `[batch, frames, classes]`, the last class is the blank; what is beyond a clip's
            length means nothing.
        lengths: int64 `[batch]`, on the CPU: frames of each clip.
    """

    logits: Tensor
    lengths: Tensor

    def log_probabilities(self) -> Tensor:
        """Return float32 `[batch, frames, classes]`."""
        return self.logits.float().log_softmax(dim=-1)

    def posteriors(self) -> NDArray[np.float32]:
        """Return the posteriors as decoders take them, float32 `[batch, frames, classes]`."""
        posteriors: NDArray[np.float32] = self.logits.float().softmax(dim=-1).cpu().numpy()
        return posteriors


class AcousticModel(nn.Module, ABC):
    """An acoustic model. Its weights are drawn by `initialize`, or loaded.

    Its layers are attributes, modules under the names that the specification gives in order.
    """

    specification: Specification

    @abstractmethod
    def run(
        self,
        x: Tensor,
        lengths: Tensor,
        dropout: Dropout = NO_DROPOUT,
        *,
        first: int = 0,
        last: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run some of the layers, one after the other.

        Args:
            x: float32 `[batch, frames, values]`, features or what layer `first - 1` gave; zero
                beyond each clip's length.
            lengths: int64 `[batch]`, frames of each clip.
            dropout: what to drop after each layer.
            first: number of the first layer to run.
            last: number of the layer before which to stop; None: run all.

        Returns:
            `[batch, frames, values]` and the lengths of it. Padding changes nothing within a
            clip's length.
        """

    def inner_emissions(
        self, x: Tensor, lengths: Tensor, dropout: Dropout = NO_DROPOUT
    ) -> Emissions:
        """Return what the head makes of an inner block of an encoder, for training.

        Args:
            x: what the block gave, `[batch, frames, values]`.
            lengths: int64 `[batch]`.
            dropout: what to drop after each layer of the head.

        Raises:
            NotImplementedError: the model has no blocks.
        """
        raise NotImplementedError(f"{type(self).__name__} has no inner blocks")

    @abstractmethod
    def initialize_layer(self, name: str, generator: torch.Generator) -> None:
        """Draw new weights for a layer."""

    def forward(
        self, features: Tensor, lengths: Tensor, dropout: Dropout = NO_DROPOUT
    ) -> Emissions:
        """Map features to logits; see `run` and `Emissions`."""
        return Emissions(*self.run(features, lengths, dropout))

    def initialize(self, seed: int, layers: Iterable[str] | None = None) -> None:
        """Draw new weights for some layers, or for all.

        Each layer has a generator of its own, so a layer's weights do not depend on which others
        are drawn.
        """
        names = self.specification.layers
        wanted = names if layers is None else tuple(layers)
        for index, name in enumerate(names):
            if name in wanted:
                generator = torch.Generator().manual_seed(seed * len(names) + index)
                self.initialize_layer(name, generator)

    def layer_parameters(self) -> dict[str, list[tuple[str, nn.Parameter]]]:
        """Return the named parameters of each layer, from input to output."""
        layers: dict[str, list[tuple[str, nn.Parameter]]] = {
            name: [] for name in self.specification.layers
        }
        for name, parameter in self.named_parameters():
            layers[layer_of(name)].append((name, parameter))
        return layers


def build(specification: Specification) -> AcousticModel:
    """Return the model that a specification describes, with weights yet to be set."""
    module = load(ARCHITECTURES[specification.architecture][1])
    model: AcousticModel = module(specification)
    return model
