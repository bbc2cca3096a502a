"""Parameters as other programs write them down, read with suspicion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ForeignConfig:
    """Reads values of a `config.json`.

    Args:
        values: the file's content.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a positive whole number.

        Raises:
            ValueError: it is missing, or no such number.
        """
        value = self._values.get(name, default)
        if type(value) is not int or value <= 0:
            raise ValueError(f"{name} is {value!r}, and must be a positive whole number")
        return value

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Return a list of positive whole numbers.

        Raises:
            ValueError: it is missing, or no such list.
        """
        value = self._values.get(name, default)
        if (
            not isinstance(value, (list, tuple))
            or not value
            or any(type(one) is not int or one <= 0 for one in value)
        ):
            raise ValueError(f"{name} is {value!r}, and must be a list of positive whole numbers")
        return tuple(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false.

        Raises:
            ValueError: it is neither.
        """
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}, and must be true or false")
        return value

    def choice(self, name: str, known: tuple[str, ...], default: str | None = None) -> str:
        """Return one of a few words.

        Raises:
            ValueError: it is none of them.
        """
        value = self._values.get(name, default)
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"{name} is {value!r}; {', '.join(known)} can be read")
        return value

    def expect(self, name: str, wanted: Any) -> None:
        """See that a value, if it is there, is the only one that is built here.

        Raises:
            ValueError: it is another.
        """
        value = self._values.get(name, wanted)
        if value != wanted:
            raise ValueError(f"{name} is {value!r}; only {wanted!r} can be read")
