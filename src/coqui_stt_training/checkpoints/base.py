"""The base model of adapters: it is stored once, elsewhere, and identified by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError
from ..models.adapter import LORA, LORA_A, LORA_B, Adapter, is_adapter_tensor
from ..models.encoder import EncoderSpecification, base_tensors
from ..models.specification import Specification
from .source import SourceModel, Tensors

BESIDE = "base"  # name beside the adapters for a base model that was moved


@dataclass(frozen=True)
class Base:
    """Location and digest of the base model of adapters.

    Attributes:
        path: path of the base model when training began, in any format.
        digest: digest of its tensors.
    """

    path: str
    digest: str


def digest_tensors(tensors: Tensors, names: Iterable[str]) -> str:
    """Return a digest of the names, shapes and values of some tensors."""
    digest = hashlib.sha256()
    for name in sorted(names):
        tensor = np.ascontiguousarray(tensors[name], np.float32)
        digest.update(f"{name} {tensor.shape} ".encode())
        digest.update(tensor.data)
    return digest.hexdigest()[:32]


def read_base(
    path: Path, base: Base, specification: Specification, allowed: bool
) -> dict[str, NDArray[np.float32]]:
    """Return the weights of the base model, which a checkpoint of adapters leaves out.

    Args:
        path: path of the checkpoint.
        base: location and digest of the base model.
        specification: specification of the checkpoint's model.
        allowed: whether the checkpoint may have a base model. A base model itself may not.

    Raises:
        CheckpointError: the base model is missing, another model is in its place, or it is not
            allowed.
    """
    if not allowed:
        raise CheckpointError(
            f"{path}: contains only adapters for {base.path}, so it cannot be the base model of "
            "other adapters; merge it into a whole model: python -m coqui_stt_training.convert"
        )
    return find_base(path, base, specification)[1]


def find_base(
    path: Path, base: Base, specification: Specification
) -> tuple[Path, dict[str, NDArray[np.float32]]]:
    """Return the path and the weights of the base model of a checkpoint of adapters.

    Raises:
        CheckpointError: the base model is missing, or another model is in its place.
    """
    from .loading import load_base  # here, as `loading` imports this module

    names, problems = base_tensors(specification), []
    for place in filter(Path.exists, (Path(base.path), *places_beside(path.parent))):
        try:
            tensors = load_base(place.resolve())  # a link may have another suffix
        except CheckpointError as error:
            problems.append(f"{place} cannot be used ({error})")
            continue
        if names <= tensors.keys() and digest_tensors(tensors, names) == base.digest:
            return place.resolve(), {name: np.asarray(tensors[name]) for name in names}
        problems.append(f"{place} is another model")
    raise CheckpointError(
        f"{path}: contains only adapters; their base model, {base.path} (digest {base.digest}), is "
        f"missing{''.join(f', {problem}' for problem in problems)}; put that model, or a link to "
        f"it, at {path.parent / BESIDE}"
    )


def places_beside(folder: Path) -> list[Path]:
    """Return the paths beside adapters where their base model may be."""
    return [folder / BESIDE, *sorted(folder.glob(f"{BESIDE}.*"))]


def merged(source: SourceModel, base: Base | None) -> SourceModel:
    """Return a model with LoRA merged into its weights; bottleneck adapters stay.

    Args:
        source: a model, with or without adapters.
        base: location of its base model, for the details, or None if it has none.
    """
    specification = source.specification
    adapter = (
        specification.parsed_adapter if isinstance(specification, EncoderSpecification) else None
    )
    if adapter is None or not isinstance(specification, EncoderSpecification):
        return source
    on = f", on {base.path} (digest {base.digest})" if base else ""
    details = {**source.details, "adapter": f"{adapter}{on}"}
    if adapter.kind != LORA:
        return replace(source, details=details)
    return replace(
        source,
        specification=specification.with_adapter(None),
        tensors=merge_lora(adapter, source.tensors),
        adam=None,  # its moments are those of the adapters
        details=details,
        notes=(*source.notes, f"Merged into the weights: {adapter.describe()}."),
    )


def add_low_rank(
    weight: NDArray[np.float32], down: NDArray[np.float32], up: NDArray[np.float32], scale: float
) -> NDArray[np.float32]:
    """Return W + scale B A.

    Args:
        weight: W, `[outputs, inputs]`, for a convolution `[outputs, inputs, ...]`.
        down: A, `[rank, inputs, ...]`.
        up: B, `[outputs, rank]`, possibly with further dimensions of 1.
        scale: factor of B A.
    """
    added = _rows(up).astype(np.float64) @ _rows(down).astype(np.float64)
    return np.asarray(weight + scale * added.reshape(weight.shape), np.float32)


def _rows(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    return tensor.reshape(len(tensor), -1)


def merge_lora(adapter: Adapter, tensors: Tensors) -> dict[str, Any]:
    """Return tensors with LoRA merged into the weights: W + (alpha / rank) B A."""
    merged: dict[str, Any] = {
        name: tensor for name, tensor in tensors.items() if not is_adapter_tensor(name)
    }
    for name, down in tensors.items():
        product, _, end = name.rpartition(".")
        if end == LORA_A:
            up, weight = tensors[f"{product}.{LORA_B}"], merged[f"{product}.weight"]
            merged[f"{product}.weight"] = add_low_rank(weight, down, up, adapter.scale)
    return merged
