"""Creates dataclasses from JSON values of files, and checks the type of each value."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

Made = TypeVar("Made")

_LARGEST_INTEGER = 1 << 53  # larger integers are not exact in JSON


def restore(kind: type[Made], values: Any, largest_integer: int = _LARGEST_INTEGER) -> Made:
    """Return a dataclass with JSON values.

    Args:
        kind: the dataclass. Its fields are numbers, booleans, text, tuples, sequences and mappings.
        values: field name -> value. Missing fields have their defaults.
        largest_integer: highest allowed absolute value of an integer.

    Raises:
        TypeError: a name is unknown or missing, or a value has another type.
        ValueError: a number is too large or not finite, or the class refuses a value.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"{type(values).__name__} where its values by name belong")
    hints = typing.get_type_hints(kind)
    names = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    unknown = [name for name in values if name not in names]
    if unknown:
        raise TypeError(f"it has no {unknown[0]!r}")
    return kind(
        **{name: plain(hints[name], value, name, largest_integer) for name, value in values.items()}
    )


def plain(kind: Any, value: Any, name: str, largest_integer: int = _LARGEST_INTEGER) -> Any:
    """Return a JSON value as the type `kind`; see `restore`.

    Raises:
        TypeError: the value has another type.
        ValueError: the number is too large or not finite.
    """
    if kind is Any:
        return value
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        none, others = type(None), typing.get_args(kind)
        if value is None and none in others:
            return None
        (kind,) = (other for other in others if other is not none)
    origin = typing.get_origin(kind) or kind
    if origin is tuple and isinstance(value, (list, tuple)):
        item = typing.get_args(kind)[0]
        return tuple(plain(item, each, name, largest_integer) for each in value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {
        bool: isinstance(value, bool),
        float: is_number,
        int: is_number and isinstance(value, int),
        str: isinstance(value, str),
        Mapping: isinstance(value, Mapping),
        Sequence: isinstance(value, (list, tuple)),
    }.get(origin, False)
    if not fits:
        raise TypeError(f"{name} is {str(value)[:80]!r}")
    if is_number and not _is_moderate(value, largest_integer):
        raise ValueError(f"{name} is {str(value)[:80]}, which it cannot be")
    return value


def _is_moderate(value: int | float, largest_integer: int) -> bool:
    return abs(value) <= largest_integer if isinstance(value, int) else math.isfinite(value)
