"""What layers that are not trained make of the data: computed once for each batch, and kept.

The layers from the input on that are frozen give the same for a batch in every epoch, so an epoch
over a frozen encoder takes the seconds of its head alone. Dropout, which is for learning, leaves
them alone, but for what the topmost of them hands to the layers that learn. Batches hold the same
clips in every epoch, and a run that goes on computes them anew in the same way, so it stays the
same to the bit. Of a batch that augmentation changes before the model, as much is kept as it has
versions that come again; of one that never comes again, nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..batches.batch import Batch, View
from ..corpus import Clip
from ..models.acoustic_model import AcousticModel

# Ten hours of audio at 50 frames a second of 512 values take 3.7 GB.
DEFAULT_MEMORY_LIMIT_BYTES = 4 << 30


class Hidden(NamedTuple):
    """What the frozen layers give of a batch, and the first layer that is to run on it.

    Attributes:
        x: `[batch, frames, values]`.
        lengths: int64 `[batch]`.
        first: number of the layer that takes it.
    """

    x: Tensor
    lengths: Tensor
    first: int


class FrozenStack:
    """Runs the frozen layers at the bottom of a model, and remembers what they gave.

    Args:
        device: where the model is.
        memory_limit_bytes: how much to keep; beyond it the layers are run each time. 0: always.
    """

    def __init__(
        self, device: torch.device, memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES
    ) -> None:
        self.depth = 0
        self._device = device
        self._memory_limit = memory_limit_bytes
        self._memory_left = memory_limit_bytes
        self._kept: dict[tuple[tuple[Clip, ...], int], Hidden] = {}

    def set_depth(self, depth: int) -> None:
        """Say how many layers from the input on are frozen now; what is kept of others goes."""
        if depth != self.depth:
            self.forget()
        self.depth = depth

    def forget(self) -> None:
        """Forget everything, for features that are computed anew."""
        self._kept.clear()
        self._memory_left = self._memory_limit

    @torch.no_grad()
    def __call__(self, model: AcousticModel, batch: Batch, view: View | None = None) -> Hidden:
        """Return what the frozen layers make of a batch; without any, its features.

        Args:
            model: whose layers they are.
            batch: the clips.
            view: of the batch; its first one where none is given.
        """
        view = view or batch.views[0]
        if self.depth == 0 or view.version is None:
            return self._run(model, batch, view)
        key = (batch.clips, view.version)
        hidden = self._kept.get(key)
        if hidden is None:
            hidden = self._run(model, batch, view)
            size = hidden.x.numel() * hidden.x.element_size()
            if size <= self._memory_left:
                self._memory_left -= size
                self._kept[key] = hidden
        return hidden

    def _run(self, model: AcousticModel, batch: Batch, view: View) -> Hidden:
        x = view.on_features(batch.features.to(self._device), batch.lengths)
        if self.depth == 0:
            return Hidden(x, batch.lengths, 0)
        return Hidden(*model.run(x, batch.lengths, last=self.depth), self.depth)
