"""A flag: its declaration as a field of a dataclass, and the conversion of its values."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# Seeds and counts end in 64-bit integers, some after a multiplication.
_LARGEST_INTEGER = 2**40


@dataclass(frozen=True)
class FlagSpec:
    """The properties of a flag besides its name, type and default; see `flag`."""

    help: str
    choices: tuple[str, ...] = ()
    check: Callable[[Any], str | None] | None = None
    replacement: str | None = None
    aliases: tuple[str, ...] = ()
    repeatable: bool = False


def flag(
    default: Any,
    help: str,  # noqa: A002 - what argparse calls it
    *,
    choices: Sequence[str] = (),
    check: Callable[[Any], str | None] | None = None,
    replacement: str | None = None,
    aliases: Sequence[str] = (),
    repeatable: bool = False,
) -> Any:
    """Declare a flag as a dataclass field.

    Args:
        default: value if the flag is not given.
        help: one sentence for `--help`.
        choices: allowed values; none: all.
        check: function that returns the problem with a value, or None.
        replacement: for a flag that only TensorFlow needed: notice about what replaces it.
        aliases: further names, from older releases.
        repeatable: whether a repeated flag extends the list; if not, the last one counts.
    """
    spec = FlagSpec(help, tuple(choices), check, replacement, tuple(aliases), repeatable)
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: tuple(default), metadata={"flag": spec})
    return dataclasses.field(default=default, metadata={"flag": spec})


def positive(value: float) -> str | None:
    """Check that a value is greater than zero."""
    return None if value > 0 else "must be greater than 0"


def not_negative(value: float) -> str | None:
    """Check that a value is zero or more."""
    return None if value >= 0 else "must be 0 or more"


def probability(value: float) -> str | None:
    """Check that a value is in [0, 1)."""
    return None if 0 <= value < 1 else "must be at least 0 and less than 1"


def share(value: float) -> str | None:
    """Check that a value is in (0, 1]."""
    return None if 0 < value <= 1 else "must be greater than 0 and at most 1"


def writable_place(value: str) -> str | None:
    """Check that a value is not a model on the hub, which cannot be written to."""
    if not value.startswith("hf:"):
        return None
    return "must be a folder; start from a model of the hub with --load_checkpoint_dir"


def at_most(most: int, least: int = 1) -> Callable[[int], str | None]:
    """Return a check that a value is from `least` to `most`."""
    return lambda value: None if least <= value <= most else f"must be from {least} to {most}"


def at_least(least: int) -> Callable[[int], str | None]:
    """Return a check that a value is `least` or more."""
    return lambda value: None if value >= least else f"must be {least} or more"


@dataclass(frozen=True)
class Flag:
    """A flag, read from the field of a dataclass."""

    name: str
    kind: Any
    default: Any
    spec: FlagSpec

    @property
    def is_list(self) -> bool:
        """Whether it takes several values."""
        return typing.get_origin(self.kind) is tuple

    @property
    def metavar(self) -> str:
        """The placeholder of the value in `--help`."""
        if self.spec.choices:
            return "{" + ",".join(self.spec.choices) + "}"
        if self.is_list:
            return "VALUE ..."
        return {bool: "true|false", int: "N", float: "X", str: "TEXT"}[self.kind]

    def convert(self, value: Any) -> Any:
        """Return the typed value of command-line strings or YAML values, or raise ValueError."""
        if self.is_list:
            items = value if isinstance(value, (list, tuple)) else [value] if value else []
            return tuple(str(item) for item in items if item != "")  # scripts' --flag "$UNSET"
        if isinstance(value, (list, tuple)):
            if not value and (self.kind is bool or "true" in self.spec.choices):
                return self.convert("true")
            if len(value) != 1:
                raise ValueError(f"takes one value, not {len(value) or 'none'}")
            value = value[0]
        converted = self._convert_one(value)
        if self.spec.choices and converted not in self.spec.choices:
            raise ValueError("must be one of " + ", ".join(self.spec.choices))
        problem = self.spec.check(converted) if self.spec.check else None
        if problem:
            raise ValueError(problem)
        return converted

    def _convert_one(self, value: Any) -> Any:
        if self.kind is bool:
            text = str(value).lower()
            if text in ("true", "1", "yes", "on"):
                return True
            if text in ("false", "0", "no", "off"):
                return False
            raise ValueError("must be true or false")
        if self.kind in (int, float):
            noun = "a whole number" if self.kind is int else "a number"
            try:
                number = self.kind(value)
            except (TypeError, ValueError, OverflowError):
                raise ValueError(f"must be {noun}") from None
            if self.kind is int and isinstance(value, float) and number != value:
                raise ValueError("must be a whole number")
            if not math.isfinite(number):
                raise ValueError("must be finite")
            if self.kind is int and abs(number) > _LARGEST_INTEGER:
                raise ValueError("is too large")
            return number
        if "true" in self.spec.choices:  # YAML reads true as True
            return str(value).lower()
        return "" if value is None else str(value)
