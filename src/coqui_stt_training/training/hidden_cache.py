"""A folder of frozen layers' outputs for clips, for later runs from the same source.

The name of an entry is a digest of everything that it depends on: the weights and the specification
of the layers, the precision, and the clip's features. So entries are never stale, and are found for
the same clip in any batch, run or data set.
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
    """A cache folder for outputs of a model's lowest layers.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: CacheFolder) -> None:
        self._folder = folder

    def names(self, stack: bytes, features: Tensor, lengths: Tensor) -> list[str]:
        """Return the names of a batch's entries.

        Args:
            stack: digest of the layers, see `stack_digest`.
            features: input of the layers, `[batch, frames, values]`.
            lengths: number of frames of each clip, int64 `[batch]`.
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
        """Return the cached output for each name, `[frames, values]`, or None."""
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
        """Write the output for a clip, unless the folder is full.

        Args:
            name: name of the entry.
            hidden: output of the layers, `[frames, values]`, on the CPU.

        Raises:
            FlagError: the folder cannot be written to.
        """
        self._folder.write(name, save({_TENSOR: hidden.contiguous()}))


def stack_digest(model: AcousticModel, depth: int) -> bytes:
    """Return a digest of the weights and the specification of a model's lowest layers.

    It does not depend on the alphabet or the head.
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
    """Return the name of the type that matrix products are computed in, at most 16 bytes."""
    if not torch.is_autocast_enabled(device.type):
        return b"float32"
    return str(torch.get_autocast_dtype(device.type)).removeprefix("torch.").encode()[:16]
