"""The work of `transcribe`, once its flags are read."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stt.cores import available_cores
from stt.counted import counted, first_lines
from stt.extras import missing_packages
from stt.output_path import check_output_folder
from stt.subtitles import FORMATS
from stt.transcriber import BatchLimits, TranscribedRecording
from stt.transcription_log import format_log, read_log

from ..cluster.spread import spread
from ..errors import FlagError, UserError
from .opening import ModelChoice
from .place import Place, copied_here, files_there, with_suffix, write
from .tasks import Task, find_tasks
from .transcriber import TranscriptionSettings

if TYPE_CHECKING:
    from ..transcribe import TranscribeConfig, TranscribeFlags

_log = logging.getLogger(__name__)
_NAMED = 20


def run_transcription(config: TranscribeConfig, given: frozenset[str]) -> None:
    """Transcribe the recordings that have no log yet.

    Raises:
        UserError: the model, a recording or a log cannot be used, or flags exclude each other.
    """
    flags = config.transcription
    unreadable: list[FlagError] = []
    tasks = find_tasks(flags.src, flags.dst, recursive=flags.recursive)
    tasks = list(_unfinished(tasks, flags, unreadable))
    for folder in sorted({task.dst.parent for task in tasks if isinstance(task.dst, Path)}):
        check_output_folder("--dst", folder)
    if tasks:
        _transcribe(tasks, config, given)
    if unreadable:
        raise UserError(
            f"{counted(len(unreadable), 'log')} could not be converted to subtitles, see above"
        )


def _unfinished(
    tasks: Sequence[Task], flags: TranscribeFlags, unreadable: list[FlagError]
) -> Iterator[Task]:
    """Yield the tasks without a log; write the missing subtitles of existing logs.

    Args:
        tasks: all tasks.
        flags: the flags of `transcribe`.
        unreadable: list that gets an error for each log that cannot be read.
    """
    exists = files_there([task.dst for task in tasks])
    for task in tasks:
        if flags.force or not exists(task.dst):
            yield task
            continue
        _log.info('"%s" exists already, skipped (--force true overwrites it)', task.dst)
        places = {name: with_suffix(task.dst, f".{name}") for name in flags.subtitles}
        missing = {name: place for name, place in places.items() if not exists(place)}
        try:
            _write_missing_subtitles(task.dst, missing)
        except FlagError as error:
            _log.error("%s", error)
            unreadable.append(error)


def _write_missing_subtitles(log: Place, missing: dict[str, Place]) -> None:
    """Write the missing subtitles of a finished log, from its words."""
    if not missing:
        return
    with copied_here(log) as file:
        words = read_log(file)
    for name, target in missing.items():
        write(target, FORMATS[name](words))
        _log.info('Wrote "%s" from "%s"', target, log)


def _transcribe(tasks: Sequence[Task], config: TranscribeConfig, given: frozenset[str]) -> None:
    try:
        from tqdm import tqdm
        from tqdm.contrib.logging import logging_redirect_tqdm
    except ModuleNotFoundError:
        extra = "transcribe" if config.transcription.model else "train"
        raise FlagError(missing_packages("tqdm", extra)) from None

    logs_of: dict[Place, list[Place]] = {}
    for task in tasks:
        logs_of.setdefault(task.src, []).append(task.dst)
    failures: list[str] = []
    show = config.output.show_progressbar and sys.stderr.isatty()
    with logging_redirect_tqdm([logging.getLogger("coqui_stt_training")]):
        transcribed = _transcribed(list(logs_of), config, given)
        for number, (src, found) in enumerate(
            tqdm(transcribed, "Transcribing files", total=len(logs_of), disable=not show), 1
        ):
            if isinstance(found, UserError):
                _log.error("%s", found)
                failures.append(str(found))
                continue
            for dst in logs_of[src]:
                _write(found, dst, config.transcription)
                _log.info('[%d]: "%s" -> "%s"', number, src, dst)
    if failures:
        shown = "\n  ".join(first_lines(failures, _NAMED))
        raise UserError(
            f"{len(failures)} of {counted(len(logs_of), 'file')} could not be transcribed; run "
            f"the same command to try them again:\n  {shown}"
        )


def _transcribed(
    sources: Sequence[Place], config: TranscribeConfig, given: frozenset[str]
) -> Iterable[tuple[Place, TranscribedRecording | UserError]]:
    flags = config.transcription
    choice = ModelChoice(
        flags.model, config.source, config.alphabet, config.features, config.decoder, given
    )
    limits = BatchLimits(flags.batch_size, flags.outlier_duration_ms, flags.outlier_batch_size)
    settings = TranscriptionSettings(
        choice, limits, flags.vad_aggressiveness, config.features.normalize_sample_rate
    )
    choice.check()
    if cluster := config.cluster.chosen():
        return spread(settings.open, sources, cluster)
    return settings.open(available_cores())(sources)


def _write(recording: TranscribedRecording, dst: Place, flags: TranscribeFlags) -> None:
    for name in flags.subtitles:  # the log is last: if it exists, the recording is done
        write(with_suffix(dst, f".{name}"), FORMATS[name](recording.words))
    write(dst, format_log(recording.passages, flags.word_times))
