"""What frozen layers gave of clips, in a folder, for later runs from the same source.

An entry's name is a digest of all that it follows from: the layers' weights, what they are, the
precision, and the clip's features. So entries are never stale, and clips of any batch, run or data
set find theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..batches.cache_folder import CacheFolder
from ..models.acoustic_model import AcousticModel
from ..models.specification import layer_of

_SUFFIX = ".hidden"
_TENSOR = "hidden"
_OF_THE_HEAD = frozenset({"n_classes", "head", "head_layers", "head_size"})


class HiddenCache:
    """What the lowest layers of a model gave, in a folder.

    Args:
        folder: where.
    """

    def __init__(self, folder: CacheFolder) -> None:
        self._folder = folder

    def names(self, stack: bytes, features: Tensor, lengths: Tensor) -> list[str]:
        """Return the names of a batch's entries.

        Args:
            stack: a digest of the layers, see `stack_digest`.
            features: `[batch, frames, values]`, what the layers take.
            lengths: int64 `[batch]`, frames of each clip.
        """
        rows, precision = features.float().cpu().numpy(), _precision(features.device)
        return [
            hashlib.blake2b(
                row[:length].tobytes(), digest_size=16, key=stack, person=precision
            ).hexdigest()
            + _SUFFIX
            for row, length in zip(rows, lengths.tolist(), strict=True)
        ]

    def read(self, names: Sequence[str]) -> list[Tensor | None]:
        """Return what is kept of each of a batch's clips, `[frames, values]`; None: nothing."""
        return [self._read(name) for name in names]

    def _read(self, name: str) -> Tensor | None:
        content = self._folder.read(name)
        if content is None:
            return None
        try:
            tensor = load(bytes(content))[_TENSOR]
        except (SafetensorError, KeyError):
            return None
        return tensor if tensor.ndim == 2 else None

    def write(self, name: str, hidden: Tensor) -> None:
        """Keep what the layers gave of a clip, unless the folder is full.

        Args:
            name: of its entry.
            hidden: `[frames, values]`, on the CPU.

        Raises:
            FlagError: the folder cannot be written to.
        """
        self._folder.write(name, save({_TENSOR: hidden.contiguous()}))


def stack_digest(model: AcousticModel, depth: int) -> bytes:
    """Return a digest of the lowest layers of a model: their weights, and what they are.

    The alphabet and the head, which are no concern of theirs, may be others.
    """
    specification = model.specification
    layers = specification.layers[:depth]
    fields = {
        name: value for name, value in vars(specification).items() if name not in _OF_THE_HEAD
    }
    description = repr((specification.architecture, sorted(fields.items()), layers))
    digest = hashlib.blake2b(description.encode(), digest_size=32)
    for name, tensor in sorted(model.state_dict().items()):
        if layer_of(name) in layers:
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().data)
    return digest.digest()


def _precision(device: torch.device) -> bytes:
    """Return what products are computed in, at most 16 bytes."""
    if not torch.is_autocast_enabled(device.type):
        return b"float32"
    return str(torch.get_autocast_dtype(device.type)).removeprefix("torch.").encode()[:16]
