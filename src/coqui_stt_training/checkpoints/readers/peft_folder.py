"""Adapters of Hugging Face's peft: `adapter_config.json` and `adapter_model.safetensors`.

LoRA (https://arxiv.org/abs/2106.09685), rank-stabilised LoRA, and DoRA
(https://arxiv.org/abs/2402.09353) are read. Besides the two matrices for each adapted weight, a
folder may hold whole tensors that replace those of the model: biases, and modules that were
trained in full.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from stt.atomic_file import replacing

from ...errors import CheckpointError
from ...models.foreign import ForeignConfig
from .json_file import read_json, write_json
from .lfs_pointer import refuse_pointers
from .tensor_file import read_tensors, tensor_names

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
_WEIGHT_FILES = (WEIGHTS, "adapter_model.bin")
# Settings of peft that change the model in ways that are not supported; null or false if unused.
_UNBUILT = (
    "alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication",
    "megatron_config", "monteclora_config", "target_parameters", "trainable_token_indices",
    "use_bdlora", "use_qalora",
)  # fmt: skip
# Supported initialisations, besides true, false and null: others also change the model's weights.
_BEGINNINGS = ("gaussian", "eva", "orthogonal")
_LORA = re.compile(r"(.+)\.lora_(A|B|magnitude_vector)(?:\.(weight|bias))?")
_KINDS = {
    ("A", "weight"): "down",
    ("B", "weight"): "up",
    ("B", "bias"): "bias",
    ("magnitude_vector", None): "lengths",
    ("magnitude_vector", "weight"): "lengths",
}
_LITERAL = re.compile(r"\^?(?:\w|-|\.|\\\.)+")

Array = NDArray[np.float32]


@dataclass(frozen=True)
class LowRank:
    """The low-rank update of one weight W: W + scale B A.

    Attributes:
        down: the matrix A, `[rank, inputs, ...]`.
        up: the matrix B, `[outputs, rank, ...]`.
        scale: factor of B A.
        bias: bias of B, `[outputs]`, or None.
        lengths: norm of each row of the sum (DoRA), `[outputs]` values; None: rows keep their norm.
    """

    down: Array
    up: Array
    scale: float
    bias: Array | None = None
    lengths: Array | None = None


@dataclass(frozen=True)
class PeftAdapter:
    """The content of a folder of peft.

    Attributes:
        base: the model that the adapter is for: a path, or a name on the hub, or empty if unknown.
        revision: revision of that model on the hub, or None.
        products: low-rank updates, by the name of the module in the model.
        whole: tensors that replace those of the model, by the name of the tensor in the model.
    """

    base: str
    revision: str | None
    products: Mapping[str, LowRank] = field(default_factory=dict)
    whole: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class _Settings:
    rank: int
    alpha: float
    ranks: Mapping[str, float]
    alphas: Mapping[str, float]
    is_stabilised: bool

    def rank_of(self, module: str) -> float:
        return _of_pattern(self.ranks, module, self.rank)

    def scale_of(self, module: str, rank: int) -> float:
        alpha = _of_pattern(self.alphas, module, self.alpha)
        return alpha / (math.sqrt(rank) if self.is_stabilised else rank)


def is_peft(folder: Path) -> bool:
    """Say whether a folder holds an adapter of peft."""
    return (folder / CONFIG).is_file() and any((folder / name).is_file() for name in _WEIGHT_FILES)


def is_weights(file: Path) -> bool:
    """Say whether a file holds the tensors of an adapter, with its settings in the same folder."""
    return file.name in _WEIGHT_FILES and (file.parent / CONFIG).is_file()


def base_of(folder: Path) -> tuple[str, str | None]:
    """Return the name of the model that an adapter is for, and its revision.

    Raises:
        CheckpointError: the settings are missing or damaged.
    """
    config = read_json(folder / CONFIG)
    named, revision = config.get("base_model_name_or_path"), config.get("revision")
    return (
        named if isinstance(named, str) else "",
        revision if isinstance(revision, str) and revision else None,
    )


def write_peft(folder: Path, adapter: PeftAdapter, rank: int, alpha: float) -> None:
    """Write an adapter for peft. The settings are written last: with them, the folder is complete.

    Args:
        folder: the folder; it is made if it is missing.
        adapter: low-rank updates of one rank, and whole tensors of new modules.
        rank: the rank.
        alpha: the scale of the updates, times the rank.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"{PREFIX}{name}": np.ascontiguousarray(one) for name, one in adapter.whole.items()}
    saved = sorted({name.rpartition(".")[0] for name in adapter.whole})
    for module, low in adapter.products.items():
        tensors[f"{PREFIX}{module}.lora_A.weight"] = np.ascontiguousarray(low.down)
        tensors[f"{PREFIX}{module}.lora_B.weight"] = np.ascontiguousarray(low.up)
    with replacing(folder / WEIGHTS) as partial:
        save_file(tensors, partial, {"format": "pt"})
    settings = {
        "peft_type": "LORA", "task_type": None, "inference_mode": True,
        "base_model_name_or_path": adapter.base, "revision": adapter.revision,
        "r": rank, "lora_alpha": alpha, "lora_dropout": 0.0, "use_rslora": False,
        "target_modules": sorted(adapter.products), "modules_to_save": saved or None,
        "bias": "none", "fan_in_fan_out": False, "init_lora_weights": True,
    }  # fmt: skip
    write_json(folder / CONFIG, settings)


def read_peft(folder: Path) -> PeftAdapter:
    """Read an adapter.

    Raises:
        CheckpointError: the adapter is missing, damaged, or of another kind, or its tensors do not
            fit each other; the message lists the problems.
    """
    try:
        settings = _settings(folder)
    except ValueError as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}") from None
    file = next(folder / name for name in _WEIGHT_FILES if (folder / name).is_file())
    refuse_pointers([file])
    stored = read_tensors(file, tensor_names(file))
    parts: dict[str, dict[str, Array]] = {}
    whole, problems = {}, []
    for name, tensor in stored.items():
        bare = name.removeprefix(PREFIX)
        match = _LORA.fullmatch(bare)
        if match and (kind := _KINDS.get((match[2], match[3]))):
            parts.setdefault(match[1], {})[kind] = tensor
        elif "lora_" in bare or bare == name:
            problems.append(f"{name} is unknown")
        else:
            whole[bare.replace(".base_layer.", ".")] = tensor
    problems += [what for module in parts for what in _problems(module, parts[module], settings)]
    if problems:
        raise CheckpointError(f"{file}: not a whole LoRA of peft: {'; '.join(problems[:12])}")
    products = {
        module: LowRank(scale=settings.scale_of(module, len(part["down"])), **part)
        for module, part in parts.items()
    }
    return PeftAdapter(*base_of(folder), products, whole)


def _settings(folder: Path) -> _Settings:
    config = read_json(folder / CONFIG)
    with ForeignConfig(config) as values:
        values.choice("peft_type", ("LORA",))
        values.choice("bias", ("none", "all", "lora_only"), "none")
        for name in _UNBUILT:
            values.refuse(name)
        if not isinstance(config.get("init_lora_weights"), (bool, type(None))):
            values.choice("init_lora_weights", _BEGINNINGS)
        for name in ("fan_in_fan_out", "use_dora", "lora_bias"):  # the tensors show these
            values.flag(name, False)
        return _Settings(
            rank=values.integer("r", 8),
            alpha=values.number("lora_alpha", 8),
            ranks=_literal(values.numbers("rank_pattern")),
            alphas=_literal(values.numbers("alpha_pattern")),
            is_stabilised=values.flag("use_rslora", False),
        )


def _literal(patterns: Mapping[str, float]) -> Mapping[str, float]:
    """Return patterns that are plain names; matching a hostile regular expression may never end."""
    foreign = [pattern for pattern in patterns if not _LITERAL.fullmatch(pattern)]
    if foreign:
        raise ValueError(f"patterns of modules that are no plain names: {', '.join(foreign[:6])}")
    return {pattern.replace("\\.", "."): value for pattern, value in patterns.items()}


def _of_pattern(patterns: Mapping[str, float], module: str, default: float) -> float:
    """Return the value of the first pattern that a module's name ends with."""
    for pattern, value in patterns.items():
        anchored = pattern.startswith("^")
        name = pattern.removeprefix("^")
        if module == name or (not anchored and module.endswith(f".{name}")):
            return value
    return default


def _problems(module: str, part: Mapping[str, Any], settings: _Settings) -> Iterator[str]:
    """Yield the problems of the low-rank update of one module."""
    missing = [name for name in ("down", "up") if name not in part]
    if missing:
        letters = " and ".join(f"lora_{'A' if name == 'down' else 'B'}" for name in missing)
        yield f"{module} has no {letters}"
        return
    down, up = part["down"], part["up"]
    shapes = f"lora_A {list(down.shape)} and lora_B {list(up.shape)}"
    if down.ndim < 2 or up.ndim < 2 or up.size != len(up) * len(down) or not down.size:
        yield f"{module}: {shapes} do not go together"
    elif len(down) != settings.rank_of(module):
        yield f"{module}: {shapes} are not of rank {settings.rank_of(module):g}, as {CONFIG} says"
    for name in ("bias", "lengths"):
        if name in part and part[name].size != len(up):
            yield f"{module}: {part[name].size} values of {name} for {len(up)} rows of lora_B"
