"""Reads the configuration files of other programs, and checks every value."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

_Item = TypeVar("_Item")

_SHOWN = 80  # characters of a value
# Values of a few lines of YAML or pickle can refer to each other so often that their `repr` would
# fill the memory.
_SHORTENED = reprlib.Repr()
_SHORTENED.maxlevel = 3
_SHORTENED.maxlist = _SHORTENED.maxtuple = _SHORTENED.maxdict = 12
_SHORTENED.maxstring = _SHORTENED.maxlong = _SHORTENED.maxother = _SHOWN
_LARGEST_NUMBER = 1e9


class ForeignConfig:
    """Reads values of a `config.json`, and reports all invalid values in one error.

        with ForeignConfig(config) as values:
            return Encoder(width=values.integer("hidden_size"), blocks=values.integer("layers"))

    An invalid value is noted, and a valid one is returned instead. At the end of the block, all
    noted problems are raised as one error, instead of any error that followed from them.

    Args:
        values: content of the file.

    Raises:
        ValueError: at the end of the block: values are missing or invalid; the message names them.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._path = ""
        self._problems: dict[str, str] = {}

    def __enter__(self) -> ForeignConfig:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._problems and (error is None or isinstance(error, ValueError)):
            raise ValueError("; ".join(self._problems.values())) from None

    def part(self, name: str) -> ForeignConfig:
        """Return the values of a nested object; without any values if it is not an object."""
        values = self._values.get(name)
        if not isinstance(values, Mapping):
            self._note(name, f"is {_shown(values)}, and must describe that part of the model")
        part = ForeignConfig(values if isinstance(values, Mapping) else {})
        part._path, part._problems = f"{self._path}{name}.", self._problems
        return part

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a positive integer."""
        value = self._values.get(name, default)
        if type(value) is int and value > 0:
            return value
        self._note(name, f"is {_shown(value)}, and must be a positive whole number")
        return 1

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Return a list of positive integers."""
        value = self._values.get(name, default)
        if (
            isinstance(value, (list, tuple))
            and value
            and all(type(one) is int and one > 0 for one in value)
        ):
            return tuple(value)
        self._note(name, f"is {_shown(value)}, and must be a list of positive whole numbers")
        return (1,)

    def number(self, name: str, default: float | None = None) -> float:
        """Return a positive number."""
        value = self._values.get(name, default)
        if type(value) in (int, float) and 0 < value < _LARGEST_NUMBER:
            return float(value)
        self._note(name, f"is {_shown(value)}, and must be a positive number")
        return 1.0

    def numbers(self, name: str) -> dict[str, float]:
        """Return an object of positive numbers; an empty one if it is missing or null."""
        part = self.part(name) if self._values.get(name) is not None else ForeignConfig({})
        return {one: part.number(one) for one in part._values if isinstance(one, str)}

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._values.get(name, default)
        if isinstance(value, bool):
            return value
        self._note(name, f"is {_shown(value)}, and must be true or false")
        return default

    def choice(self, name: str, known: tuple[str, ...], default: str | None = None) -> str:
        """Return one of the known texts."""
        value = self._values.get(name, default)
        if isinstance(value, str) and value in known:
            return value
        self._note(name, f"is {_shown(value)}; {', '.join(known)} can be read")
        return known[0]

    def expect(self, name: str, wanted: Any, *, given: tuple[str, ...] = ()) -> None:
        """Check that a value, if it exists, is the only supported one.

        Args:
            name: name of the value.
            wanted: the only supported value.
            given: names of the values from which `wanted` was computed. If one of them is invalid,
                the check is skipped.
        """
        value = self._values.get(name, wanted)
        if value != wanted and not any(self._path + one in self._problems for one in given):
            self._note(name, f"is {_shown(value)}; only {wanted!r} can be read")

    def parsed(self, name: str, parse: Callable[[str], list[_Item]], what: str) -> list[_Item]:
        """Return the list that a text describes.

        Args:
            name: name of the text.
            parse: parses the text; returns an empty list if it is invalid.
            what: description of a valid text, for the message.
        """
        value = self._values.get(name)
        found = parse(value) if isinstance(value, str) else []
        if not found:
            self._note(name, f"is {_shown(value)}, and must be {what}")
        return found

    def refuse(self, name: str) -> None:
        """Check that a value is missing, null, false or empty, as its feature is not supported."""
        if value := self._values.get(name):
            self._note(name, f"is {_shown(value)}, which is not built here")

    def _note(self, name: str, what: str) -> None:
        self._problems[self._path + name] = f"{self._path}{name} {what}"


def without_prefix(name: str, prefixes: Iterable[str]) -> Iterator[str]:
    """Yield the name of a tensor without each of the prefixes that it begins with."""
    return (name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix))


def _shown(value: Any) -> str:
    text = _SHORTENED.repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
