"""What was found of each clip, kept line by line, so that an interrupted check goes on.

Each line is a JSON list: the key, then values. A line that is cut off or broken is measured again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ..errors import CorpusError

_LONGEST_LINE = 1 << 24  # what is said in a day and more


class ResultsFile:
    """Results by key, in memory and in a file that only grows. Not for two threads at once.

    Args:
        path: the file; None keeps nothing.
        kind: of what is kept, with a version; a file of another kind is begun anew.

    Raises:
        CorpusError: the file cannot be written.
    """

    def __init__(self, path: Path | None, kind: str) -> None:
        self._known: dict[str, list[Any]] = {}
        self._path = path
        self._file: IO[str] | None = None
        if path is None:
            return
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            is_ours = self._read(path, kind)
            self._file = path.open("a" if is_ours else "w", encoding="utf-8")
            self._file.write("\n" if is_ours else json.dumps([kind]) + "\n")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CorpusError(
                f"{self._path}: cannot be written ({error.strerror or error})"
            ) from None

    def _read(self, path: Path, kind: str) -> bool:
        """Take up what a file holds; say whether it is of this kind."""
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                if _parse(file.readline(_LONGEST_LINE)) != [kind]:
                    return False
                while line := file.readline(_LONGEST_LINE):
                    entry = _parse(line)
                    if entry and isinstance(entry[0], str):
                        self._known[entry[0]] = entry[1:]
        except FileNotFoundError:
            return False
        return True

    def get(self, key: str) -> list[Any] | None:
        """Return what is known, as it was added; values of a damaged file may be of any type."""
        return self._known.get(key)

    def add(self, key: str, values: Sequence[Any]) -> None:
        """Keep a result.

        Raises:
            CorpusError: the disk is full.
        """
        if self._file is None:
            return
        with self._writing():
            self._file.write(json.dumps([key, *values]) + "\n")

    def flush(self) -> None:
        """See that what was added outlasts this process.

        Raises:
            CorpusError: the disk is full.
        """
        if self._file is not None:
            with self._writing():
                self._file.flush()

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._file is not None:
            with self._writing() if error is None else suppress(OSError):
                self._file.close()


def _parse(line: str) -> list[Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return entry if isinstance(entry, list) else []


def state_key(path: Path) -> str:
    """Return what tells a model, a file or a folder, from others, and from its own later state."""
    files = sorted(path.glob("*")) if path.is_dir() else [path]
    states = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    described = json.dumps([str(path.absolute()), *states])
    return hashlib.sha256(described.encode(errors="surrogatepass")).hexdigest()[:16]
