"""Tar archives: upstream's with a `samples.csv`, and webdataset shards with a text per recording.

Members are read in place in the archive; none is extracted to the path that the archive names.
"""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from coqui_stt_ctcdecoder.regular_file import open_regular
from stt.audio.folder import SUFFIXES
from stt.audio.reference import AudioReference
from stt.counted import counted, some_of

from ...errors import CorpusError
from ..csv_file import parse_csv_text
from ..rows import AUDIO_COLUMN, TRANSCRIPT_COLUMN, Entry, seconds_of, speaker_of
from ..unpacked import unpack_gzip
from .text_file import decode_text

TEXT_KEYS = ("transcript", "text", "sentence", "transcription")

_MAGIC, _MAGIC_PLACE = b"ustar", 257
_BLOCK_BYTES = 512
_GZIP = b"\x1f\x8b"
_TEXT_SUFFIXES = (".txt", ".text", ".transcript", ".lab", ".json")
_TABLE = "samples.csv"  # upstream's name
_TABLE_SUFFIXES = (".tsv", ".csv")  # tables of corpora that must be unpacked
_RESOURCE_FORK = "._"  # begins the names of files that macOS adds
_MOST_TEXT_BYTES = 1 << 26

Members = dict[str, AudioReference]


def begins(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a tar archive."""
    return head[_MAGIC_PLACE : _MAGIC_PLACE + len(_MAGIC)] == _MAGIC


def members(path: Path) -> Members:
    """Return the position of each file in an archive.

    Raises:
        CorpusError: the file is no archive, is damaged, or has members with absolute paths or
            `..` in their names, or recordings or texts that are links to files outside of it.
    """
    plain = _plain(path)
    found: Members = {}
    links: dict[str, str] = {}
    try:
        with open_regular(plain) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                if PurePosixPath(member.name).name.startswith(_RESOURCE_FORK):
                    continue
                if member.isreg() and not member.issparse():
                    found[member.name] = AudioReference(
                        plain, member.name, member.offset_data, member.size,
                        container="" if plain == path else str(path),
                    )  # fmt: skip
                elif member.islnk() or member.issym():
                    folder = "" if member.islnk() else str(PurePosixPath(member.name).parent)
                    links[member.name] = posixpath.normpath(posixpath.join(folder, member.linkname))
            end, size = archive.offset, file.seek(0, 2)
            file.seek(min(end, size))
            rest = file.read(_BLOCK_BYTES)
    except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError) as error:
        raise _damaged(path, f"it cannot be read ({str(error)[:100]})") from None
    _check_names(path, [*found, *links])
    found |= _linked(path, links, found)
    if rest.strip(b"\0"):  # tarfile stops silently at a header that it cannot read
        raise _damaged(path, f"no member begins at byte {end}")
    beyond = [name for name, at in found.items() if at.offset_bytes + (at.size_bytes or 0) > size]
    if beyond or any((at.size_bytes or 0) < 0 for at in found.values()):
        raise _damaged(path, f"it ends within {some_of(beyond)}")
    return found


def entries(path: Path, *, labelled: bool = True) -> Iterator[Entry]:
    """Yield the clips of an archive, with transcripts from its CSV file or its text members.

    Args:
        path: the archive.
        labelled: whether transcripts are required.

    Raises:
        CorpusError: see `members`; or the archive has no transcripts, or several CSV files.
    """
    found = members(path)
    names = [name for name in found if name.lower().endswith(".csv")]
    tables = {
        name: rows for name in names if (rows := list(_table_entries(path, name, found, labelled)))
    }
    if not tables:
        yield from _pairs(path, found, labelled)
        return
    main = next((name for name in tables if PurePosixPath(name).name == _TABLE), None)
    if main is None and len(tables) > 1:
        raise CorpusError(
            f"{path}: a tar archive with several lists of clips: {some_of(list(tables))}; unpack "
            "it, and name one of them"
        )
    yield from tables[main or next(iter(tables))]


def _plain(path: Path) -> Path:
    with open_regular(path) as file:
        compressed = file.read(len(_GZIP)) == _GZIP
    return unpack_gzip(path) if compressed else path


def _check_names(path: Path, names: Iterable[str]) -> None:
    leaving = [
        repr(name)
        for name in names
        if name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts
    ]
    if leaving:
        raise CorpusError(
            f"{path}: {counted(len(leaving), 'member')} with a name that leads out of the archive: "
            f"{some_of(leaving)}; make the archive again with names relative to its root"
        )


def _linked(path: Path, links: Mapping[str, str], found: Members) -> Members:
    """Return the members that are hard or symbolic links to other members.

    Raises:
        CorpusError: a recording or a text is a link to a file outside the archive.
    """
    there = {posixpath.normpath(name): member for name, member in found.items()}
    needed = (*SUFFIXES, *_TEXT_SUFFIXES, ".csv")
    lost = [
        f"{name!r} (to {target!r})"
        for name, target in links.items()
        if target not in there and PurePosixPath(name).suffix.lower() in needed
    ]
    if lost:
        raise CorpusError(
            f"{path}: {counted(len(lost), 'member')} that are links to what is not in the archive: "
            f"{some_of(lost)}; make it again with the files themselves (tar --dereference)"
        )
    return {
        name: replace(there[target], member=name)
        for name, target in links.items()
        if target in there
    }


def _table_entries(path: Path, table: str, found: Members, labelled: bool) -> Iterator[Entry]:
    """Yield the rows of a CSV file in the archive; none if it lacks upstream's columns."""
    columns, records = parse_csv_text(_text(found[table], path), f"{path}:{table}")
    if AUDIO_COLUMN not in columns or (labelled and TRANSCRIPT_COLUMN not in columns):
        return
    folder = PurePosixPath(table).parent
    for line, fields in records:
        source = f"{path}:{table}:{line}"
        if len(fields) != len(columns):
            problem = f"{len(fields)} fields where the header has {len(columns)}"
            yield Entry(source, line, "", None, problem)
            continue
        values = dict(zip(columns, fields, strict=True))
        name = str(folder / values[AUDIO_COLUMN])
        audio = found.get(name)
        missing = None if audio else f"the archive holds no {name!r}"
        speaker = speaker_of(values)
        said = values.get(TRANSCRIPT_COLUMN, "")
        yield Entry(source, line, said, audio, missing, speaker)


def _pairs(path: Path, found: Members, labelled: bool) -> Iterator[Entry]:
    """Yield the audio members, each with the text of the same name."""
    sounds = [name for name in found if _suffix(name) in SUFFIXES]
    texts = _texts_of(found)
    if not sounds:
        raise CorpusError(f"{path}: a tar archive without audio; {_what_is_read()}")
    if labelled and not any(texts.of(name) for name in sounds):
        tables = sorted(name for name in found if name.endswith(_TABLE_SUFFIXES))
        remedy = (
            f"unpack it, and name one of its tables, such as {tables[0]}"
            if tables
            else _what_is_read()
        )
        raise CorpusError(
            f"{path}: a tar archive without transcripts, of {counted(len(sounds), 'recording')}; "
            f"{remedy}"
        )
    for number, name in enumerate(sounds):
        source = f"{path}:{name}"
        names = texts.of(name)
        if not names:
            missing = "no text member has its name" if labelled else None
            yield Entry(source, number, "", found[name], missing)
            continue
        try:
            said = _said(names, found, path)
        except CorpusError as error:
            yield Entry(source, number, "", found[name], str(error))
            continue
        yield Entry(source, number, said.text, found[name], None, said.speaker, said.seconds)


class _Texts(NamedTuple):
    """The text members of an archive, by the names of recordings.

    Attributes:
        by_stem: texts by their name without its suffix.
        by_key: texts whose stem is that of no recording, by their name up to its first dot, as
            webdataset groups members.
    """

    by_stem: Mapping[str, list[str]]
    by_key: Mapping[str, list[str]]

    def of(self, sound: str) -> list[str]:
        """Return the texts of a recording: `a.1.txt` of `a.1.wav`, not `a.2.txt` of `a.2.wav`."""
        return [*self.by_stem.get(_stem(sound), ()), *self.by_key.get(_key(sound), ())]


def _texts_of(found: Members) -> _Texts:
    by_stem: dict[str, list[str]] = {}
    by_key: dict[str, list[str]] = {}
    stems = {_stem(name) for name in found if _suffix(name) in SUFFIXES}
    for name in found:
        if _suffix(name) in _TEXT_SUFFIXES:
            by_stem.setdefault(_stem(name), []).append(name)
            if _stem(name) not in stems:
                by_key.setdefault(_key(name), []).append(name)
    return _Texts(by_stem, by_key)


def _what_is_read() -> str:
    return "clips are read with a samples.csv, or with a .txt or .json of the same name beside each"


class _Said(NamedTuple):
    """Transcript, speaker and length of a recording, as its text members state them."""

    text: str
    speaker: str = ""
    seconds: float | None = None


def _said(names: list[str], found: Members, path: Path) -> _Said:
    plain = [name for name in names if _suffix(name) != ".json"]
    transcript: str | None = _text(found[plain[0]], path).strip() if plain else None
    speaker, seconds = "", None
    for name in names:
        if _suffix(name) != ".json":
            continue
        try:
            values = json.loads(_text(found[name], path))
            known = {str(key): value for key, value in values.items()}
        except (ValueError, AttributeError, RecursionError):
            raise CorpusError(f"{path}:{name}: no JSON object") from None
        said = next((known[key] for key in TEXT_KEYS if isinstance(known.get(key), str)), None)
        transcript = transcript if said is None or plain else str(said)
        speaker = speaker_of(known) or speaker
        seconds = seconds_of(known.get("duration"))
    if transcript is None:
        raise CorpusError(f"{path}:{names[0]}: none of {', '.join(TEXT_KEYS)} in it is a text")
    return _Said(transcript, speaker, seconds)


def _text(member: AudioReference, path: Path) -> str:
    name = f"{path}:{member.member}"
    if (member.size_bytes or 0) > _MOST_TEXT_BYTES:
        raise CorpusError(f"{name}: larger than {_MOST_TEXT_BYTES >> 20} MB, which no text is")
    with open_regular(member.path) as file:
        file.seek(member.offset_bytes)
        return decode_text(file.read(member.size_bytes or 0), name)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _key(name: str) -> str:
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.split(".")[0]


def _damaged(path: Path, why: str) -> CorpusError:
    return CorpusError(f"{path}: a damaged tar archive: {why}; copy or make it again")
