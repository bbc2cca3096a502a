"""Flags that a script adds by the fields of its own dataclass."""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from ..cli.command import ArgumentParser
from ..errors import FlagError


def read_own_flags(kind: type, argv: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Parse the flags of a dataclass, and return the rest of the command line.

    Args:
        kind: dataclass whose fields are `str`, `int`, `float`, `bool`, or lists of these, and may
            be optional.
        argv: words of the command line.

    Returns:
        The values of the flags that were given, and the remaining words.

    Raises:
        FlagError: a value does not have its field's type, or a field's type is not supported.
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        item, is_list = _item_type(hints[field.name])
        convert = _CONVERTERS.get(item)
        if convert is None:
            raise FlagError(f"{kind.__name__}.{field.name}: {item} is no type of a flag")
        parser.add_argument(
            f"--{field.name}",
            type=convert,
            nargs="*" if is_list else "?" if item is bool else None,
            const=True if item is bool else None,
            default=argparse.SUPPRESS,
        )
    known, rest = parser.parse_known_args(argv)
    return vars(known), rest


def _item_type(hint: Any) -> tuple[Any, bool]:
    """Return the type of a flag's values, and whether the flag takes several."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (hint,) = [part for part in typing.get_args(hint) if part is not type(None)][:1]
    if typing.get_origin(hint) in (list, tuple):
        return typing.get_args(hint)[0], True
    return hint, False


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError(text)
    return text.lower() in ("true", "1")


_CONVERTERS: dict[Any, Callable[[str], Any]] = {
    str: str, int: int, float: float, bool: _boolean,
}  # fmt: skip
