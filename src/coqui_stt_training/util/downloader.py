"""Download of corpora and models, for importers and notebooks."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..errors import CorpusError

_BLOCK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 60


def __getattr__(name: str) -> Any:
    """Return `SIMPLE_BAR`: widgets for a `ProgressBar` of the progressbar2 package.

    The list is empty if the package is not installed.
    """
    if name != "SIMPLE_BAR":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import progressbar
    except ImportError:
        return []
    return ["Progress ", progressbar.Bar(), " ", progressbar.Percentage(), " completed"]


def maybe_download(archive_name: str, target_dir: str | Path, archive_url: str) -> str:
    """Download a file unless it exists, and return its path.

    The file gets its name only when it is complete; an interrupted download starts over.

    Args:
        archive_name: name of the file.
        target_dir: folder for the file; created if missing.
        archive_url: URL with `http` or `https`.

    Raises:
        CorpusError: the file cannot be downloaded or written.
    """
    folder = Path(target_dir)
    path = os.path.join(target_dir, archive_name)  # noqa: PTH118 - upstream's spelling of paths
    if Path(path).exists():
        print(f'Found archive "{path}" - not downloading.')
        return path
    if urllib.parse.urlsplit(archive_url).scheme not in ("http", "https"):
        raise CorpusError(f"{archive_url}: only http and https addresses are downloaded from")
    part = Path(f"{path}.part")
    try:
        if not folder.exists():
            print(f'No path "{target_dir}" - creating ...')
            folder.mkdir(parents=True)
        print(f'No archive "{path}" - downloading...')
        _download(archive_url, part)
        part.replace(path)
    except (urllib.error.URLError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", "") or error
        raise CorpusError(f"{archive_url} cannot be downloaded ({reason})") from None
    except OSError as error:
        raise CorpusError(f"{archive_url} to {path}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return path


def _download(url: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, path.open("wb") as file:
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isascii() and length.isdigit() else None
        with tqdm(total=total, unit="B", unit_scale=True, desc=path.stem, disable=None) as bar:
            while block := response.read(_BLOCK_BYTES):
                file.write(block)
                bar.update(len(block))
        if total is not None and file.tell() != total:
            raise http.client.IncompleteRead(b"", total - file.tell())
