"""`python -m coqui_stt_training.transcribe`: recordings of any length to transcription logs.

A recording is read in blocks, cut where nobody speaks, and its segments are transcribed side by
side on all cores, or in batches on a GPU. What is written (`.tlog`, JSON) is upstream's: a list of
`{"start": milliseconds, "end": milliseconds, "transcript": text}`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from coqui_stt_ctcdecoder.regular_file import read_regular
from stt.atomic_file import write_atomically
from stt.audio.folder import audio_files
from stt.counted import counted
from stt.extras import missing_packages
from stt.output_path import check_output_folder

from .cli.command import command, start_logging
from .cli.config import AlphabetFlags, LogFlags, ScorerFlags, SourceFlags
from .cli.data_flags import Names
from .cli.feature_flags import FeatureFlags
from .cli.flags import flag, parse, positive
from .cli.shared_flags import SHARED
from .errors import FlagError, UserError

if TYPE_CHECKING:
    from stt import Model
    from stt.audio.mono import Source
    from stt.transcriber import Recording

_log = logging.getLogger("coqui_stt_training.transcribe")  # __name__ is __main__ under -m


@dataclass(frozen=True)
class TranscribeFlags:
    """Transcription."""

    src: str = flag(
        "",
        "audio file, folder of audio files, or catalog (.catalog, as DSAlign writes them) to "
        "transcribe",
    )
    dst: str = flag(
        "",
        "where to write: a .tlog file, or a folder, which gets the same subfolders as --src; by "
        "default logs stand beside their audio files",
    )
    recursive: bool = flag(False, "look for audio files in subfolders, too")
    force: bool = flag(False, "transcribe again what has been transcribed, and overwrite it")
    vad_aggressiveness: int = flag(
        2,  # the runtime's `AGGRESSIVENESS`; to import it is to import NumPy
        "how readily sound is taken for silence, from 0 to 3",
        check=lambda value: None if 0 <= value <= 3 else "must be 0, 1, 2 or 3",
    )
    batch_size: int = flag(40, "segments transcribed side by side", check=positive)
    outlier_duration_ms: int = flag(
        10000, "length in milliseconds beyond which a segment is an outlier", check=positive
    )
    outlier_batch_size: int = flag(1, "outliers transcribed side by side", check=positive)
    model: str = flag(
        "", "exported model, .tflite or .onnx, to transcribe with instead of a checkpoint"
    )
    subtitles: Names = flag(
        [], "also write subtitles beside the log, of finished logs too: srt, vtt, txt, tsv"
    )
    word_times: bool = flag(
        False, "add to each entry of the log its words, with times in seconds and confidences"
    )

    def __post_init__(self) -> None:
        unknown = set(self.subtitles) - {"srt", "vtt", "txt", "tsv"}
        if unknown:
            raise FlagError(
                f"--subtitles {' '.join(sorted(unknown))}: must be among srt, vtt, txt, tsv"
            )


@dataclass(frozen=True)
class TranscribeConfig:
    """All flags of `transcribe`; those of `train` are accepted too."""

    transcription: TranscribeFlags = TranscribeFlags()
    source: SourceFlags = SourceFlags()
    alphabet: AlphabetFlags = AlphabetFlags()
    features: FeatureFlags = FeatureFlags()
    decoder: ScorerFlags = ScorerFlags()
    output: LogFlags = LogFlags()


@dataclass(frozen=True)
class Task:
    """One recording, and where its log goes."""

    src: Path
    dst: Path


_EPILOG = """examples:
  python -m coqui_stt_training.transcribe --checkpoint_dir ckpt --src interview.wav
  python -m coqui_stt_training.transcribe --model model.tflite --scorer_path kenlm.scorer \\
      --src recordings --recursive true --subtitles srt
"""


@command
def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parsed = parse(
        TranscribeConfig,
        argv,
        program="python -m coqui_stt_training.transcribe",
        description="Transcribe recordings of any length.",
        epilog=_EPILOG,
        tolerated=SHARED,
    )
    config = parsed.config
    start_logging(config.output.log_level, parsed.notices)
    unreadable: list[FlagError] = []
    tasks = list(_unfinished(find_tasks(config.transcription), config.transcription, unreadable))
    for folder in sorted({task.dst.parent for task in tasks}):
        check_output_folder("--dst", folder)
    if tasks:
        _transcribe(tasks, config, parsed.given)
    if unreadable:
        raise UserError(
            f"{counted(len(unreadable), 'log')} could not be made into subtitles, see above"
        )
    return 0


def find_tasks(flags: TranscribeFlags) -> list[Task]:
    """Return what `--src` and `--dst` ask for.

    Raises:
        FlagError: they are missing, or do not go together.
    """
    src = Path(flags.src)
    if not flags.src or not src.exists():
        raise FlagError(
            f"--src {flags.src or '(not given)'}: give an audio file, a folder or a catalog"
            + (" that exists" if flags.src else "")
        )
    if src.is_dir():
        return _tasks_of_folder(src, Path(flags.dst) if flags.dst else src, flags.recursive)
    if src.suffix == ".catalog":
        if flags.dst:
            raise FlagError("--dst: a catalog names the logs itself; leave --dst out")
        return _tasks_of_catalog(src)
    dst = Path(flags.dst) if flags.dst else src.with_suffix(".tlog")
    if dst.is_dir():
        dst /= f"{src.stem}.tlog"
    return [Task(src, dst)]


def _tasks_of_folder(src: Path, dst: Path, recursive: bool) -> list[Task]:
    if dst.is_file():
        raise FlagError(f"--dst {dst}: must be a folder, because --src is one")
    files = audio_files(src, recursive)
    if not files:
        raise FlagError(
            f"--src {src}: no audio files there"
            + ("" if recursive else "; --recursive true looks in its subfolders")
        )
    by_log: dict[Path, Path] = {}
    for file in files:
        log = dst / file.relative_to(src).with_suffix(".tlog")
        if log in by_log:  # clip.wav and clip.mp3 would write one log
            log = log.with_name(f"{file.name}.tlog")
        by_log[log] = file
    return [Task(file, log) for log, file in by_log.items()]


def _tasks_of_catalog(catalog: Path) -> list[Task]:
    """Return what a catalog lists; a file that it names several times is transcribed for each."""
    try:
        entries = json.loads(read_regular(catalog))
        named = [(entry["audio"], entry["tlog"]) for entry in entries]
        tasks = [Task(catalog.parent / audio, catalog.parent / tlog) for audio, tlog in named]
        folder, logs = catalog.parent.resolve(), [task.dst.resolve() for task in tasks]
    except OSError as error:
        raise FlagError(f"--src {catalog}: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FlagError(
            f"--src {catalog}: not a catalog; it must be a JSON list of objects with `audio` and "
            f"`tlog` ({type(error).__name__}: {error})"
        ) from None
    problems = [
        f"the log {task.dst} lies outside of the catalog's folder"
        for task, log in zip(tasks, logs, strict=True)
        if not log.is_relative_to(folder)
    ]
    problems += [
        f"the log {log} is to be written for {count} recordings; give each its own `tlog`"
        for log, count in Counter(logs).items()
        if count > 1
    ]
    if problems:
        raise FlagError(f"--src {catalog}: " + "; ".join(problems))
    return tasks


def _unfinished(
    tasks: list[Task], flags: TranscribeFlags, unreadable: list[FlagError]
) -> Iterator[Task]:
    """Yield what is still to be transcribed; write the subtitles that finished logs lack.

    Args:
        tasks: all of them.
        flags: what is asked for.
        unreadable: gets an error for each log that is none.
    """
    for task in tasks:
        if task.dst.is_file() and not flags.force:
            _log.info('"%s" exists already, skipped (--force true overwrites it)', task.dst)
            try:
                _write_missing_subtitles(task.dst, flags)
            except FlagError as error:
                _log.error("%s", error)
                unreadable.append(error)
        else:
            yield task


def _write_missing_subtitles(log: Path, flags: TranscribeFlags) -> None:
    """Write the subtitles that a finished log lacks, from what is in it."""
    missing = [name for name in flags.subtitles if not log.with_suffix(f".{name}").is_file()]
    if not missing:
        return
    from stt.subtitles import FORMATS
    from stt.transcription_log import read_log

    words = read_log(log)
    for name in missing:
        target = log.with_suffix(f".{name}")
        write_atomically(target, FORMATS[name](words))
        _log.info('Wrote "%s" from "%s"', target, log)


def _load_model(config: TranscribeConfig, given: frozenset[str]) -> Model:
    from stt import Model

    if config.transcription.model:
        model = Model(config.transcription.model, threads=1, parallel=os.cpu_count())
    else:
        model = _load_checkpoint(config, given)
    if "beam_width" in given or not config.transcription.model:
        model.set_beam_width(config.decoder.beam_width)
    if config.decoder.scorer_path:
        model.enable_external_scorer(config.decoder.scorer_path, *config.decoder.weights(given))
    return model


def _load_checkpoint(config: TranscribeConfig, given: frozenset[str]) -> Model:
    if not config.source.load_dir:
        raise FlagError("no model: give --checkpoint_dir FOLDER or --model FILE.tflite")
    from stt import Model

    from .runs.evaluation import load_for_inference
    from .runs.session import choose_features
    from .scoring.engine import checkpoint_engine

    source, alphabet = load_for_inference(config.source, config.alphabet)
    features = choose_features(config.features, source, given)
    return Model.from_engine(checkpoint_engine(replace(source, features=features), alphabet))


def _transcribe(tasks: list[Task], config: TranscribeConfig, given: frozenset[str]) -> int:
    try:
        from tqdm import tqdm
        from tqdm.contrib.logging import logging_redirect_tqdm
    except ModuleNotFoundError:
        extra = "transcribe" if config.transcription.model else "train"
        raise FlagError(missing_packages("tqdm", extra)) from None

    from stt.transcriber import Limits, transcribe_recordings

    flags = config.transcription
    model = _load_model(config, given)
    limits = Limits(flags.batch_size, flags.outlier_duration_ms, flags.outlier_batch_size)
    logs_of: dict[Source, list[Path]] = {}
    for task in tasks:
        logs_of.setdefault(task.src, []).append(task.dst)
    failures = 0
    show = config.output.show_progressbar and sys.stderr.isatty()
    with logging_redirect_tqdm([logging.getLogger("coqui_stt_training")]):
        recordings = transcribe_recordings(
            model,
            list(logs_of),
            limits,
            aggressiveness=flags.vad_aggressiveness,
            any_sample_rate=config.features.normalize_sample_rate,
        )
        for number, recording in enumerate(
            tqdm(recordings, "Transcribing files", total=len(logs_of), disable=not show), 1
        ):
            if recording.error is not None:
                _log.error("%s", recording.error)
                failures += 1
                continue
            for dst in logs_of[recording.source]:
                _write(recording, dst, flags)
                _log.info('[%d]: "%s" -> "%s"', number, recording.source, dst)
    if failures:
        raise UserError(
            f"{failures} of {counted(len(logs_of), 'file')} could not be transcribed, see above"
        )
    return 0


def _write(recording: Recording, dst: Path, flags: TranscribeFlags) -> None:
    from stt.subtitles import FORMATS
    from stt.transcription_log import format_log

    for name in flags.subtitles:  # the log last: where it stands, all is done
        write_atomically(dst.with_suffix(f".{name}"), FORMATS[name](recording.words))
    write_atomically(dst, format_log(recording.passages, flags.word_times))


if __name__ == "__main__":
    main()
