"""The interface of all acoustic models: layers in order, from features to emissions."""

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
    """The output of a model for a batch.

    Attributes:
        logits: `[batch, frames, classes]`; the last class is the blank. Values beyond the length of
            a clip are undefined.
        lengths: int64 `[batch]`, on the CPU: number of frames of each clip.
    """

    logits: Tensor
    lengths: Tensor

    def log_probabilities(self) -> Tensor:
        """Return the log-probabilities of classes, float32 `[batch, frames, classes]`."""
        return self.logits.float().log_softmax(dim=-1)

    def posteriors(self) -> NDArray[np.float32]:
        """Return the probabilities of classes for decoders, float32 `[batch, frames, classes]`."""
        posteriors: NDArray[np.float32] = self.logits.float().softmax(dim=-1).cpu().numpy()
        return posteriors


class AcousticModel(nn.Module, ABC):
    """An acoustic model. Its weights are drawn by `initialize`, or loaded.

    Its layers are submodules, with the names of `specification.layers`.
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
            x: float32 `[batch, frames, values]`, features or the output of layer `first - 1`; zero
                beyond the length of each clip.
            lengths: int64 `[batch]`, number of frames of each clip.
            dropout: dropout after each layer.
            first: index of the first layer to run.
            last: index of the layer to stop before; None: run all.

        Returns:
            The output `[batch, frames, values]` and its lengths. Padding does not change frames
            within the length of a clip.
        """

    def inner_emissions(
        self, x: Tensor, lengths: Tensor, dropout: Dropout = NO_DROPOUT
    ) -> Emissions:
        """Return the output of the head on top of an inner block of an encoder, for training.

        Args:
            x: output of the block, `[batch, frames, values]`.
            lengths: int64 `[batch]`, number of frames of each clip.
            dropout: dropout after each layer of the head.

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

        Each layer has its own random generator, so its weights do not depend on the choice of
        layers.
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
    """Return the model that a specification describes; its weights are not set."""
    module = load(ARCHITECTURES[specification.architecture][1])
    model: AcousticModel = module(specification)
    return model
