"""What layers that are not trained make of the data: computed once for each batch, and kept.

The layers from the input on that are frozen give the same for a batch in every epoch, so an epoch
over a frozen encoder takes the seconds of its head alone. Dropout, which is for learning, leaves
them alone, but for what the topmost of them hands to the layers that learn. Batches hold the same
clips in every epoch, and a run that goes on computes them anew in the same way, so it stays the
same to the bit. Of a batch that augmentation changes before the model, as much is kept as it has
versions that come again; of one that never comes again, nothing. A folder keeps it for later runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..batches.batch import Batch, View
from ..corpus import Clip
from ..models.acoustic_model import AcousticModel
from .hidden_cache import HiddenCache, stack_digest

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
        memory_limit_bytes: how much to keep in memory; beyond it what the folder has is read, or
            the layers are run each time. 0: always.
        cache: what is kept for later runs too; None: nothing.
    """

    def __init__(
        self,
        device: torch.device,
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
        cache: HiddenCache | None = None,
    ) -> None:
        self.depth = 0
        self._device = device
        self._cache = cache
        self._stack = b""  # a digest of the layers, once it is known
        self._memory_limit = memory_limit_bytes
        self._memory_left = memory_limit_bytes
        self._kept: dict[tuple[tuple[Clip, ...], int], Hidden] = {}

    def set_depth(self, depth: int) -> None:
        """Say how many layers from the input on are frozen now; what is kept of others goes."""
        if depth != self.depth:
            self.forget()
            self._stack = b""
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
            return self._run(model, self._features(batch, view), batch.lengths)
        key = (batch.clips, view.version)
        hidden = self._kept.get(key)
        if hidden is None:
            hidden = self._read_or_run(model, self._features(batch, view), batch.lengths)
            size = hidden.x.numel() * hidden.x.element_size()
            if size <= self._memory_left:
                self._memory_left -= size
                self._kept[key] = hidden
        return hidden

    def _read_or_run(self, model: AcousticModel, features: Tensor, lengths: Tensor) -> Hidden:
        if self._cache is None:
            return self._run(model, features, lengths)
        self._stack = self._stack or stack_digest(model, self.depth)
        names = self._cache.names(self._stack, features, lengths)
        rows = self._cache.read(names)
        kept = [row for row in rows if row is not None]
        kinds = {(row.shape[1], row.dtype) for row in kept}
        if len(kept) < len(names) or len(kinds) > 1:
            kept = _complete(self._cache, names, rows, self._run(model, features, lengths))
        lengths = torch.tensor([len(row) for row in kept])
        return Hidden(pad_sequence(kept, batch_first=True).to(self._device), lengths, self.depth)

    def _run(self, model: AcousticModel, features: Tensor, lengths: Tensor) -> Hidden:
        if self.depth == 0:
            return Hidden(features, lengths, 0)
        x, lengths = model.run(features, lengths, last=self.depth)
        # As it comes from a folder, so that dropout draws the same for each value.
        return Hidden(x.contiguous(), lengths, self.depth)

    def _features(self, batch: Batch, view: View) -> Tensor:
        return view.on_features(batch.features.to(self._device), batch.lengths)


def _complete(
    cache: HiddenCache, names: Sequence[str], rows: Sequence[Tensor | None], computed: Hidden
) -> list[Tensor]:
    """Return what a cache has of a batch's clips, and what was computed of the others, now kept.

    What is kept counts: in another batch a clip differs in the last bits, and a run that goes on is
    to find what it had.
    """
    complete = []
    for name, row, x, length in zip(
        names, rows, computed.x.cpu(), computed.lengths.tolist(), strict=True
    ):
        fresh = x[:length]
        if row is None or (row.shape, row.dtype) != (fresh.shape, fresh.dtype):
            cache.write(name, fresh)
            row = fresh
        complete.append(row)
    return complete
