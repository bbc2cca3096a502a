"""Any collection written as another: clips encoded by several threads, then put together.

Encoded clips are kept in a folder beside the target until it is complete, so that what was killed
goes on where it was; the target itself is there in full or not at all.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from stt.audio.encoding import Encoding
from stt.counted import counted, first_lines
from stt.file_lock import TakenError, holding

from ...cli.progress_bar import ProgressBar
from ...errors import CorpusError
from ..files import CorpusFiles
from ..sources.sdb import OPUS
from .archive import write_archive, write_shards
from .audio_folder import check_free, settle_folder, write_folder
from .encoded import Change, ClipToEncode, Encoded, encode_clips, prepare_folder
from .options import Options
from .sdb import writing_sdb

KINDS = (".csv", ".sdb", ".tar", ".tar.gz", ".tgz", ".json", ".jsonl")
_LISTS = (".csv", ".json", ".jsonl")  # beside a folder with the audio
_SDB_TYPES: dict[Encoding, str] = {"wav": "audio/wav", "flac": "audio/flac", "opus packets": OPUS}
_SHOWN_PROBLEMS = 20


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
            prepare_folder(work, digests, options)
            encoded = _encode(clips, sources, work, options, workers, show_progressbar, change)
            if options.order != "as-is":
                encoded.sort(key=lambda one: one.seconds, reverse=options.order == "longest")
            _assemble(target, kind, encoded, options, work)
            shutil.rmtree(work)
            if kind in _LISTS:
                settle_folder(target)
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
    if kind in _LISTS:
        check_free(target)
    if options.shard_clips and not kind.startswith((".t",)):
        raise CorpusError(f"{target}: only tar archives are cut into shards; name a .tar")


def _read(sources: Sequence[str], files: CorpusFiles, labeled: bool) -> list[ClipToEncode]:
    clips: list[ClipToEncode] = []
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
                clips.append(ClipToEncode(audio, row.source, row.transcript, row.speaker))
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
            f"Correct {counted(len(of_rows), 'row')}, or convert the list without them that this "
            f"writes: python -m coqui_stt_training.check {shlex.join(sources)} --fix cleaned.csv"
        )
    raise CorpusError("\n".join(lines))


def _encode(
    clips: Sequence[ClipToEncode],
    sources: Sequence[str],
    work: Path,
    options: Options,
    workers: int | None,
    show_progressbar: bool,
    change: Change | None,
) -> list[Encoded]:
    problems, encoded = [], []
    with ProgressBar("Encoding", len(clips), show_progressbar, unit="clip") as bar:
        for found in encode_clips(clips, work, options, change, workers):
            if isinstance(found, str):
                problems.append(found)
            else:
                encoded.append(found)
            bar.advance(1)
    _raise_all([], problems, sources)
    return encoded


def _assemble(
    target: Path, kind: str, encoded: Sequence[Encoded], options: Options, work: Path
) -> None:
    if kind in _LISTS:
        write_folder(target, kind, encoded, options, work)
    elif kind == ".sdb":
        with writing_sdb(target, _SDB_TYPES[options.encoding], options.labeled) as writer:
            for one in encoded:
                writer.add(one.path.read_bytes(), one.clip.transcript)
    elif options.shard_clips:
        write_shards(target, kind, encoded, options)
    else:
        write_archive(target, kind, encoded, options)


def describe(count: int, target: Path) -> str:
    """Say what was written."""
    return f"Wrote {counted(count, 'clip')} to {target}"
