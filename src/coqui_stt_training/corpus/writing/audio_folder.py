"""A folder of audio files, and beside it the CSV file or manifest of the same name that lists them.

The folder appears in one step, and the list after it. A command that is killed in between leaves a
folder without a list; a file in the folder says so, and the next command replaces such a folder.
Any other folder is somebody's own, and is not touched.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from stt.atomic_file import write_atomically

from ...errors import CorpusError
from ..csv_file import write_csv
from .encoded import Encoded, columns
from .options import Options

_UNLISTED = ".unlisted"  # holds the name of the list that is missing


def check_free(target: Path) -> None:
    """See that there is no folder in the place of the one beside a list.

    Args:
        target: the list.

    Raises:
        CorpusError: there is.
    """
    folder = _folder_of(target)
    if folder.exists() and not _is_unlisted(folder, target):
        raise CorpusError(
            f"{folder}: is there already, and would hold the audio of {target}; remove it, or "
            "choose another name"
        )


def write_folder(
    target: Path, kind: str, encoded: Sequence[Encoded], options: Options, work: Path
) -> None:
    """Write audio files into a folder named as the target, then the target, which lists them.

    Once what they were made of is no longer needed, `settle_folder` must follow.

    Args:
        target: the list.
        kind: its suffix.
        encoded: the clips.
        options: what is made of them.
        work: a folder to fill the new one in, on the same disk.
    """
    folder, staged = _folder_of(target), work / "folder"
    if _is_unlisted(folder, target):
        shutil.rmtree(folder)
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    (staged / _UNLISTED).write_bytes(os.fsencode(target.name))
    names = []
    for number, one in enumerate(encoded):
        name = f"sample{number:08d}{one.path.suffix}"
        shutil.copyfile(one.path, staged / name)
        file = folder / name
        names.append(str(file.resolve()) if options.absolute_paths else f"{folder.name}/{name}")
    staged.rename(folder)
    pairs = list(zip(names, encoded, strict=True))
    if kind == ".csv":
        rows = [one.row(name, options.labeled) for name, one in pairs]
        write_csv(target, columns(options.labeled), rows)
    else:
        write_atomically(target, _manifest(pairs, options.labeled))


def settle_folder(target: Path) -> None:
    """Note that the folder beside a list is complete."""
    (_folder_of(target) / _UNLISTED).unlink()


def _folder_of(target: Path) -> Path:
    return target.with_name(target.name.rpartition(".")[0])


def _is_unlisted(folder: Path, target: Path) -> bool:
    """Whether a command that was to write this list has left a folder without it."""
    try:
        return (folder / _UNLISTED).read_bytes() == os.fsencode(target.name)
    except OSError:
        return False


def _manifest(pairs: Iterable[tuple[str, Encoded]], labeled: bool) -> str:
    lines = []
    for name, one in pairs:
        line: dict[str, object] = {"audio_filepath": name, "duration": one.seconds}
        line |= {"text": one.clip.transcript} if labeled else {}
        line |= {"speaker": one.clip.speaker} if one.clip.speaker else {}
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    return "".join(lines)
