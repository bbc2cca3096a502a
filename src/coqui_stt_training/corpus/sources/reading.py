"""Reads any collection of clips; its content determines its format."""

from __future__ import annotations

import glob
import gzip
import itertools
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from coqui_stt_ctcdecoder.regular_file import open_regular
from stt.counted import some_of

from ...errors import CorpusError
from ..indexed import entries_of, find_index, make_index
from ..manifest import LARGE_CSV_BYTES, Manifest, has_pyarrow
from ..remote import Mirror, copies_folder, url_of
from ..rows import AUDIO_COLUMN, TRANSCRIPT_COLUMN, Entry, Row, RowFile, rows_of_entries
from ..stores import is_url
from . import audio_folder, json_lines, kaldi, parquet, sdb, tables, tar, text_folder, timed_text
from .archives import read_head
from .csv_rows import read_csv_rows
from .text_file import first_line_of, may_be_text
from .unknown_folder import describe_folder
from .workbook import is_workbook

Entries = Callable[[Path], Iterator[Entry]]

_FIRST_LINE_BYTES = 1 << 16
_GZIP = b"\x1f\x8b"
_BYTES_A_ROW = 128  # approximate, to compare numbers of rows with sizes of CSV files
_KNOWN = (
    "read are CSV files with the columns wav_filename and transcript, or some that mean the same, "
    "SDB, tar and Parquet files, JSONL manifests, TSV files of Common Voice, metadata.csv of "
    "LJSpeech, and folders of Kaldi, Hugging Face, or of audio with a .txt, or an .srt, for each"
)


def read_rows(
    path: str | Path, large_bytes: int = LARGE_CSV_BYTES, *, labelled: bool = True
) -> RowFile:
    """Read a collection: a file, a folder, or all files of a pattern (`shards/*.tar`).

    Args:
        path: name of the collection.
        large_bytes: size from which the rows of a CSV file are a `Manifest`.
        labelled: whether transcripts are required. Otherwise the collection may also be an audio
            file, a folder of audio files at any depth, or an SDB file or tar archive of only audio.

    Raises:
        CorpusError: the collection is missing, of no known kind, damaged, not UTF-8, or empty.
    """
    name = str(path)
    files = _matching(name)
    if files is None:
        return _read_one(name, large_bytes, labelled)
    most = large_bytes // _BYTES_A_ROW
    kept = find_index(name, [Path(file) for file in files], most) if _are_here(files) else None
    return kept or _read_many(name, files, large_bytes, labelled)


def _are_here(files: Sequence[str]) -> bool:
    return all(not is_url(file) and Path(file).is_file() for file in files)


def _read_many(name: str, files: Sequence[str], large_bytes: int, labelled: bool) -> RowFile:
    """Read the files of a pattern; very many rows are indexed."""
    parts: list[RowFile] = []
    upcoming = _each(files, large_bytes, labelled)
    count = 0
    for part in upcoming:
        parts.append(part)
        count += len(part.rows)
        if count > large_bytes // _BYTES_A_ROW and _are_here(files) and has_pyarrow():
            entries = map(entries_of, itertools.chain(parts, upcoming))
            paths = [Path(file) for file in files]
            return make_index(name, paths, itertools.chain.from_iterable(entries))
    return _joined(name, parts)


def _each(files: Sequence[str], large_bytes: int, labelled: bool) -> Iterator[RowFile]:
    """Yield the entries of each file.

    Raises:
        CorpusError: files cannot be read; raised after the last one, and names all.
    """
    problems = []
    for file in files:
        try:
            part = _read_one(file, large_bytes, labelled)
        except CorpusError as error:
            problems.append(str(error))
        else:
            yield part
    if problems:
        raise CorpusError("\n".join(problems))


def is_collection_folder(path: Path) -> bool:
    """Whether a folder is itself a collection, and does not only contain some."""
    return path.is_dir() and _folder_reader(path) is not None


def _matching(name: str) -> list[str] | None:
    """Return the files of a pattern; None if the name is no pattern, or exists."""
    if is_url(name):
        return _matching_urls(name)
    if Path(name).exists() or not re.search(r"[*?\[{]", name):
        return None
    patterns = _braces(name)
    files = [
        file
        for pattern in patterns
        for file in sorted(glob.glob(pattern)) or [pattern]  # noqa: PTH207 - any root, any depth
    ]
    if not any(Path(file).exists() for file in files):
        raise CorpusError(f"{name}: no file matches")
    return files


def _matching_urls(name: str) -> list[str] | None:
    if not re.search(r"[*\[{]", name):
        return None
    files = [
        url
        for pattern in _braces(name)
        for url in (Mirror().matching(pattern) if re.search(r"[*\[]", pattern) else [pattern])
    ]
    if not files:
        raise CorpusError(f"{name}: no file matches")
    return files


def _braces(pattern: str) -> list[str]:
    """Return the names for webdataset's notation `a-{000..009}.tar`."""
    found = re.search(r"\{(\d{1,9})\.\.(\d{1,9})\}", pattern)
    if not found:
        return [pattern]
    first, last = int(found[1]), int(found[2])
    if not 0 <= last - first < 1_000_000:
        raise CorpusError(f"{pattern}: {found[0]} names no files; write it as {{000..009}}")
    numbers = (str(number).zfill(len(found[1])) for number in range(first, last + 1))
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [name for number in numbers for name in _braces(before + number + after)]


def _joined(name: str, parts: Sequence[RowFile]) -> RowFile:
    columns = tuple(dict.fromkeys(column for part in parts for column in part.columns))
    rows: list[Row] = []
    for part in parts:
        for row, audio in zip(part.rows, part.audio(), strict=True):
            values = dict(zip(part.columns, row.fields, strict=False))
            fields = tuple(values.get(column, "") for column in columns)
            rows.append(replace(row, fields=fields, audio=audio))
    return RowFile(name, columns, tuple(rows))


def _read_one(name: str, large_bytes: int, labelled: bool) -> RowFile:
    if not name:
        raise CorpusError(f"an empty name is that of no collection; {_KNOWN}")
    if is_url(name):
        return _read_remote(name, large_bytes, labelled)
    file = _read_here(name, large_bytes, labelled)
    return _fetched(file, name, Path(name), anew=False) if _names_remote(file) else file


def _read_here(name: str, large_bytes: int, labelled: bool) -> RowFile:
    path = Path(name)
    if not labelled and audio_folder.is_audio_file(path):
        return rows_of_entries(name, path.parent, audio_folder.entries(path))
    if path.is_dir():
        read = _folder_reader(path)
        if not labelled and (read is None or read is text_folder.entries):
            read = audio_folder.entries
        if read is None:
            hint = describe_folder(path) or _KNOWN
            raise CorpusError(f"{name}: a folder that is no collection; {hint}")
        return rows_of_entries(name, path, _not_empty(read(path), name))
    read = _file_reader(name)
    if read is None:
        return read_csv_rows(name, large_bytes, labelled=labelled)
    most = large_bytes // _BYTES_A_ROW
    if kept := find_index(name, [path], most):
        return kept
    if not labelled and read in (sdb.entries, tar.entries, json_lines.entries):
        read = partial(read, labelled=False)
    stream = read(path)
    first = list(itertools.islice(stream, most + 1))
    if len(first) > most and has_pyarrow():
        return make_index(name, [path], itertools.chain(first, stream))
    return rows_of_entries(name, path.parent, _not_empty(itertools.chain(first, stream), name))


def _read_remote(url: str, large_bytes: int, labelled: bool) -> RowFile:
    """Read the local copy of a remote collection, and fetch the recordings that it names."""
    copy, changed = Mirror().fetch(url)
    try:
        file = _read_here(str(copy), large_bytes, labelled)
    except CorpusError as error:
        raise CorpusError(str(error).replace(str(copy), url)) from None
    return _fetched(file, url, copy, anew=changed)


def _fetched(file: RowFile, name: str, copy: Path, *, anew: bool) -> RowFile:
    """Return a collection whose remote recordings are local, but named by their URLs.

    Args:
        file: the collection as it was read.
        name: its name, as the user gave it.
        copy: its local copy.
        anew: whether to compare local recordings with the store.
    """
    sound = (file.audio_of(row).path for row in file.rows if not row.problem)
    Mirror().fetch_all((path for path in sound if path != copy), anew=anew)

    def renamed(row: Row) -> Row:
        source = row.source.replace(str(copy), name, 1)
        if row.problem and row.audio is None:
            return replace(row, source=source)
        audio = file.audio_of(row)
        inside = audio.path == copy or audio.container
        origin = name if inside else url_of(audio.path)
        return replace(row, source=source, audio=replace(audio, container=origin or ""))

    if isinstance(file.rows, Manifest):
        return RowFile(name, file.columns, file.rows.changed(renamed))
    return RowFile(name, file.columns, tuple(map(renamed, file.rows)))


def _names_remote(file: RowFile) -> bool:
    """Whether a local list names remote recordings."""
    copies = str(copies_folder())
    return not isinstance(file.rows, Manifest) and any(
        is_url(row.audio_name) if row.audio is None else str(row.audio.path).startswith(copies)
        for row in file.rows
    )


def _not_empty(entries: Iterator[Entry], name: str) -> list[Entry]:
    found = list(entries)
    if not found:
        raise CorpusError(f"{name}: holds no clips")
    return found


def _file_reader(name: str) -> Entries | None:
    """Return the reader of a file; None for CSV files and workbooks, which have their own."""
    path, head = Path(name), read_head(name)
    if sdb.begins(head):
        return sdb.entries
    if parquet.begins(head):
        return parquet.entries
    if tar.begins(head) or _is_compressed_tar(path, head):
        return tar.entries
    if is_workbook(path, head):
        return None
    if path.suffix.lower() in timed_text.SUFFIXES:
        raise CorpusError(
            f"{name}: tells of the recording beside it, which has to have the same name; give the "
            "folder of both"
        )
    if path.suffix.lower() != ".csv" and not head.startswith(_GZIP) and not may_be_text(head):
        raise CorpusError(f"{name}: no collection of clips that is known; {_KNOWN}")
    line = _first_line(path, head)
    if line.lstrip().startswith(("{", "[")):
        return json_lines.entries
    if AUDIO_COLUMN in line or TRANSCRIPT_COLUMN in line:
        return None
    if tables.is_common_voice(line):
        return tables.common_voice_entries
    if tables.is_ljspeech(line):
        return tables.ljspeech_entries
    if line.strip() and tables.is_spaced(line, path.parent):
        return tables.spaced_entries
    return None


def _is_compressed_tar(path: Path, head: bytes) -> bool:
    return head.startswith(_GZIP) and tar.begins(_gunzipped(path, 512))


def _gunzipped(path: Path, size: int) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read(size)
    except (OSError, EOFError, zlib.error):
        return b""  # the reader of the whole file reports what is wrong


def _first_line(path: Path, head: bytes) -> str:
    if head.startswith(_GZIP):
        content = _gunzipped(path, _FIRST_LINE_BYTES)
    else:
        with open_regular(path) as file:
            content = file.read(_FIRST_LINE_BYTES)
    return first_line_of(content)


def _folder_reader(path: Path) -> Entries | None:
    if kaldi.is_folder(path):
        return kaldi.entries
    if (path / "dataset_dict.json").is_file():
        splits = sorted(part.parent.name for part in path.glob("*/state.json"))
        raise CorpusError(
            f"{path}: a data set of several splits; name one: {path}/{f', {path}/'.join(splits)}"
        )
    for patterns, read in (
        (("*.arrow",), parquet.entries),
        (("*.parquet", "data/*.parquet", "*/*.parquet"), parquet.entries),
        (("*.tar", "*.tar.gz", "*.tgz"), tar.entries),
    ):
        files = next((found for one in patterns if (found := sorted(path.glob(one)))), [])
        if files:
            _check_one_split(path, files)
            return _all_of(files, read)
    for name, read in (
        ("metadata.jsonl", json_lines.entries),
        ("metadata.csv", tables.ljspeech_entries),
    ):
        file = path / name
        if file.is_file() and (
            name != "metadata.csv" or tables.is_ljspeech(_first_line(file, b""))
        ):
            return _all_of([file], read)
    if (path / "clips").is_dir() and (names := sorted(file.name for file in path.glob("*.tsv"))):
        raise CorpusError(
            f"{path}: a folder of Common Voice; name one of its tables: {path}/{some_of(names)}"
        )
    return text_folder.entries if text_folder.is_folder(path) else None


def _all_of(files: Sequence[Path], read: Entries) -> Entries:
    def entries(path: Path) -> Iterator[Entry]:
        for file in files:
            yield from read(file)

    return entries


def _check_one_split(path: Path, files: Sequence[Path]) -> None:
    """Check that the files of a folder are one split: `train-00000-of-00002.parquet`, ...

    Raises:
        CorpusError: there are several splits.
    """
    splits: dict[str, Path] = {}
    for file in files:
        named = re.match(r"(.+?)[-_.]\d+[-_]of[-_]\d+", file.name)
        splits.setdefault(named[1] if named else "", file.parent)
    if len(splits) > 1:
        names = [f"'{parent}/{split}-*'" for split, parent in splits.items() if split]
        raise CorpusError(f"{path}: a data set of several splits; name one: {some_of(names)}")
