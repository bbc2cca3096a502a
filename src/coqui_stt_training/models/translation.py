"""From the names and shapes that others give the tensors of an encoder to ours.

Each architecture's folder knows the others' conventions, in a module of the shape of `Convention`.
What is theirs is input like any other: a configuration is read value by value, and what is wrong
with it, or with the tensors, is reported all at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError
from .encoder import OUTPUT, EncoderSpecification

Array = NDArray[np.float32]
Spec = TypeVar("Spec", bound=EncoderSpecification)
Known = TypeVar("Known", bound=EncoderSpecification, contravariant=True)

_LISTED = 12
_LARGEST = 1 << 16


class Convention(Protocol[Known]):
    """How others name the tensors of an architecture; a module, `whisper.names` for example."""

    def our_name(self, name: str, specification: Known) -> str | None:
        """Return our name of a tensor, or None: it is none of the model's."""
        ...

    def is_surplus(self, name: str) -> bool:
        """Say whether a tensor without a name of ours may be left out: what only others need."""
        ...

    def convert(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Return tensors as ours are, still under the others' names.

        Raises:
            CheckpointError: they do not fit each other.
        """
        ...


@dataclass(frozen=True)
class Translation(Generic[Spec]):
    """A model in our names.

    Attributes:
        specification: with as many classes as the output layer has, where there is one.
        tensors: float32, complete but for the output layer, which only some sources have.
        ignored: how many tensors were left out that only others need.
    """

    specification: Spec
    tensors: dict[str, Array]
    ignored: int


def translate(
    tensors: Mapping[str, Array], specification: Spec, convention: Convention[Spec]
) -> Translation[Spec]:
    """Bring the tensors of a foreign model into our names and shapes.

    Args:
        tensors: float32, under the others' names.
        specification: what the others' configuration describes, with a linear head.
        convention: of these names.

    Raises:
        CheckpointError: all tensors that are unknown, missing, twice there, or of another shape.
    """
    ours: dict[str, Array] = {}
    problems: list[str] = []
    ignored = 0
    for theirs, tensor in convention.convert(tensors).items():
        name = convention.our_name(theirs, specification)
        if name is None and convention.is_surplus(theirs):
            ignored += 1
        elif name is None:
            problems.append(f"{theirs} is not known")
        elif name in ours:
            problems.append(f"{theirs} is there twice, under different names")
        else:
            ours[name] = tensor
    head = ours.get(f"{OUTPUT}.weight")
    if head is not None and head.ndim == 2 and head.shape[0] > 0:
        specification = specification.with_classes(head.shape[0])
    problems += _misfits(ours, specification)
    if problems:
        raise CheckpointError(_summary(problems))
    return Translation(specification, ours, ignored)


def _misfits(ours: Mapping[str, Array], specification: EncoderSpecification) -> list[str]:
    problems = []
    expected = specification.tensor_shapes()
    has_head = any(name.startswith(f"{OUTPUT}.") for name in ours)
    for name, shape in expected.items():
        if name not in ours:
            if has_head or not name.startswith(f"{OUTPUT}."):
                problems.append(f"{name} is missing")
        elif ours[name].shape != shape:
            problems.append(f"{name} is {list(ours[name].shape)} instead of {list(shape)}")
    problems += [f"{name} is not part of the model" for name in ours if name not in expected]
    return problems


def _summary(problems: Sequence[str]) -> str:
    shown = "; ".join(problems[:_LISTED])
    more = len(problems) - _LISTED
    return shown + (f"; and {more} more" if more > 0 else "")


class Configuration:
    """A configuration of others, read value by value; problems are collected until `check`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.problems: list[str] = []

    def integer(self, key: str, default: int) -> int:
        """Return a positive number; what the value is by default where it is absent."""
        value = self.values.get(key, default)
        if type(value) is int and 0 < value <= _LARGEST:
            return value
        self.problems.append(f"{key} is {_short(value)}; a number from 1 to {_LARGEST} is expected")
        return default

    def boolean(self, key: str, default: bool) -> bool:
        """Return a truth value."""
        value = self.values.get(key, default)
        if isinstance(value, bool):
            return value
        self.problems.append(f"{key} is {_short(value)}; true or false is expected")
        return default

    def integers(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """Return some positive numbers."""
        value = self.values.get(key, default)
        if isinstance(value, (list, tuple)) and all(
            type(item) is int and 0 < item <= _LARGEST for item in value
        ):
            return tuple(value)
        self.problems.append(f"{key} is {_short(value)}; a list of positive numbers is expected")
        return default

    def choice(self, key: str, default: Any, *supported: Any) -> Any:
        """Return one of the values that are supported."""
        value = self.values.get(key, default)
        if any(
            value == item and isinstance(value, bool) == isinstance(item, bool)
            for item in supported
        ):
            return value
        expected = " or ".join(str(item) for item in supported)
        self.problems.append(f"{key} {_short(value)} is not supported, only {expected}")
        return supported[0]

    def check(self) -> None:
        """Report what is wrong.

        Raises:
            CheckpointError: anything is.
        """
        if self.problems:
            raise CheckpointError(f"its configuration does not fit: {_summary(self.problems)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
