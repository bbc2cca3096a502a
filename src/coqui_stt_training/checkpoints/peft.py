"""Merges an adapter of Hugging Face's peft into its base model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.counted import counted, some_clauses

from ..errors import CheckpointError
from ..models.encoder import EncoderSpecification
from .base import BESIDE, add_low_rank, places_beside
from .hub import find_cached
from .readers.ctc_vocabulary import TOKENIZER, VOCABULARY, read_vocabulary
from .readers.encoder_tensors import OUTPUT_LAYER, leave_out_output, output_rows
from .readers.huggingface import ARCHITECTURES, folder_of, names_of, reason_against_place
from .readers.huggingface import CONFIG as MODEL_CONFIG
from .readers.json_file import read_json
from .readers.peft_folder import LowRank, PeftAdapter, base_of
from .source import SourceModel

Tensors = dict[str, NDArray[np.float32]]

_LISTED = 8


def find_base(folder: Path) -> Path:
    """Return the path of an adapter's base model.

    This is `base` beside the adapter, or else what the adapter names: a path, or a model of the hub
    that is in the cache.

    Raises:
        CheckpointError: there is no base model; the message says where to put it.
    """
    named, revision = base_of(folder)
    places = [*places_beside(folder), *([folder / named, Path(named)] if named else [])]
    if found := next(filter(Path.exists, places), None):
        return found.resolve()  # a link may have another suffix
    if cached := find_cached(named, revision):
        return cached
    raise CheckpointError(
        f"{folder}: is an adapter for {named or 'a model that it does not name'}, and that is not "
        f"here; put the model, or a link to it, at {folder / BESIDE}"
    )


def merge_peft(folder: Path, adapter: PeftAdapter, base: SourceModel) -> SourceModel:
    """Return the base model with an adapter merged into its weights.

    Args:
        folder: folder of the adapter.
        adapter: content of that folder.
        base: the base model.

    Raises:
        CheckpointError: the adapter is for another model; the message lists what does not fit.
    """
    specification, names = _encoder_of(folder, base)
    parts = _parts_of(names, specification, adapter)
    head = _head_of(folder, base, parts)
    if head.alphabet is not None:
        specification = specification.with_classes(head.alphabet.size + 1)
    tensors: Tensors = {**base.tensors, **parts.whole}
    if head.is_left_out:
        leave_out_output(tensors)
    problems = list(_problems(specification, parts, tensors))
    if problems:
        raise CheckpointError(
            f"{folder}: is no adapter for {base.path}: {some_clauses(problems, _LISTED)}. "
            f"Put the model that it is for, or a link to it, at {folder / BESIDE}"
        )
    for name, low in parts.products.items():
        _merge(tensors, name, low)
    ranks = sorted({len(low.down) for low in parts.products.values()})
    count = counted(len(parts.products), "product")
    merged = f"LoRA of rank {', '.join(map(str, ranks))} on {count}, for {base.path}"
    return replace(
        base,
        format="peft",
        path=folder,
        specification=specification,
        tensors=tensors,
        alphabet=head.alphabet,
        notes=(*base.notes, *head.notes, *parts.notes, f"Merged into the weights: {merged}."),
        details={**base.details, "adapter": merged, "size_bytes": _size(folder)},
    )


@dataclass(frozen=True)
class _Parts:
    """The content of an adapter by our names.

    Attributes:
        whole: tensors that replace those of the encoder.
        products: low-rank updates of weights of the encoder.
        unknown: foreign names of unknown tensors.
        notes: notes for the user.
    """

    whole: Tensors
    products: dict[str, LowRank]
    unknown: list[str]
    notes: list[str]


@dataclass(frozen=True)
class _Head:
    """The output layer of the merged model.

    Attributes:
        alphabet: its alphabet, or None if it is unknown or there is no output layer.
        is_left_out: whether the model gets no output layer.
        notes: notes for the user.
    """

    alphabet: Alphabet | None
    is_left_out: bool = False
    notes: tuple[str, ...] = ()


def _encoder_of(folder: Path, base: SourceModel) -> tuple[EncoderSpecification, ModuleType]:
    """Return the specification of a base model, and the module with its foreign names."""
    specification = base.specification
    architecture = specification.architecture
    if (
        not isinstance(specification, EncoderSpecification)
        or architecture not in ARCHITECTURES.values()
    ):
        raise CheckpointError(
            f"{folder}: {base.path} is a {architecture} model, which is none of transformers'; "
            f"adapters of peft are for {', '.join(dict.fromkeys(ARCHITECTURES.values()))} encoders"
        )
    return specification, names_of(architecture, str(base.details.get("model_type", "")))


def _parts_of(
    names: ModuleType, specification: EncoderSpecification, adapter: PeftAdapter
) -> _Parts:
    whole: Tensors = {}
    products: dict[str, LowRank] = {}
    unknown, ignored = [], 0
    weights = {f"{module}.weight": low for module, low in adapter.products.items()}
    parts: tuple[tuple[str, Any], ...] = (*adapter.whole.items(), *weights.items())
    for name, value in parts:
        ours: str | None = names.our_name(name, specification)
        if ours is None and names.is_ignored(name):
            ignored += 1
        elif ours is None:
            unknown.append(name)
        elif isinstance(value, LowRank):
            products[ours] = value
        else:
            whole[ours] = value
    if hasattr(names, "convert"):
        whole = names.convert(whole, specification)
    notes = [f"Left out of the adapter: {counted(ignored, 'part')} for what is left out here."]
    return _Parts(whole, products, unknown, notes if ignored else [])


def _head_of(folder: Path, base: SourceModel, parts: _Parts) -> _Head:
    """Return the output layer of the merged model, after ordering its rows in place."""
    if (parts.whole.keys() | parts.products.keys()).isdisjoint(OUTPUT_LAYER):
        return _Head(base.alphabet)
    reason = reason_against_place(folder_of(base.path))
    vocabulary = _vocabulary_folder(folder, base)
    if vocabulary and not reason:
        return _Head(_order_head(vocabulary, parts.whole, parts.products))
    leave_out_output(parts.whole)
    leave_out_output(parts.products)
    note = f"Its output layer is left out: {reason or f'no {VOCABULARY} says what it writes'}."
    return _Head(None, is_left_out=True, notes=(note,))


def _problems(
    specification: EncoderSpecification, parts: _Parts, tensors: Tensors
) -> Iterator[str]:
    """Yield the reasons why an adapter does not fit a model."""
    yield from (f"{name} is unknown" for name in parts.unknown)
    shapes = specification.tensor_shapes()
    for name, tensor in tensors.items():
        if tensor.shape != shapes.get(name):
            yield f"{name} is {list(tensor.shape)}, and there {list(shapes.get(name, ()))}"
    for name, low in parts.products.items():
        if what := _misfit(name, low, tensors):
            yield what
    if not (parts.products or parts.unknown):
        yield "it adapts no product of the encoder"


def _vocabulary_folder(folder: Path, base: SourceModel) -> Path | None:
    """Return the folder with the vocabulary of a new output layer: the adapter's or the base's."""
    places = (folder, folder_of(base.path))
    return next((place for place in places if (place / VOCABULARY).is_file()), None)


def _order_head(folder: Path, whole: Tensors, products: dict[str, LowRank]) -> Alphabet:
    """Put the rows of the output layer in the order of our classes, in place."""
    weight, _ = OUTPUT_LAYER
    low = products.get(weight)
    rows = len(low.up) if low else output_rows(folder, whole)
    alphabet, order = read_vocabulary(folder, _settings_of(folder), rows)
    for name in OUTPUT_LAYER:
        if name in whole and whole[name].shape[:1] == (rows,):
            whole[name] = np.ascontiguousarray(whole[name][order])
    if low:
        parts = {name: getattr(low, name) for name in ("bias", "lengths")}
        ordered = {n: part.reshape(-1)[order] for n, part in parts.items() if part is not None}
        products[weight] = replace(low, up=low.up[order], **ordered)
    return alphabet


def _settings_of(folder: Path) -> Mapping[str, Any]:
    """Return settings like those of a `config.json`, which say the row of the blank."""
    if (folder / MODEL_CONFIG).is_file():
        return read_json(folder / MODEL_CONFIG)
    tokenizer = read_json(folder / TOKENIZER) if (folder / TOKENIZER).is_file() else {}
    token = tokenizer.get("pad_token", "[PAD]")
    token = token.get("content") if isinstance(token, Mapping) else token
    vocabulary = read_json(folder / VOCABULARY)
    return {"pad_token_id": vocabulary.get(token) if isinstance(token, str) else None}


def _misfit(name: str, low: LowRank, tensors: Tensors) -> str | None:
    """Return why a low-rank update does not fit its weight, or None."""
    weight = tensors.get(name)
    if weight is None:
        return f"{name} is not there"
    if weight.shape[:1] != (len(low.up),) or low.down[0].size != prod(weight.shape[1:]):
        shapes = f"lora_A {list(low.down.shape)} and lora_B {list(low.up.shape)}"
        return f"{shapes} do not fit {name} {list(weight.shape)}"
    if low.bias is not None and _bias(name) not in tensors:
        return f"{name} has no bias to add lora_B's to"
    return None


def _merge(tensors: Tensors, name: str, low: LowRank) -> None:
    weight = add_low_rank(tensors[name], low.down, low.up, low.scale)
    if low.lengths is not None:  # DoRA: the sum gives only the direction of each row
        rows = weight.reshape(len(weight), -1)
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
        factors = low.lengths.reshape(-1) / np.maximum(lengths, np.finfo(np.float32).tiny)
        weight = (rows * factors[:, None]).astype(np.float32).reshape(weight.shape)
    tensors[name] = weight
    if low.bias is not None:
        added = tensors[_bias(name)] + low.scale * low.bias.reshape(-1)
        tensors[_bias(name)] = added.astype(np.float32)


def _bias(weight_name: str) -> str:
    return weight_name.removesuffix("weight") + "bias"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("adapter_model.*"))
