"""Collections of samples: readers and writers of CSV and SDB files, a writer of tar archives."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..corpus.csv_file import parse_csv, write_csv
from ..corpus.sources.sdb import read_sdb
from ..corpus.writing.sdb import writing_sdb
from ..errors import CorpusError
from .audio import (
    AUDIO_TYPE_OPUS,
    AUDIO_TYPE_PCM,
    SERIALIZABLE_AUDIO_TYPES,
    AudioFormat,
    Sample,
    get_loadable_audio_type_from_extension,
    write_wav,
)
from .helpers import MEGABYTE, Interleaved, LenMap

BUFFER_SIZE = MEGABYTE
_COLUMNS = ("wav_filename", "wav_filesize", "transcript")


class LabeledSample(Sample):
    """Audio with its transcript; see `Sample`."""

    def __init__(
        self,
        audio_type: str,
        raw_data: Any,
        transcript: str,
        audio_format: AudioFormat | None = None,
        sample_id: str | None = None,
    ) -> None:
        super().__init__(audio_type, raw_data, audio_format, sample_id)
        self.transcript = transcript


class PackedSample:
    """A sample that has not been read yet, and so is cheap to send to another process."""

    def __init__(self, filename: str, audio_type: str, label: str | None) -> None:
        self.filename = filename
        self.audio_type = audio_type
        self.label = label

    def unpack(self) -> Sample:
        """Read the sample from its file; the result is a `LabeledSample` if it has a transcript.

        Raises:
            CorpusError: the file cannot be read.
            AudioError: the contents are not audio of the type that the file name says.
        """
        try:
            data = Path(self.filename).read_bytes()
        except OSError as error:
            raise CorpusError(
                f"{self.filename}: {(error.strerror or str(error)).lower()}"
            ) from None
        if self.label is None:
            return Sample(self.audio_type, data, sample_id=self.filename)
        return LabeledSample(self.audio_type, data, self.label, sample_id=self.filename)


def unpack_maybe(sample: Sample | PackedSample) -> Sample:
    """Return a sample, read from its file if it is packed."""
    return sample.unpack() if isinstance(sample, PackedSample) else sample


def load_sample(filename: str | Path, label: str | None = None) -> PackedSample:
    """Return a packed sample of an audio file, with its transcript if one is given.

    Raises:
        CorpusError: audio with this file name extension cannot be read.
    """
    extension = Path(filename).suffix
    audio_type = get_loadable_audio_type_from_extension(extension)
    if audio_type is None:
        raise CorpusError(f"{filename}: audio of type {extension or '(no suffix)'!r} is not read")
    return PackedSample(str(filename), audio_type, label)


class CSV:
    """The samples of a CSV file, sorted by `wav_filesize` if the file has this column.

    Args:
        csv_filename: CSV file.
        labeled: whether the samples have transcripts; None: if the file has them.
        reverse: whether the largest comes first, instead of the smallest.

    Raises:
        CorpusError: the file cannot be read, lacks a column, or has malformed rows.
    """

    def __init__(
        self, csv_filename: str | Path, labeled: bool | None = None, reverse: bool = False
    ) -> None:
        columns, records = parse_csv(csv_filename)
        self.labeled = "transcript" in columns if labeled is None else labeled
        needed = ("wav_filename", "transcript") if self.labeled else ("wav_filename",)
        missing = [column for column in needed if column not in columns]
        if missing:
            raise CorpusError(f"{csv_filename}:1: no column {' and no column '.join(missing)}")
        problems = [
            f"{csv_filename}:{line}: {len(fields)} fields where the header has {len(columns)}"
            for line, fields in records
            if len(fields) != len(columns)
        ]
        if problems:
            raise CorpusError("\n".join(problems))
        folder = Path(csv_filename).parent
        rows = [dict(zip(columns, fields, strict=True)) for _, fields in records]
        rows.sort(key=_size, reverse=reverse)
        self.samples = [
            (str(folder / row["wav_filename"]), _size(row), row.get("transcript")) for row in rows
        ]

    def __getitem__(self, i: int) -> PackedSample:
        filename, _, transcript = self.samples[i]
        return load_sample(filename, transcript if self.labeled else None)

    def __iter__(self) -> Iterator[PackedSample]:
        return (self[index] for index in range(len(self)))

    def __len__(self) -> int:
        return len(self.samples)


class SDB:
    """The samples of an SDB file, in the order of the file.

    Args:
        sdb_filename: SDB file.
        buffering: ignored, as the file is memory-mapped.
        id_prefix: prefix of the samples' names; None: the name of the file.
        labeled: whether the samples have transcripts; None: if the file has them.
        reverse: whether the last sample comes first.

    Raises:
        CorpusError: the file cannot be read, lacks the requested transcripts, or has damaged
            samples.
    """

    def __init__(
        self,
        sdb_filename: str | Path,
        buffering: int = BUFFER_SIZE,
        id_prefix: str | None = None,
        labeled: bool | None = True,
        reverse: bool = False,
    ) -> None:
        found = read_sdb(sdb_filename)
        if labeled and not found.labeled:
            raise CorpusError(f"{sdb_filename}: has no transcripts")
        problems = [
            f"{sdb_filename}:{number}: {sample.problem}"
            for number, sample in enumerate(found.samples)
            if sample.problem
        ]
        if problems:
            raise CorpusError("\n".join(problems))
        self.labeled = found.labeled if labeled is None else labeled
        self.audio_type = found.audio_type
        self._prefix = str(sdb_filename) if id_prefix is None else id_prefix
        self._samples = list(enumerate(found.samples))
        if reverse:
            self._samples.reverse()

    def __getitem__(self, i: int) -> Sample:
        number, sample = self._samples[i]
        name = f"{self._prefix}:{number}"
        if sample.audio is None:
            raise CorpusError(f"{name}: {sample.problem}")
        content = sample.audio.stored()
        if self.labeled:
            return LabeledSample(self.audio_type, content, sample.transcript or "", sample_id=name)
        return Sample(self.audio_type, content, sample_id=name)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __len__(self) -> int:
        return len(self._samples)

    def close(self) -> None:
        """Do nothing, as no file is open."""


class DirectSDBWriter:
    """Writes samples to an SDB file, which appears when `close` is called.

    Args:
        sdb_filename: SDB file.
        buffering: ignored.
        audio_type: encoding of the samples.
        bitrate: bitrate of Opus for each channel; None: the encoder's choice.
        id_prefix: prefix of the samples' names; None: the name of the file.
        labeled: whether to write transcripts.

    Raises:
        CorpusError: the file cannot be written, or cannot contain this type of audio.
    """

    def __init__(
        self,
        sdb_filename: str | Path,
        buffering: int = BUFFER_SIZE,
        audio_type: str = AUDIO_TYPE_OPUS,
        bitrate: int | None = None,
        id_prefix: str | None = None,
        labeled: bool = True,
    ) -> None:
        if audio_type not in SERIALIZABLE_AUDIO_TYPES:
            raise CorpusError(f"{sdb_filename}: audio of type {audio_type!r} is not written")
        self.labeled = labeled
        self.audio_type = audio_type
        self.bitrate = bitrate
        self.id_prefix = str(sdb_filename) if id_prefix is None else id_prefix
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(writing_sdb(sdb_filename, audio_type, labeled))

    def add(self, sample: Any) -> str:
        """Write a sample and return its name."""
        sample.change_audio_type(self.audio_type, bitrate=self.bitrate)
        transcript = sample.transcript if self.labeled else ""
        self._writer.add(sample.audio.getvalue(), transcript)
        sample.sample_id = f"{self.id_prefix}:{len(self) - 1}"
        return str(sample.sample_id)

    def close(self) -> None:
        """Complete the file."""
        self._stack.close()

    def __enter__(self) -> DirectSDBWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def __len__(self) -> int:
        return len(self._writer.offsets)


def _size(row: dict[str, str]) -> int:
    text = row.get("wav_filesize", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def samples_from_source(
    sample_source: str | Path,
    buffering: int = BUFFER_SIZE,
    labeled: bool | None = None,
    reverse: bool = False,
) -> CSV | SDB:
    """Return the samples of a CSV or SDB file; see `CSV` and `SDB`. `buffering` is ignored.

    Raises:
        CorpusError: the file is of another type, or cannot be read.
    """
    extension = Path(sample_source).suffix.lower()
    if extension == ".csv":
        return CSV(sample_source, labeled, reverse)
    if extension == ".sdb":
        return SDB(sample_source, buffering, labeled=labeled, reverse=reverse)
    raise CorpusError(
        f"{sample_source}: files of type {extension!r} are not read; give a CSV or SDB file"
    )


def samples_from_sources(
    sample_sources: Iterable[str | Path],
    buffering: int = BUFFER_SIZE,
    labeled: bool | None = None,
    reverse: bool = False,
) -> CSV | SDB | Interleaved:
    """Return the samples of several files, merged by duration; those of one file in its order.

    To merge files, their samples are read; samples of a single CSV file remain packed.

    Raises:
        CorpusError: no files are given, or one cannot be read.
    """
    collections = [
        samples_from_source(source, buffering, labeled, reverse) for source in sample_sources
    ]
    if not collections:
        raise CorpusError("no files to read samples from")
    if len(collections) == 1:
        return collections[0]
    unpacked = [LenMap(unpack_maybe, collection) for collection in collections]
    return Interleaved(*unpacked, key=lambda sample: sample.duration, reverse=reverse)


class _SampleWriter:
    """Base of the CSV and tar writers: collects rows, and calls `close` at the end of a `with`."""

    def __init__(self, labeled: bool) -> None:
        self.labeled = labeled
        self.columns = _COLUMNS if labeled else _COLUMNS[:2]
        self.rows: list[tuple[object, ...]] = []

    def close(self) -> None:
        raise NotImplementedError

    def _add_row(self, filename: str, size_bytes: int, sample: Any) -> None:
        transcript = (sample.transcript,) if self.labeled else ()
        self.rows.append((filename, size_bytes, *transcript))

    def __enter__(self: Any) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.rows)


class CSVWriter(_SampleWriter):
    """Writes samples as WAV files to a folder, and a CSV file of the same name when closed.

    Args:
        csv_filename: CSV file.
        absolute_paths: whether the CSV file contains absolute paths; otherwise they are relative
            to its folder.
        labeled: whether to write transcripts.

    Raises:
        CorpusError: the folder exists, or cannot be created.
    """

    def __init__(
        self, csv_filename: str | Path, absolute_paths: bool = False, labeled: bool = True
    ) -> None:
        super().__init__(labeled)
        self.csv_filename = Path(csv_filename)
        self.csv_base_dir = self.csv_filename.parent.resolve()
        self.csv_dir = self.csv_base_dir / self.csv_filename.stem
        self.absolute_paths = absolute_paths
        try:
            self.csv_dir.mkdir(parents=True)
        except OSError as error:
            raise CorpusError(f"{self.csv_dir}: cannot be made ({error.strerror})") from None

    def add(self, sample: Sample) -> str:
        """Write a sample, and return the path of its WAV file relative to the CSV file."""
        path = self.csv_dir / f"sample{len(self):08d}.wav"
        sample.change_audio_type(AUDIO_TYPE_PCM)
        write_wav(path, sample.audio, sample.audio_format)
        sample.sample_id = str(path.relative_to(self.csv_base_dir))
        name = str(path) if self.absolute_paths else sample.sample_id
        self._add_row(name, path.stat().st_size, sample)
        return sample.sample_id

    def close(self) -> None:
        """Write the CSV file, atomically."""
        write_csv(self.csv_filename, self.columns, self.rows)


class TarWriter(_SampleWriter):
    """Writes samples as WAV files to a tar archive, with a `samples.csv` that lists them.

    Args:
        tar_filename: tar archive.
        gz: whether to compress the archive with gzip.
        labeled: whether to write transcripts.
        include: files to put beside `samples.csv`.

    Raises:
        CorpusError: the archive cannot be written, or a file to include cannot be read.
    """

    def __init__(
        self,
        tar_filename: str | Path,
        gz: bool = False,
        labeled: bool = True,
        include: Iterable[str | Path] = (),
    ) -> None:
        super().__init__(labeled)
        try:
            self.tar = tarfile.open(tar_filename, "w:gz" if gz else "w")  # noqa: SIM115
            for path in include or ():
                self.tar.add(path, arcname=Path(path).name, recursive=False)
        except OSError as error:
            raise CorpusError(f"{error.filename or tar_filename}: {error.strerror}") from None

    def add(self, sample: Sample) -> str:
        """Write a sample and return its name in the archive."""
        name = f"samples/sample{len(self):08d}.wav"
        sample.change_audio_type(AUDIO_TYPE_PCM)
        content = io.BytesIO()
        write_wav(content, sample.audio, sample.audio_format)
        self._add_file(name, content.getvalue())
        self._add_row(name, len(content.getvalue()), sample)
        return name

    def close(self) -> None:
        """Write `samples.csv` and complete the archive."""
        table = io.StringIO(newline="")
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        self._add_file("samples.csv", table.getvalue().encode())
        self.tar.close()

    def _add_file(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self.tar.addfile(member, io.BytesIO(content))
