"""Any collection written as another: clips encoded by several threads, then put together.

Encoded clips are kept in a folder beside the target until it is complete, so that what was killed
goes on where it was; the target itself is there in full or not at all.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import tarfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stt.atomic_file import replacing, write_atomically
from stt.audio.encoding import Encoding, encodable_rate, encode_audio
from stt.audio.file import read_audio, read_sample_rate
from stt.audio.pcm import to_pcm
from stt.audio.reference import AudioReference
from stt.cores import available_cores
from stt.counted import counted, first_lines
from stt.file_lock import TakenError, holding

from ...cli.progress_bar import ProgressBar
from ...errors import AudioError, CorpusError
from ..csv_file import format_csv, write_csv
from ..files import CorpusFiles
from ..sources.sdb import OPUS
from .sdb import writing_sdb

Order = Literal["shortest", "longest", "as-is"]
Change = Callable[[NDArray[np.float32], int, str, float], NDArray[np.float32]]

KINDS = (".csv", ".sdb", ".tar", ".tar.gz", ".tgz", ".json", ".jsonl")
_SUFFIXES: dict[Encoding, str] = {"wav": ".wav", "flac": ".flac", "opus": ".opus",
                                  "opus packets": ".packets"}  # fmt: skip
_SDB_TYPES: dict[Encoding, str] = {"wav": "audio/wav", "flac": "audio/flac", "opus packets": OPUS}
_SHOWN_PROBLEMS = 20


@dataclass(frozen=True)
class Options:
    """What to make of the clips.

    Attributes:
        encoding: of the audio.
        bitrate: of Opus, None for the encoder's choice.
        sample_rate_hz: to resample to, None to keep each clip's.
        order: of the clips, by their length.
        labeled: whether with transcripts.
        shard_clips: clips of a shard of a tar target; 0: one archive as upstream's.
        absolute_paths: whether CSV files name audio so.
        include: files to put into the root of a tar target.
        changes: in words, what is done to the samples before they are encoded.
    """

    encoding: Encoding
    bitrate: int | None = None
    sample_rate_hz: int | None = None
    order: Order = "shortest"
    labeled: bool = True
    shard_clips: int = 0
    absolute_paths: bool = False
    include: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Clip:
    audio: AudioReference
    source: str
    transcript: str
    speaker: str


@dataclass(frozen=True)
class _Encoded:
    path: Path
    seconds: float
    clip: _Clip


def convert_collections(
    sources: Sequence[str],
    target: Path,
    options: Options,
    *,
    workers: int | None = None,
    show_progressbar: bool = False,
    change: Change | None = None,
) -> int:
    """Write the clips of collections as one, and return how many they are.

    Args:
        sources: what to read.
        target: what to write; its suffix says which kind, one of `KINDS`.
        options: what to make of the clips.
        workers: threads; None: one for each core.
        show_progressbar: whether to show one on a terminal.
        change: what to do to the samples of each clip before they are encoded, such as an
            augmentation; is given them, their rate in Hz, the clip's name and its place among all,
            0 to 1. It must give the same for the same clip, and `options.changes` must say what it
            does, or what is resumed is not what was begun.

    Raises:
        CorpusError: sources that cannot be read, rows that are bad (all of them at once), a
            target that is there, or that cannot be written.
    """
    kind = next((one for one in reversed(KINDS) if target.name.lower().endswith(one)), None)
    if kind is None:
        raise CorpusError(f"{target}: its name must end in one of {', '.join(KINDS)}")
    _check_target(target, kind, options, sources)
    files = CorpusFiles()
    clips = _read(sources, files, options.labeled)
    work = target.with_name(f".{target.name}.encoding")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with holding(target.with_name(f".{target.name}.lock")):
            digests = [files.digest(source, labelled=options.labeled) for source in sources]
            _prepare(work, digests, options)
            encoded = _encode(clips, sources, work, options, workers, show_progressbar, change)
            if options.order != "as-is":
                encoded.sort(key=lambda one: one.seconds, reverse=options.order == "longest")
            _assemble(target, kind, encoded, options)
            shutil.rmtree(work)
    except TakenError as error:
        who = f", {error.owner}," if error.owner else ""
        raise CorpusError(
            f"{target}: another command{who} is writing it; wait for its end, or name another file"
        ) from None
    except OSError as error:
        raise CorpusError(
            f"{error.filename or target}: cannot be written ({error.strerror or error})"
        ) from None
    return len(encoded)


def _check_target(target: Path, kind: str, options: Options, sources: Sequence[str]) -> None:
    if target.exists() and any(Path(one).exists() and target.samefile(one) for one in sources):
        raise CorpusError(
            f"{target}: is one of the sources, and would be overwritten; choose another name for "
            "what is written, the last one"
        )
    if kind == ".sdb" and options.encoding not in _SDB_TYPES:
        raise CorpusError(f"{target}: an SDB file holds {', '.join(_SDB_TYPES)}")
    if kind in (".csv", ".json", ".jsonl") and _folder_of(target).exists():
        raise CorpusError(
            f"{_folder_of(target)}: is there already, and would hold the audio of {target}; remove "
            "it, or choose another name"
        )
    if options.shard_clips and not kind.startswith((".t",)):
        raise CorpusError(f"{target}: only tar archives are cut into shards; name a .tar")


def _read(sources: Sequence[str], files: CorpusFiles, labeled: bool) -> list[_Clip]:
    clips: list[_Clip] = []
    files_problems: list[str] = []
    problems: list[str] = []
    for source in sources:
        try:
            found = files.rows(source, labelled=labeled)
        except CorpusError as error:
            files_problems.append(str(error))
            continue
        for row, audio in zip(found.rows, found.audio(), strict=True):
            if row.problem and (labeled or row.audio is None):
                problems.append(f"{row.source}: {row.problem}")
            elif not audio.path.is_file():
                problem = "not a regular file" if audio.path.exists() else "no such file"
                problems.append(f"{row.source}: {audio}: {problem}")
            else:
                clips.append(_Clip(audio, row.source, row.transcript, row.speaker))
    _raise_all(files_problems, problems, sources)
    if not clips:
        raise CorpusError(f"{' '.join(sources)}: no clips to write")
    return clips


def _raise_all(of_files: Sequence[str], of_rows: Sequence[str], sources: Sequence[str]) -> None:
    """Raise an error of all problems, if there are any.

    Raises:
        CorpusError: that.
    """
    problems = [*of_files, *of_rows]
    if not problems:
        return
    lines = first_lines(problems, _SHOWN_PROBLEMS)
    if of_rows and not of_files:
        lines.append(
            f"Mend {counted(len(of_rows), 'row')}, or convert the list without them that this "
            f"writes: python -m coqui_stt_training.check {shlex.join(sources)} --fix cleaned.csv"
        )
    raise CorpusError("\n".join(lines))


def _prepare(work: Path, digests: list[str], options: Options) -> None:
    """Make the folder of encoded clips; one of other sources or options is begun anew."""
    keep = ("encoding", "bitrate", "sample_rate_hz", "labeled", "changes")
    kept = {name: value for name, value in asdict(options).items() if name in keep and value != ()}
    plan = json.dumps({"sources": digests, **kept})
    record = work / "plan.json"
    if work.exists() and not (record.is_file() and record.read_text() == plan):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    write_atomically(record, plan)


def _encode(
    clips: Sequence[_Clip],
    sources: Sequence[str],
    work: Path,
    options: Options,
    workers: int | None,
    show_progressbar: bool,
    change: Change | None,
) -> list[_Encoded]:
    def encode(item: tuple[int, _Clip]) -> _Encoded | str:
        number, clip = item
        clock = number / max(1, len(clips) - 1)
        try:
            return _encode_one(clip, work / f"{number:08d}", options, change, clock)
        except AudioError as error:
            return f"{clip.source}: {str(error).removeprefix(f'{clip.source}: ')}"

    problems, encoded = [], []
    pool = ThreadPoolExecutor(workers or available_cores())
    with pool, ProgressBar("Encoding", len(clips), show_progressbar, unit="clip") as bar:
        for found in pool.map(encode, enumerate(clips)):
            if isinstance(found, str):
                problems.append(found)
            else:
                encoded.append(found)
            bar.advance(1)
    _raise_all([], problems, sources)
    return encoded


def _encode_one(
    clip: _Clip, path: Path, options: Options, change: Change | None, clock: float
) -> _Encoded:
    """Encode a clip, unless a process that was killed has done so."""
    length = path.with_suffix(".seconds")
    target = path.with_suffix(_SUFFIXES[options.encoding])
    if length.exists() and target.exists():
        return _Encoded(target, float(length.read_text()), clip)
    wanted = options.sample_rate_hz or read_sample_rate(clip.audio)
    rate_hz = encodable_rate(wanted, options.encoding)
    samples = read_audio(clip.audio, rate_hz)
    if change:
        samples = change(samples, rate_hz, clip.source, clock)
    pcm = to_pcm(samples)
    write_atomically(target, encode_audio(pcm, rate_hz, options.encoding, options.bitrate))
    seconds = len(pcm) / rate_hz
    write_atomically(length, repr(seconds))
    return _Encoded(target, seconds, clip)


def _assemble(target: Path, kind: str, encoded: Sequence[_Encoded], options: Options) -> None:
    if kind == ".sdb":
        with writing_sdb(target, _SDB_TYPES[options.encoding], options.labeled) as writer:
            for one in encoded:
                writer.add(one.path.read_bytes(), one.clip.transcript)
    elif kind.startswith(".t") and options.shard_clips:
        _write_shards(target, kind, encoded, options)
    elif kind.startswith(".t"):
        rows, members = [], []
        for number, one in enumerate(encoded):
            name = f"samples/sample{number:08d}{one.path.suffix}"
            members.append((name, one.path))
            rows.append(_row(name, one, options.labeled))
        table = format_csv(_columns(options.labeled), rows)
        _write_tar(target, kind, members, {"samples.csv": table}, options.include)
    else:
        _write_folder(target, kind, encoded, options)


def _columns(labeled: bool) -> tuple[str, ...]:
    return ("wav_filename", "wav_filesize", *(("transcript",) if labeled else ()))


def _row(name: str, one: _Encoded, labeled: bool) -> tuple[object, ...]:
    return (name, one.path.stat().st_size, *((one.clip.transcript,) if labeled else ()))


def _write_shards(target: Path, kind: str, encoded: Sequence[_Encoded], options: Options) -> None:
    """Write archives in the way of webdataset: a recording and a JSON file of the same name."""
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
        _write_tar(path, kind, members, texts, options.include)


def _write_tar(
    path: Path,
    kind: str,
    members: Iterable[tuple[str, Path]],
    texts: dict[str, bytes],
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


def _folder_of(target: Path) -> Path:
    return target.with_name(target.name.rpartition(".")[0])


def _write_folder(target: Path, kind: str, encoded: Sequence[_Encoded], options: Options) -> None:
    """Write audio files into a folder named as the target, and the target that lists them.

    The folder appears in one step, and the list after it.
    """
    folder = _folder_of(target)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    names = []
    for number, one in enumerate(encoded):
        name = f"sample{number:08d}{one.path.suffix}"
        shutil.copyfile(one.path, partial / name)
        file = folder / name
        names.append(str(file.resolve()) if options.absolute_paths else f"{folder.name}/{name}")
    partial.rename(folder)
    pairs = list(zip(names, encoded, strict=True))
    if kind == ".csv":
        rows = [_row(name, one, options.labeled) for name, one in pairs]
        write_csv(target, _columns(options.labeled), rows)
        return
    lines = []
    for name, one in pairs:
        line: dict[str, object] = {"audio_filepath": name, "duration": one.seconds}
        line |= {"text": one.clip.transcript} if options.labeled else {}
        line |= {"speaker": one.clip.speaker} if one.clip.speaker else {}
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    write_atomically(target, "".join(lines))


def describe(count: int, target: Path) -> str:
    """Say what was written."""
    return f"Wrote {counted(count, 'clip')} to {target}"
