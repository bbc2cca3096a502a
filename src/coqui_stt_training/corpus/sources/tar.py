"""Tar archives: upstream's, with a `samples.csv`, and webdataset shards, with a text beside audio.

Members are read where they lie; nothing is ever extracted by the name that the archive gives it.
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
_TABLE_SUFFIXES = (".tsv", ".csv")  # of an archive that is unpacked first
_MOST_TEXT_BYTES = 1 << 26

Members = dict[str, AudioReference]


def begins(head: bytes) -> bool:
    """Whether a file that begins so is a tar archive."""
    return head[_MAGIC_PLACE : _MAGIC_PLACE + len(_MAGIC)] == _MAGIC


def members(path: Path) -> Members:
    """Return where each file in an archive is.

    Raises:
        CorpusError: no archive, a damaged one, or one with members of absolute or `..` names, or
            with recordings or texts that are links to what is not in it.
    """
    plain = _plain(path)
    found: Members = {}
    links: dict[str, str] = {}
    try:
        with open_regular(plain) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
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
    if rest.strip(b"\0"):  # tarfile takes a header that it cannot read for the end
        raise _damaged(path, f"no member begins at byte {end}")
    beyond = [name for name, at in found.items() if at.offset_bytes + (at.size_bytes or 0) > size]
    if beyond or any((at.size_bytes or 0) < 0 for at in found.values()):
        raise _damaged(path, f"it ends within {some_of(beyond)}")
    return found


def entries(path: Path, *, labelled: bool = True) -> Iterator[Entry]:
    """Yield what an archive says of each clip, transcripts from its CSV file or its text members.

    Args:
        path: the archive.
        labelled: whether it has to have transcripts.

    Raises:
        CorpusError: see `members`; or it has no transcripts.
    """
    found = members(path)
    tables = [name for name in found if name.endswith(".csv")]
    for name in tables:
        listed = list(_table_entries(path, name, found, labelled))
        if listed:
            yield from listed
            return
    yield from _pairs(path, found, labelled)


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
    """Return the members that are links to others, hard or symbolic, as tar writes files it met.

    Raises:
        CorpusError: a recording or a text is a link to what is not in the archive.
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
    """Yield the rows of a CSV file in the archive, none where it has not upstream's columns."""
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
    """Yield the audio members with the text that has the same name up to its first dot."""
    texts: dict[str, list[str]] = {}
    sounds = []
    for name in found:
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in SUFFIXES:
            sounds.append(name)
        elif suffix in _TEXT_SUFFIXES:
            texts.setdefault(_key(name), []).append(name)
    if not sounds:
        raise CorpusError(f"{path}: a tar archive without audio; {_what_is_read()}")
    if labelled and not any(_key(name) in texts for name in sounds):
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
        if _key(name) not in texts:
            missing = "no text member has its name" if labelled else None
            yield Entry(source, number, "", found[name], missing)
            continue
        try:
            said = _said(texts[_key(name)], found, path)
        except CorpusError as error:
            yield Entry(source, number, "", found[name], str(error))
            continue
        yield Entry(source, number, said.text, found[name], None, said.speaker, said.seconds)


def _what_is_read() -> str:
    return "clips are read with a samples.csv, or with a .txt or .json of the same name beside each"


class _Said(NamedTuple):
    """What text members say of a recording."""

    text: str
    speaker: str = ""
    seconds: float | None = None


def _said(names: list[str], found: Members, path: Path) -> _Said:
    plain = [name for name in names if not name.endswith(".json")]
    transcript: str | None = _text(found[plain[0]], path).strip() if plain else None
    speaker, seconds = "", None
    for name in names:
        if not name.endswith(".json"):
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


def _key(name: str) -> str:
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.split(".")[0]


def _damaged(path: Path, why: str) -> CorpusError:
    return CorpusError(f"{path}: a damaged tar archive: {why}; copy or make it again")
