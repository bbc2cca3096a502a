"""Our checkpoint file: one safetensors file with the weights and their description.

    tensors   NAME             weights, by the names of the specification
              average/NAME     their running average, with which the model is used
              adam.m/NAME      Adam's first moments
              adam.v/NAME      Adam's second moments
    metadata  format           "coqui-stt-checkpoint"
              content          JSON: version, specification (with the name of the architecture),
                               alphabet, features (the front end), step, flags, lineage, run (for
                               resuming; null in converted models), base (of adapters)

An average that equals its weight is left out, and so are moments of weights that were never
updated; frozen layers have neither. If there is a `base`, its weights are left out too.

As weights and description are in one file, they cannot disagree, and one rename replaces both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from stt.atomic_file import replacing
from stt.counted import some_clauses
from stt.frontends import FrontEnd, describe_front_end, restore_front_end
from stt.plain_values import plain, restore

from ..errors import CheckpointError
from ..models.encoder import base_tensors
from ..models.specification import (
    Specification,
    describe_specification,
    is_statistic,
    restore_specification,
)
from .base import Base, merged, read_base
from .lineage import parse_lineage
from .source import AdamState, SourceModel, Tensors

FORMAT = "coqui-stt-checkpoint"
VERSION = 3
_WITHOUT_ADAPTERS = 2  # earlier releases read this version too
SUFFIX = ".safetensors"
_AVERAGE = "average/"
_FIRST_MOMENT = "adam.m/"
_SECOND_MOMENT = "adam.v/"
_OBJECT = Mapping[str, Any]
_LISTED = 12  # tensors in a message


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file.

    Attributes:
        specification: specification of the model.
        alphabet: alphabet of the output layer.
        features: front end that computes the model's input.
        tensors: all weights of the model, float32, including those of the base model.
        average: running average of the weights, if there is one; see `training/average.py`.
        step: number of training steps, including those of the source model.
        adam: optimizer state, for resuming.
        flags: flags of the training.
        lineage: origin of the weights, oldest first; see `lineage.py`.
        run: state of the run, for resuming; see `training/progress.py`.
        base: base model of adapters, whose weights the file leaves out.
    """

    specification: Specification
    alphabet: Alphabet
    features: FrontEnd
    tensors: Tensors
    step: int = 0
    average: Tensors | None = None
    adam: AdamState | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    lineage: tuple[Mapping[str, Any], ...] = ()
    run: Mapping[str, Any] | None = None
    base: Base | None = None


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint file atomically."""
    elsewhere = base_tensors(checkpoint.specification) if checkpoint.base else frozenset()
    tensors: dict[str, NDArray[np.float32]] = {
        name: tensor for name, tensor in checkpoint.tensors.items() if name not in elsewhere
    }
    tensors |= {
        _AVERAGE + name: tensor
        for name, tensor in (checkpoint.average or {}).items()
        if name not in elsewhere and not np.array_equal(tensor, checkpoint.tensors[name])
    }
    if checkpoint.adam:
        never_updated = _never_updated(checkpoint.adam.tensor_steps)
        for prefix, moments in (
            (_FIRST_MOMENT, checkpoint.adam.first_moments),
            (_SECOND_MOMENT, checkpoint.adam.second_moments),
        ):
            tensors |= {
                prefix + name: moment
                for name, moment in moments.items()
                if name not in never_updated
            }
    content = {
        "version": VERSION if base_tensors(checkpoint.specification) else _WITHOUT_ADAPTERS,
        "specification": describe_specification(checkpoint.specification),
        "alphabet": _describe_alphabet(checkpoint.alphabet),
        "features": describe_front_end(checkpoint.features),
        "step": checkpoint.step,
        "averaged": checkpoint.average is not None,
        "adam_step": checkpoint.adam.step if checkpoint.adam else None,
        "adam_tensor_steps": dict(checkpoint.adam.tensor_steps) if checkpoint.adam else {},
        "flags": dict(checkpoint.flags),
        "lineage": list(checkpoint.lineage),
        "run": checkpoint.run,
        **({"base": asdict(checkpoint.base)} if checkpoint.base else {}),
    }
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    metadata = {"format": FORMAT, "content": json.dumps(content, ensure_ascii=False)}
    with replacing(path) as partial:
        save_file(contiguous, partial, metadata)


def read_checkpoint(
    path: Path, with_adam: bool = True, *, with_base: bool = True, mapped: bool = False
) -> Checkpoint:
    """Read a checkpoint file.

    Args:
        path: the file.
        with_adam: whether to read the optimizer's state too.
        with_base: whether the file may have a base model, whose weights it leaves out.
        mapped: whether to map tensors into memory, so that several processes share them. This needs
            PyTorch, and the file must not change.

    Raises:
        CheckpointError: the file is missing, truncated, not one of ours, of a later version, or its
            tensors do not fit its description; or the base model is missing or another one.
    """
    content, tensors = _read(path, with_adam, mapped)
    described = _description(path, content)
    specification, adam = described.specification, described.adam
    weights = {name: tensor for name, tensor in tensors.items() if "/" not in name}
    if described.base:
        weights |= read_base(path, described.base, specification, with_base)
    average = _named(tensors, _AVERAGE)
    if content.get("averaged"):  # files without this key have all averages or none
        average = weights | average
    check_shapes(path, specification, weights)
    if average:
        check_shapes(path, specification, average, _AVERAGE)
    if adam:
        adam = _with_moments(path, specification, adam, tensors) if with_adam else None
    return replace(described, tensors=weights, average=average or None, adam=adam)


def _description(path: Path, content: Mapping[str, Any]) -> Checkpoint:
    """Return a checkpoint with all but its tensors."""
    try:
        version = plain(int, content["version"], "version")
        if version > VERSION:
            raise CheckpointError(
                f"{path}: written by a later release (checkpoint version {version}, "
                f"this one reads {VERSION}); install that release"
            )
        # Version 1 had only the DeepSpeech graph, and called its parameters geometry.
        described = content["geometry" if version == 1 else "specification"]
        adam_step = plain(int | None, content["adam_step"], "adam_step")
        tensor_steps = {
            name: plain(int, steps, "adam_tensor_steps")
            for name, steps in plain(_OBJECT, content["adam_tensor_steps"], "steps").items()
        }
        found = Checkpoint(
            specification=restore_specification(described),
            alphabet=_restore_alphabet(content["alphabet"]),
            features=restore_front_end(content["features"]),
            tensors={},
            step=plain(int, content["step"], "step"),
            adam=None if adam_step is None else AdamState({}, {}, adam_step, tensor_steps),
            flags=plain(_OBJECT, content["flags"], "flags"),
            lineage=parse_lineage(content["lineage"]),
            run=_checked_run(plain(_OBJECT | None, content["run"], "run")),
            base=restore(Base, content["base"]) if content.get("base") is not None else None,
        )
        found.specification.tensor_shapes()  # fails if adapters have nothing to adapt
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise CheckpointError(
            f"{path}: its description is malformed ({type(error).__name__}: {error}); use another "
            "checkpoint of the folder, or fetch this one again"
        ) from None
    if found.alphabet.size + 1 != found.specification.n_classes:
        raise CheckpointError(
            f"{path}: {found.alphabet.size} labels do not go with "
            f"{found.specification.n_classes} classes"
        )
    return found


def _with_moments(
    path: Path, specification: Specification, adam: AdamState, tensors: Tensors
) -> AdamState:
    """Return the optimizer's state with its moments; those that the file leaves out are zero."""
    never_updated = _never_updated(adam.tensor_steps)
    zeros = {
        name: np.zeros(shape, np.float32)
        for name, shape in specification.tensor_shapes().items()
        if name in never_updated
    }
    moments = []
    for prefix in (_FIRST_MOMENT, _SECOND_MOMENT):
        moments.append(zeros | _named(tensors, prefix))
        check_shapes(path, specification, moments[-1], prefix, statistics=False)
    return replace(adam, first_moments=moments[0], second_moments=moments[1])


def is_checkpoint(path: Path) -> bool:
    """Say whether a safetensors file is a checkpoint of ours, or too damaged to tell."""
    try:
        with safe_open(path, framework="np") as opened:
            return (opened.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError, ValueError):
        return True


def check_shapes(
    path: Path,
    specification: Specification,
    tensors: Tensors,
    prefix: str = "",
    *,
    statistics: bool = True,
) -> None:
    """Check that tensors are those of a specification.

    Args:
        path: the file, for messages.
        specification: specification of the model.
        tensors: tensors by the names of the specification.
        prefix: prefix of these names in the file.
        statistics: whether the tensors include running statistics.

    Raises:
        CheckpointError: tensors are missing, unexpected, or of another shape; the message names
            the first of them.
    """
    expected = {
        name: shape
        for name, shape in specification.tensor_shapes().items()
        if statistics or not is_statistic(name)
    }
    problems = [f"{prefix}{name} is missing" for name in expected if name not in tensors]
    problems += [
        f"{prefix}{name} is not part of the model" for name in tensors if name not in expected
    ]
    problems += [
        f"{prefix}{name} is {tensors[name].dtype} {list(tensors[name].shape)} "
        f"instead of float32 {list(shape)}"
        for name, shape in expected.items()
        if name in tensors and (tensors[name].shape != shape or tensors[name].dtype != np.float32)
    ]
    if problems:
        raise CheckpointError(f"{path}: {some_clauses(problems, _LISTED)}")


def as_source(path: Path, checkpoint: Checkpoint) -> SourceModel:
    """Return a checkpoint as a source model: with averaged weights, if it has any.

    LoRA is merged into the weights; bottleneck adapters stay.
    """
    run = checkpoint.run or {}
    source = SourceModel(
        format="coqui-stt",
        path=path,
        specification=checkpoint.specification,
        tensors=checkpoint.average or checkpoint.tensors,
        alphabet=checkpoint.alphabet,
        features=checkpoint.features,
        adam=checkpoint.adam,
        learning_rate=run.get("learning_rate"),
        step=checkpoint.step,
        details={
            "lineage": list(checkpoint.lineage),
            "flags": dict(checkpoint.flags),
            **_validated(path, run),
        },
    )
    return merged(source, checkpoint.base)


def _validated(path: Path, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return loss and CER on the dev files, which are known for best checkpoints only."""
    loss, cer = run.get("best_loss"), run.get("best_cer")
    if not path.name.startswith("best_dev") or loss is None or cer is None:
        return {}
    return {"validated": {"loss": loss, "cer": cer}}


def _read(
    path: Path, with_adam: bool, mapped: bool
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    framework = "pt" if mapped and os.name == "posix" else "np"  # Windows locks mapped files
    try:
        with safe_open(path, framework=framework) as opened:
            metadata = opened.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path}: a safetensors file, but not a Coqui STT checkpoint; if it is of a "
                    "model of Hugging Face, copy the config.json of that beside it"
                )
            content = json.loads(metadata["content"])
            tensors = {
                name: np.asarray(opened.get_tensor(name))
                for name in opened.keys()  # noqa: SIM118 - it is not a mapping
                if with_adam or not name.startswith("adam.")
            }
    except CheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint file") from None
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: cannot be read as a checkpoint, it is truncated or damaged ({error}); "
            "use another checkpoint of the folder: name its file with --load_checkpoint_dir"
        ) from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: its description is malformed")
    return content, tensors


def _never_updated(tensor_steps: Mapping[str, int]) -> set[str]:
    return {name for name, steps in tensor_steps.items() if steps == 0}


def _named(tensors: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


_RUN = {
    **{"identity": _OBJECT, "begun_step": int, "learning_rate": float, "epoch": int},
    **{"best_checkpoint": str | None, "finished": str},
    **{"best_loss": float | None, "best_cer": float | None},
}


def _checked_run(run: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Check the values of a run that are used here; `Progress.from_json` checks the others."""
    for name in _RUN.keys() & (run or {}).keys():
        plain(_RUN[name], (run or {})[name], name)
    return run


def _describe_alphabet(alphabet: Alphabet) -> dict[str, Any]:
    if alphabet.is_bytes:
        return {"kind": "bytes"}
    return {"kind": "labels", "labels": list(alphabet.labels)}


def _restore_alphabet(description: Mapping[str, Any]) -> Alphabet:
    if description["kind"] == "bytes":
        return UTF8Alphabet()
    labels = plain(Sequence[Any], description["labels"], "labels")
    alphabet = Alphabet.from_labels([plain(str, label, "label") for label in labels])
    alphabet.serialize()  # refuses labels that cannot be exported, or are not text
    return alphabet
