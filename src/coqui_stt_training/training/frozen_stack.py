"""The cached outputs of frozen layers: each batch passes through them only once.

The frozen layers from the input on have the same output for a clip in every epoch. So an epoch on
a frozen encoder takes only the time of its head. Dropout is not applied in frozen layers, only to
the output of the topmost one. If augmentation changes a clip before the model, each of its
recurring versions is cached; versions that do not recur are not. A folder can keep the outputs for
later runs.

A resumed run stays identical to the bit on a CPU, although the last bits of an output depend on the
batch that it is computed in. Where batches contain the same clips in every epoch, a batch is
computed and cached as a whole. Where epochs draw their clips from larger sets (`--train_files
old.sdb:0.3`), each clip is computed alone.
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

_Key = tuple[tuple[Clip, ...], int]  # clips that are computed together, and their version


class Hidden(NamedTuple):
    """The output of the frozen layers for a batch.

    Attributes:
        x: output, `[batch, frames, values]`.
        lengths: number of frames of each clip, int64 `[batch]`.
        first: index of the first layer above.
    """

    x: Tensor
    lengths: Tensor
    first: int


class FrozenStack:
    """Runs the frozen layers at the bottom of a model, and caches their outputs.

    Outputs of mixed precision are cached as bfloat16, which they were computed from, and returned
    as float32.

    Args:
        device: device of the model.
        memory_limit_bytes: size of the cache in memory. Outputs beyond it are read from the folder
            or recomputed each time.
        cache: cache folder for later runs; None: no folder.
        batches_recur: whether batches contain the same clips in every epoch.
    """

    def __init__(
        self,
        device: torch.device,
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
        cache: HiddenCache | None = None,
        *,
        batches_recur: bool = True,
    ) -> None:
        self.depth = 0
        self._device = device
        self._cache = cache
        self._batches_recur = batches_recur
        self._stack = b""  # digest of the layers; computed when it is first needed
        self._memory_limit = memory_limit_bytes
        self._memory_left = memory_limit_bytes
        self._kept: dict[_Key, Hidden] = {}

    def set_depth(self, depth: int) -> None:
        """Set the number of frozen layers, from the input on; if it changes, clear the cache."""
        if depth != self.depth:
            self.forget()
            self._stack = b""
        self.depth = depth

    def forget(self) -> None:
        """Clear the cache, because features are recomputed."""
        self._kept.clear()
        self._memory_left = self._memory_limit

    @torch.no_grad()
    def __call__(self, model: AcousticModel, batch: Batch, view: View | None = None) -> Hidden:
        """Return the output of the frozen layers for a batch; without frozen layers, its features.

        Args:
            model: the model.
            batch: the batch.
            view: augmented version of the batch; by default the first.
        """
        view = view or batch.views[0]
        if self.depth == 0 or view.version is None:
            return self._run(model, self._features(batch, view), batch.lengths)
        if self._batches_recur:
            found = self._find(model, batch, view, [slice(None)])
            return found[0]._replace(x=found[0].x.float())
        parts = [slice(row, row + 1) for row in range(len(batch.lengths))]
        found = self._find(model, batch, view, parts)
        return Hidden(
            pad_sequence([one.x[0].float() for one in found], batch_first=True),
            torch.cat([one.lengths for one in found]),
            self.depth,
        )

    def _find(
        self, model: AcousticModel, batch: Batch, view: View, parts: Sequence[slice]
    ) -> list[Hidden]:
        """Return the outputs for some rows of a batch each, cached or computed."""
        keys = [(batch.clips[rows], view.version or 0) for rows in parts]
        found = [self._kept.get(key) for key in keys]
        if all(one is not None for one in found):
            return [one for one in found if one is not None]
        features = self._features(batch, view)
        return [
            one or self._compute(model, features[rows], batch.lengths[rows], key)
            for one, rows, key in zip(found, parts, keys, strict=True)
        ]

    def _compute(
        self, model: AcousticModel, features: Tensor, lengths: Tensor, key: _Key
    ) -> Hidden:
        """Return the output for features, and cache it if there is room."""
        hidden = self._read_or_run(model, features[:, : int(lengths.max())], lengths)
        if torch.is_autocast_enabled(self._device.type):
            hidden = hidden._replace(x=hidden.x.bfloat16())
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
    """Return the cached outputs of a batch's clips, or else the computed ones, which are cached.

    A cached output takes precedence over a computed one. In another batch, the output for a clip
    may differ in the last bits, and a resumed run must find the same values as before.
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
