"""The forward pass of training: the loss of each clip of a batch.

A view is an augmented version of a batch. Frozen layers run once for all views, and masks on a
layer's output are applied above them. Clips without transcripts are first transcribed by the
average of the model.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..batches.batch import Batch, View
from ..batches.loader import BatchLoader
from ..models.acoustic_model import AcousticModel, Emissions
from ..models.dropout import Dropout
from .frozen_stack import FrozenStack, Hidden
from .objective import Objective
from .precision import Precision
from .self_training import SelfTraining, as_they_are


@dataclass(frozen=True)
class ForwardPass:
    """Computes losses with gradients.

    Attributes:
        model: model in training.
        frozen: runs the frozen layers.
        precision: precision of the computation.
        objective: training objective.
        inner_layer: index of the encoder layer whose input also has a loss; 0: none.
        self_training: transcribes clips without transcripts; None: there are none.
        loader: loads such clips without augmentation.
    """

    model: AcousticModel
    frozen: FrozenStack
    precision: Precision
    objective: Objective
    inner_layer: int
    self_training: SelfTraining | None
    loader: BatchLoader

    def losses(self, batch: Batch, dropout: Dropout) -> Tensor:
        """Return the weighted loss of each clip of a batch, `[batch]`."""
        labelled = self._transcribed(batch)
        last, inner = self._emissions(batch, dropout)
        losses = self.objective.losses(last, labelled, inner)
        return losses if labelled.weights is None else losses * labelled.weights.to(losses.device)

    def _transcribed(self, batch: Batch) -> Batch:
        """Return a batch with labels for all clips, including those transcribed by the model."""
        if self.self_training is None or all(clip.transcript for clip in batch.clips):
            return batch
        plain = self.loader.load(batch.clips) if batch.augmented else as_they_are(batch)
        with torch.no_grad(), self.precision.forward():
            return self.self_training.transcribe(batch, self.frozen(self.model, plain))

    def _emissions(self, batch: Batch, dropout: Dropout) -> tuple[list[Emissions], list[Emissions]]:
        """Run the model once over all views of a batch, concatenated along the batch axis.

        Returns:
            The emissions of each view, and those of the inner block if it is trained.
        """
        count = self.objective.views
        views = [*itertools.islice(itertools.cycle(batch.views), count)]
        with self.precision.forward():
            seen = self._hidden(batch, views, dropout)
            x = torch.cat([one.x for one in seen]) if count > 1 else seen[0].x
            lengths = torch.cat([one.lengths for one in seen])
            first, inner = seen[0].first, list[Emissions]()
            if self.inner_layer > first:
                x, lengths = self.model.run(x, lengths, dropout, first=first, last=self.inner_layer)
                inner = _parted(self.model.inner_emissions(x, lengths, dropout), count)
                first = self.inner_layer
            last = Emissions(*self.model.run(x, lengths, dropout, first=first))
            return _parted(last, count), inner

    def _hidden(self, batch: Batch, views: Sequence[View], dropout: Dropout) -> list[Hidden]:
        """Return each view of a batch at the layer above which no more masks are applied.

        Layers below the masks run once if the views do not differ there.
        """
        lowest = self.model.specification.layers[max(self.frozen.depth - 1, 0)]
        differ = dropout.rates.get(lowest) or any(view.on_features for view in views)
        below = [
            self._below_masks(batch, view, dropout) for view in (views if differ else views[:1])
        ]
        return [
            hidden._replace(x=view.on_hidden(hidden.x, hidden.lengths))
            for view, hidden in zip(views, itertools.cycle(below), strict=False)
        ]

    def _below_masks(self, batch: Batch, view: View, dropout: Dropout) -> Hidden:
        """Return a view of a batch at the layer whose input is masked."""
        hidden = self.frozen(self.model, batch, view)
        if hidden.first > 0:
            topmost = self.model.specification.layers[hidden.first - 1]
            return hidden._replace(x=dropout(topmost, hidden.x))
        if not view.on_hidden:
            return hidden
        return Hidden(*self.model.run(hidden.x, hidden.lengths, dropout, last=1), 1)


def _parted(emissions: Emissions, count: int) -> list[Emissions]:
    """Split emissions of concatenated views into those of each view."""
    of_views = zip(emissions.logits.chunk(count), emissions.lengths.chunk(count), strict=True)
    return [Emissions(*one) for one in of_views]
