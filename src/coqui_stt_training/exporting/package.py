"""The export folder, whose files are staged and then moved into place, and its zip."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stt.atomic_file import replacing
from stt.file_lock import TakenError, holding

from ..errors import FlagError

_MODEL_SUFFIXES = (".tflite", ".onnx", ".pb", ".pbmm", ".scorer")
_STAGING = ".export-"
_LOCK = ".lock"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # constant, so that equal files give an equal zip


@contextmanager
def staging_folder(export_dir: Path) -> Iterator[Path]:
    """Yield a temporary folder inside `export_dir`, which is removed afterwards.

    Temporary folders of killed exports are removed first. After an error, `export_dir` is removed
    too if it is new and empty.

    Raises:
        FlagError: the disk cannot be written to, or is full.
    """
    is_new = not export_dir.exists()
    try:
        export_dir.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(export_dir)
        with tempfile.TemporaryDirectory(dir=export_dir, prefix=_STAGING) as name, _locked(name):
            yield Path(name)
    except BaseException as error:
        if is_new:
            with contextlib.suppress(OSError):
                export_dir.rmdir()
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise FlagError(f"--export_dir {export_dir}: cannot be written to ({reason})") from None
        raise


@contextmanager
def _locked(folder: str | Path) -> Iterator[bool]:
    """Lock a folder until the context or the process ends; yield whether the lock was free."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(holding(Path(folder) / _LOCK))
        except (TakenError, OSError):
            yield False
            return
        yield True


def _remove_abandoned(export_dir: Path) -> None:
    for folder in export_dir.glob(f"{_STAGING}*"):
        if folder.is_dir() and not folder.is_symlink():
            with _locked(folder) as is_free:
                if is_free:
                    shutil.rmtree(folder, ignore_errors=True)


def move_into(files: Sequence[Path], export_dir: Path) -> list[Path]:
    """Move finished files into a folder, replacing those of the same name."""
    return [Path(file.replace(export_dir / file.name)) for file in files]


def copy_scorer(scorer_path: Path, folder: Path) -> Path:
    """Copy a scorer into a folder.

    Raises:
        FlagError: the scorer cannot be read, or the copy cannot be written.
    """
    target = folder / scorer_path.name
    try:
        shutil.copyfile(scorer_path, target)
    except OSError as error:
        raise FlagError(f"--scorer_path {scorer_path}: {error.strerror or error}") from None
    return target


def remove_exports(export_dir: Path, kept: Iterable[Path] = ()) -> list[Path]:
    """Remove earlier exports from a folder: models, scorers and model cards, nothing else.

    Args:
        export_dir: export folder.
        kept: files in the folder that stay.

    Returns:
        The removed files.
    """
    if not export_dir.is_dir():
        return []
    new = {file.name for file in kept}
    found = [
        file
        for file in sorted(export_dir.iterdir())
        if file.name not in new
        and file.is_file()
        and (file.suffix in _MODEL_SUFFIXES or _is_card(file))
    ]
    for file in found:
        file.unlink()
    return found


def _is_card(file: Path) -> bool:
    if file.suffix != ".md":
        return False
    with file.open("rb") as opened:
        head = opened.read(64 * 1024)
    return head.startswith(b"---\nauthor: ") and b"\nacoustic_model_url: " in head


def write_zip(files: Sequence[Path], export_dir: Path) -> Path:
    """Pack files into `EXPORT_DIR.zip`, beside the folder, and return its path.

    Raises:
        FlagError: the zip cannot be written.
    """
    target = export_dir.resolve().with_name(export_dir.resolve().name + ".zip")
    try:
        with replacing(target) as partial, zipfile.ZipFile(partial, "w") as archive:
            for file in sorted(files):
                _pack(file, archive)
    except OSError as error:
        raise FlagError(
            f"--export_zip: {target} cannot be written ({error.strerror or error})"
        ) from None
    return target


def _pack(file: Path, archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo(file.name, _ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as packed:
        shutil.copyfileobj(source, packed, 1 << 20)
