"""The align command, after its flags are parsed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stt.atomic_file import write_atomically
from stt.audio.source import read_pcm
from stt.cores import available_cores
from stt.counted import counted
from stt.durations import say_audio_length
from stt.engines import Engine, FloatArray, open_engine
from stt.output_path import check_output_list

from ..cli.progress_bar import ProgressBar
from ..corpus import CorpusFiles, expand_file_list
from ..corpus.romanizer import character_map, romanizer
from ..errors import AudioError, CorpusError, UserError
from .alignment import align_clip, align_recording
from .data_set import COLUMNS, CutLimits, choose_cuts, list_of, write_data_set
from .envelope import Envelope, sharpen_edges
from .formats import FORMATS, Alignment
from .posteriors import recording_posteriors
from .spelling import Speller, read_text, split_text

if TYPE_CHECKING:
    from ..align import AlignFlags
    from ..cli.config import LogFlags

_log = logging.getLogger(__name__)


def run_alignment(flags: AlignFlags, output: LogFlags) -> None:
    """Align the files that the flags name, and write the results.

    Raises:
        UserError: the model or a file cannot be read, or, after all others are written, some clips
            or recordings could not be aligned.
    """
    rewrite = (
        romanizer("--romanize")
        if flags.romanize
        else character_map(Path(flags.character_map))
        if flags.character_map
        else str
    )
    engine = open_engine(flags.checkpoint_dir, threads=1, parallel=available_cores())
    speller = Speller(engine.info.alphabet, rewrite)
    if flags.files:
        _align_files(flags, output, engine, speller)
    else:
        _align_recordings(flags, engine, speller)


def _align_files(flags: AlignFlags, output: LogFlags, engine: Engine, speller: Speller) -> None:
    files = CorpusFiles()
    rows = [
        (row, audio)
        for path in expand_file_list(flags.files)
        for found in [files.rows(path)]
        for row, audio in zip(found.rows, found.audio(), strict=True)
    ]
    if not rows:
        raise CorpusError(f"{', '.join(flags.files)}: no rows to align")
    names = _unique_names([row.audio_name for row, _ in rows])
    problems = []
    with ProgressBar("Aligning clips", len(rows), output.show_progressbar, unit="clip") as bar:
        for (row, audio), name in zip(rows, names, strict=True):
            try:
                if row.problem:
                    raise UserError(row.problem)
                samples = read_pcm(audio, engine.info.sample_rate_hz)
                unit = align_clip(
                    speller.unit(row.transcript), engine.posteriors(samples), engine.info
                )
                seconds = len(samples) / engine.info.sample_rate_hz
                _write(flags, Alignment(name, seconds, [unit]))
            except UserError as error:
                problems.append(f"{row.source}: {error}")
            bar.advance(1)
    _log.info("Aligned %s; see %s", counted(len(rows) - len(problems), "clip"), flags.out)
    if problems:
        raise UserError("\n".join([f"{counted(len(problems), 'clip')} not aligned:", *problems]))


def _align_recordings(flags: AlignFlags, engine: Engine, speller: Speller) -> None:
    names = _unique_names(flags.audio)
    for name in names if flags.clips else ():
        check_output_list("--clips", list_of(Path(flags.clips), name), COLUMNS[-1])
    problems = []
    for audio, text, name in zip(flags.audio, flags.text, names, strict=True):
        try:
            _align_recording(flags, engine, speller, audio, text, name)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))


def _align_recording(
    flags: AlignFlags, engine: Engine, speller: Speller, audio: str, text: str, name: str
) -> None:
    units = [speller.unit(piece) for piece in split_text(read_text(text))]
    frames = 0
    envelope = Envelope()

    def posteriors() -> Iterator[FloatArray]:
        nonlocal frames
        for piece in recording_posteriors(engine, audio, flags.vad_aggressiveness, envelope):
            frames += len(piece)
            yield piece
        if not frames:
            raise AudioError(f"{audio}: is empty or too short")

    found = align_recording(units, posteriors(), engine.info, name=audio)
    found = sharpen_edges(found, envelope.levels)
    seconds = frames * engine.info.step_seconds
    _log.info(
        "%s: %d of %s of %s found in %s",
        audio, len(found), counted(len(units), "piece"), text, say_audio_length(seconds),
    )  # fmt: skip
    if flags.out:
        _write(flags, Alignment(name, seconds, found))
    if flags.clips:
        cuts = choose_cuts(found, CutLimits(flags.shortest_clip, flags.longest_clip))
        listed = write_data_set(Path(flags.clips), name, audio, cuts, engine.info.sample_rate_hz)
        total = sum(cut.end_time - cut.start_time for cut in cuts)
        _log.info("%s: %s, %s", listed, counted(len(cuts), "clip"), say_audio_length(total))


def _write(flags: AlignFlags, alignment: Alignment) -> None:
    for suffix in flags.formats:
        path = Path(flags.out) / f"{alignment.name}.{suffix}"
        write_atomically(path, FORMATS[suffix](alignment))


def _unique_names(paths: Sequence[str]) -> list[str]:
    """Return the stems of files; a number makes repeated stems unique."""
    names: dict[str, None] = {}
    for path in paths:
        stem = Path(path).stem or "clip"
        number = 1
        while (name := stem if number == 1 else f"{stem}-{number}") in names:
            number += 1
        names[name] = None
    return list(names)
