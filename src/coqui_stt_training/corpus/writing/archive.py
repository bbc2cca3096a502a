"""Tar archives of clips: one as upstream has it, or shards as webdataset has them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stt.atomic_file import replacing

from ..csv_file import format_csv
from .encoded import Encoded, columns
from .options import Options


def write_archive(target: Path, kind: str, encoded: Sequence[Encoded], options: Options) -> None:
    """Write an archive of audio files and the `samples.csv` that lists them.

    Args:
        target: the archive.
        kind: its suffix; all but `.tar` are compressed.
        encoded: the clips.
        options: what is made of them.
    """
    rows, members = [], []
    for number, one in enumerate(encoded):
        name = f"samples/sample{number:08d}{one.path.suffix}"
        members.append((name, one.path))
        rows.append(one.row(name, options.labeled))
    table = format_csv(columns(options.labeled), rows)
    _write(target, kind, members, {"samples.csv": table}, options.include)


def write_shards(target: Path, kind: str, encoded: Sequence[Encoded], options: Options) -> None:
    """Write archives in which each recording has a JSON file of the same name.

    Args:
        target: what the archives are named after: `set-000000.tar` after `set.tar`.
        kind: its suffix; all but `.tar` are compressed.
        encoded: the clips.
        options: what is made of them.
    """
    stem = target.name[: -len(kind)]
    for shard, start in enumerate(range(0, len(encoded), options.shard_clips)):
        members, texts = [], {}
        for number, one in enumerate(encoded[start : start + options.shard_clips], start):
            members.append((f"{number:08d}{one.path.suffix}", one.path))
            described: dict[str, object] = {"duration": one.seconds}
            if options.labeled:
                described["text"] = one.clip.transcript
            if one.clip.speaker:
                described["speaker"] = one.clip.speaker
            texts[f"{number:08d}.json"] = json.dumps(described, ensure_ascii=False).encode()
        path = target.with_name(f"{stem}-{shard:06d}{kind}")
        _write(path, kind, members, texts, options.include)


def _write(
    path: Path,
    kind: str,
    members: Iterable[tuple[str, Path]],
    texts: Mapping[str, bytes],
    include: Sequence[str],
) -> None:
    compressed = kind != ".tar"
    with (
        replacing(path) as partial,
        tarfile.open(partial, "w:gz" if compressed else "w") as archive,
    ):
        contents = [(Path(name).name, Path(name)) for name in include]
        for name, file in [*contents, *members]:
            _add(archive, name, file.read_bytes())
        for name, content in texts.items():
            _add(archive, name, content)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))
