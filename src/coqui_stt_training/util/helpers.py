"""Upstream's helpers for scripts: file sizes, times, value ranges, and limited process pools."""

from __future__ import annotations

import heapq
import multiprocessing
import random
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, NamedTuple, Protocol, TypeVar

from stt.cores import available_cores

from ..errors import FlagError
from .upstream_names import find_upstream_name

KILO = 1024
KILOBYTE = KILO
MEGABYTE = KILO * KILOBYTE
GIGABYTE = KILO * MEGABYTE
TERABYTE = KILO * GIGABYTE
SIZE_PREFIX_LOOKUP = {"k": KILOBYTE, "m": MEGABYTE, "g": GIGABYTE, "t": TERABYTE}

_FILE_SIZE = re.compile(r"(\d{1,18})\s*([kmgt]?)b?", re.IGNORECASE)
_Item = TypeVar("_Item")


class _Sequenced(Protocol):
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


class ValueRange(NamedTuple):
    """A value that moves from `start` to `end` during training, with deviations up to `r`."""

    start: float
    end: float
    r: float


def parse_file_size(file_size: str | int) -> int:
    """Return a file size in bytes, given as `1MB`, `512k` or a number; empty text gives 0.

    Raises:
        FlagError: the size is malformed.
    """
    if isinstance(file_size, int):
        return file_size
    if not isinstance(file_size, str):
        raise FlagError(f"a file size is a text or a whole number, not {type(file_size).__name__}")
    text = file_size.strip()
    match = _FILE_SIZE.fullmatch(text)
    if match:
        return int(match[1]) * SIZE_PREFIX_LOOKUP.get(match[2].lower(), 1)
    if text:
        raise FlagError(f"{file_size!r} is no file size; write 1MB, 512KB or a number of bytes")
    return 0


def keep_only_digits(txt: str) -> str:
    """Return the digits of a text."""
    return "".join(filter(str.isdigit, txt))


def secs_to_hours(secs: float) -> str:
    """Return seconds as `hours:minutes:seconds`."""
    hours, rest = divmod(secs, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{int(hours)}:{int(minutes):02d}:{int(seconds):02d}"


def check_ctcdecoder_version() -> int:
    """Return 0: one package contains the decoder and training, so their versions are the same.

    Raises:
        InstallationError: another package has overwritten the decoder.
    """
    from stt.installation import check_own_files

    check_own_files("coqui_stt_ctcdecoder")
    return 0


class Interleaved:
    """A sorted view of several sorted collections, without copying them.

    Args:
        iterables: sorted collections with a length.
        key: function that returns the sort key of an item.
        reverse: whether the collections are in descending order.
    """

    def __init__(
        self,
        *iterables: _Sequenced,
        key: Callable[[Any], Any] = lambda item: item,
        reverse: bool = False,
    ) -> None:
        self.iterables = iterables
        self.key = key
        self.reverse = reverse

    def __iter__(self) -> Iterator[Any]:
        return heapq.merge(*self.iterables, key=self.key, reverse=self.reverse)

    def __len__(self) -> int:
        return sum(map(len, self.iterables))


class LenMap:
    """Like `map`, but with a length, and iterable more than once."""

    def __init__(self, fn: Callable[[Any], Any], iterable: Iterable[Any]) -> None:
        self._function = fn
        self._items = iterable

    def __iter__(self) -> Iterator[Any]:
        return map(self._function, self._items)

    def __len__(self) -> int:
        if not isinstance(self._items, Sized):
            raise TypeError(f"{type(self._items).__name__} has no length")
        return len(self._items)


class LimitingPool:
    """A pool of processes whose `imap` runs only a limited number of items ahead of its consumer.

    Args:
        processes: number of processes; None: one for each core.
        initializer: function to call in each process, with `initargs`.
        initargs: arguments of `initializer`.
        process_ahead: largest number of items in progress or waiting; None: the number of cores.
        sleeping_for: seconds between checks, while waiting, whether the pool was closed.
    """

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] | None = None,
        process_ahead: int | None = None,
        sleeping_for: float = 0.1,
    ) -> None:
        self.process_ahead = max(1, process_ahead or available_cores())
        self.sleeping_for = sleeping_for
        self._closed = threading.Event()
        self.pool = multiprocessing.Pool(processes, initializer, tuple(initargs or ()))

    def imap(self, fun: Callable[[Any], _Item], it: Iterable[Any]) -> Iterator[_Item]:
        """Yield `fun(item)` for each item, in order."""
        free = threading.Semaphore(self.process_ahead)

        def limited() -> Iterator[Any]:
            for item in it:
                while not free.acquire(timeout=self.sleeping_for):
                    if self._closed.is_set():
                        return
                yield item

        for result in self.pool.imap(fun, limited()):
            free.release()
            yield result

    def terminate(self) -> None:
        """End all processes."""
        self._closed.set()
        self.pool.terminate()

    def __enter__(self) -> LimitingPool:
        return self

    def __exit__(self, *error: object) -> None:
        self.terminate()


def get_value_range(value: Any, target_type: Callable[[Any], float]) -> ValueRange:
    """Return the value range that a flag or a script gives.

    Args:
        value: text such as `0.5`, `1:2` or `1:2~0.1` (start, end, radius), a number, or a tuple of
            start, end and optionally radius.
        target_type: `int` or `float`.

    Raises:
        FlagError: the value is none of these.
    """
    try:
        if isinstance(value, str):
            return _parse_range(value, target_type)
        if isinstance(value, tuple) and len(value) in (2, 3):
            start, end, *radius = map(target_type, value)
            return ValueRange(start, end, radius[0] if radius else 0)
        if isinstance(value, (int, float)):
            return ValueRange(target_type(value), target_type(value), 0)
    except (ValueError, OverflowError):
        pass
    raise FlagError(f"{value!r} is no value range; write a number, START:END or START:END~RADIUS")


def _parse_range(text: str, target_type: Callable[[Any], float]) -> ValueRange:
    bounds, *radius = text.split("~")
    start, *end = bounds.split(":")
    if len(radius) > 1 or len(end) > 1:
        raise ValueError(text)
    return ValueRange(
        target_type(start),
        target_type(end[0] if end else start),
        target_type(radius[0] if radius else 0),
    )


def int_range(value: Any) -> ValueRange:
    """Return a range of whole numbers; see `get_value_range`."""
    return get_value_range(value, int)


def float_range(value: Any) -> ValueRange:
    """Return a range of numbers; see `get_value_range`."""
    return get_value_range(value, float)


def pick_value_from_range(
    value_range: ValueRange, clock: float | None = None, chance: random.Random | None = None
) -> float:
    """Draw a value from a range; it is an integer if the start of the range is one.

    Args:
        value_range: range to draw from.
        clock: progress of training, 0 to 1; None: random.
        chance: source of randomness; None: the `random` module, as upstream.
    """
    uniform = (chance or random).uniform
    place = uniform(0, 1) if clock is None else max(0.0, min(1.0, float(clock)))
    value = value_range.start + place * (value_range.end - value_range.start)
    value = uniform(value - value_range.r, value + value_range.r)
    return round(value) if isinstance(value_range.start, int) else value


def __getattr__(name: str) -> Any:
    """Return another name of upstream's module."""
    return find_upstream_name(__name__, name)
