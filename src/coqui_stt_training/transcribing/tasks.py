"""The recordings to transcribe, and the places of their logs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from coqui_stt_ctcdecoder.regular_file import read_regular
from stt.audio.folder import SUFFIXES, audio_files

from ..corpus.stores import Stores
from ..errors import FlagError
from .place import Place, inside, place_of, with_suffix


@dataclass(frozen=True)
class Task:
    """A recording, and the place of its log."""

    src: Place
    dst: Place


def find_tasks(src: str, dst: str = "", *, recursive: bool = False) -> list[Task]:
    """Return the tasks that `--src` and `--dst` ask for.

    Args:
        src: an audio file, a folder of audio files, or a catalog; the first two may be URLs.
        dst: a log, or a folder for logs, or the URL of either; empty: beside the recordings.
        recursive: whether to include subfolders.

    Raises:
        FlagError: `src` is missing or has no audio, or `src` and `dst` exclude each other.
        CorpusError: a URL cannot be read.
    """
    source = place_of(src)
    if dst.startswith("http") or (not dst and src.startswith("http")):
        raise FlagError(f"--dst {dst or '(not given)'}: logs cannot be written to {src or dst}")
    if isinstance(source, str):
        return _tasks_at_url(source, place_of(dst) if dst else None, recursive)
    if not src or not source.exists():
        raise FlagError(
            f"--src {src or '(not given)'}: give an audio file, a folder or a catalog"
            + (" that exists" if src else "")
        )
    if source.is_dir():
        files = [file.relative_to(source) for file in audio_files(source, recursive)]
        return _tasks_of_folder(source, place_of(dst) if dst else source, files, recursive)
    if source.suffix == ".catalog":
        if dst:
            raise FlagError("--dst: a catalog names the logs itself; leave --dst out")
        return _tasks_of_catalog(source)
    return [_task_of_file(source, place_of(dst) if dst else None)]


def _tasks_at_url(src: str, dst: Place | None, recursive: bool) -> list[Task]:
    try:
        names = Stores().files(src, recursive=recursive)
    except FileNotFoundError:
        raise FlagError(f"--src {src}: no such file or folder") from None
    if names is None:
        return [_task_of_file(src, dst)]
    files = [PurePosixPath(name) for name in names]
    files = [file for file in files if file.suffix.lower() in SUFFIXES]
    return _tasks_of_folder(src, dst or src, files, recursive)


def _task_of_file(src: Place, dst: Place | None) -> Task:
    log = dst or with_suffix(src, ".tlog")
    is_folder = log.is_dir() if isinstance(log, Path) else log.endswith("/")
    return Task(src, inside(log, PurePosixPath(f"{PurePath(src).stem}.tlog")) if is_folder else log)


def _tasks_of_folder(
    src: Place, dst: Place, files: Sequence[PurePath], recursive: bool
) -> list[Task]:
    if isinstance(dst, Path) and dst.is_file():
        raise FlagError(f"--dst {dst}: must be a folder, because --src is one")
    if not files:
        raise FlagError(
            f"--src {src}: no audio files in this folder"
            + ("" if recursive else "; --recursive true also searches subfolders")
        )
    by_log: dict[PurePath, PurePath] = {}
    for file in files:
        log = file.with_suffix(".tlog")
        if log in by_log:  # clip.wav and clip.mp3 would write one log
            log = log.with_name(f"{file.name}.tlog")
        by_log[log] = file
    return [Task(inside(src, file), inside(dst, log)) for log, file in by_log.items()]


def _tasks_of_catalog(catalog: Path) -> list[Task]:
    """Return the tasks of a catalog, which may name a recording several times."""
    try:
        entries = json.loads(read_regular(catalog))
        named = [(entry["audio"], entry["tlog"]) for entry in entries]
        pairs = [(catalog.parent / audio, catalog.parent / tlog) for audio, tlog in named]
        folder, logs = catalog.parent.resolve(), [log.resolve() for _, log in pairs]
    except OSError as error:
        raise FlagError(f"--src {catalog}: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FlagError(
            f"--src {catalog}: not a catalog; it must be a JSON list of objects with `audio` and "
            f"`tlog` ({type(error).__name__}: {error})"
        ) from None
    problems = [
        f"the log {named} is outside the catalog's folder"
        for (_, named), log in zip(pairs, logs, strict=True)
        if not log.is_relative_to(folder)
    ]
    problems += [
        f"{count} recordings have the same log {log}; give each its own `tlog`"
        for log, count in Counter(logs).items()
        if count > 1
    ]
    if problems:
        raise FlagError(f"--src {catalog}: " + "; ".join(problems))
    return [Task(audio, log) for audio, log in pairs]
