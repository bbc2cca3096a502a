"""The evaluate_export command: transcribe corpus files with an exported model, and score it."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from stt import Model
from stt.atomic_file import write_atomically
from stt.audio.pcm import scaled
from stt.audio.reference import AudioReference
from stt.audio.source import read_pcm
from stt.counted import counted, first_lines
from stt.metadata import TokenMetadata

from ..cli.command import print_now
from ..cli.export_flags import EvaluateExportConfig, EvaluateExportFlags
from ..cli.progress_bar import ProgressBar
from ..corpus import ChangeCounts, Normalizer, RowFile, read_rows
from ..errors import CorpusError, FlagError, UserError
from ..report.clip_media import ClipMedia
from ..report.clips import ClipResult, ModelResults
from ..report.evaluation import caveat_of, format_report, save_samples_json
from ..report.evaluation_files import write_reports
from ..report.further_columns import further_columns
from ..scoring.confidence import word_confidences
from ..scoring.metrics import SampleResult, score_sample

_SHOWN_PROBLEMS = 20
_SHOWN = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RowResult:
    """A row that was transcribed.

    Attributes:
        source: file and line of the row: `test.csv:17`.
        audio: recording of the row.
        sample: reference, transcript and their differences.
        seconds: duration of the audio.
        confidences: confidence of each word of the transcript, from 0 to 1.
    """

    source: str
    audio: AudioReference
    sample: SampleResult
    seconds: float
    confidences: tuple[float, ...]


def run_evaluation(config: EvaluateExportConfig) -> int:
    """Evaluate a model on corpus files, print the reports, and return the exit status."""
    flags = config.evaluation
    samples: list[SampleResult] = []
    clips: list[ClipResult] = []
    references: list[AudioReference] = []
    with _load(flags) as model:
        for path in flags.csv:
            file = _read(path, model, flags.normalize_transcripts == "true")
            results = evaluate_rows(model, file, flags.proc, config.output.show_progressbar)
            clips += _clip_results(file, results)
            references += [one.audio for one in results]
            found = [one.sample for one in results]
            caveat = caveat_of(found)
            report = format_report(
                found, path,
                report_count=flags.report_count, sort_by="cer" if caveat else "wer",
                show_loss=False,
            )  # fmt: skip
            print_now(report)
            if caveat:
                print_now(f"{path}: {caveat}")
            samples += found
        if flags.report:
            write_reports(
                flags,
                ModelResults(flags.model, tuple(clips)),
                lambda number: _media(model, references[number]),
            )
    if flags.test_output_file:
        save_samples_json(samples, flags.test_output_file)
    if flags.dump:
        _dump(samples, flags.dump)
    return 0


def _load(flags: EvaluateExportFlags) -> Model:
    model = Model(flags.model, threads=1, parallel=flags.proc)
    if flags.beam_width:
        model.set_beam_width(flags.beam_width)
    if flags.scorer:
        model.enable_external_scorer(
            flags.scorer,
            None if flags.lm_alpha < 0 else flags.lm_alpha,
            None if flags.lm_beta < 0 else flags.lm_beta,
        )
    return model


def _read(path: str, model: Model, normalizes: bool) -> RowFile:
    """Read a corpus file; normalise its transcripts, or warn of characters the model cannot write.

    Raises:
        CorpusError: the file cannot be read, or has no rows.
    """
    file = read_rows(path)
    if not file.rows:
        raise CorpusError(f"{path}: has a header, but no rows")
    normalize, changes, unwritable = Normalizer(model.alphabet), ChangeCounts(), Counter[str]()
    rows, mended = [], 0
    for row in file.rows:
        normalized = normalize(row.transcript)
        changes.add(row.source, row.transcript, normalized)
        unknown = model.alphabet.unknown_characters(row.transcript)
        unwritable.update(unknown)
        mended += bool(unknown) and not normalized.unknown
        rows.append(replace(row, transcript=normalized.text))
    if normalizes:
        if changes.rows:
            _log.info("%s", changes.report(len(rows)))
        return replace(file, rows=tuple(rows))
    if unwritable:
        named = ", ".join(repr(character) for character, _ in unwritable.most_common(_SHOWN))
        remedy = f"; --normalize_transcripts true would fix {counted(mended, 'row')}"
        _log.warning(
            "%s: the model cannot write %s; each counts as an error%s",
            path, named, remedy if mended else "",
        )  # fmt: skip
    return file


def evaluate_rows(
    model: Model, file: RowFile, parallel: int, show_progressbar: bool = False
) -> list[RowResult]:
    """Transcribe the rows of a corpus file and compare them with their transcripts.

    Args:
        model: model to transcribe with.
        file: corpus file.
        parallel: number of clips to transcribe at the same time.
        show_progressbar: whether to show a progress bar on a terminal.

    Raises:
        CorpusError: some rows cannot be transcribed; the message lists the first of them.
    """
    path = file.path
    references = file.audio()
    results, problems = [], []
    with (
        ThreadPoolExecutor(parallel) as pool,
        ProgressBar(path, len(file.rows), show_progressbar) as bar,
    ):
        transcripts = [
            None if row.problem else pool.submit(_transcribe, model, audio)
            for row, audio in zip(file.rows, references, strict=True)
        ]
        for row, audio, transcript in zip(file.rows, references, transcripts, strict=True):
            try:
                if transcript is None:
                    raise CorpusError(row.problem)
                tokens, seconds = transcript.result()
                text = "".join(token.text for token in tokens)
                sample = score_sample(str(audio), row.transcript, text, math.nan)
                results.append(
                    RowResult(row.source, audio, sample, seconds, word_confidences(tokens))
                )
            except UserError as error:
                problems.append(f"{row.source}: {error}")
            bar.advance(1)
    if problems:
        shown = first_lines(problems, _SHOWN_PROBLEMS)
        raise CorpusError(
            f"{path}: {len(problems)} of {counted(len(file.rows), 'row')} cannot be evaluated; "
            "correct or remove them:\n  " + "\n  ".join(shown)
        )
    return results


def _transcribe(model: Model, audio: AudioReference) -> tuple[list[TokenMetadata], float]:
    """Return the characters of the transcript, and the duration of the audio in seconds."""
    samples = read_pcm(audio, model.sample_rate())
    tokens = model.stt_with_metadata(samples).transcripts[0].tokens
    return tokens, len(samples) / model.sample_rate()


def _clip_results(file: RowFile, results: Sequence[RowResult]) -> Iterator[ClipResult]:
    columns = further_columns(file)
    for one in results:
        words = len(one.sample.res.split())
        sure = one.confidences if len(one.confidences) == words else ()
        yield ClipResult(one.sample, file.path, one.seconds, columns.get(one.source, {}), sure)


def _media(model: Model, audio: AudioReference) -> ClipMedia:
    samples = read_pcm(audio, model.sample_rate())
    stream = model.create_acoustic_stream()
    rows = np.concatenate([stream.feed(samples), stream.finish()])
    return ClipMedia(scaled(samples), model.sample_rate(), rows, model.alphabet)


def _dump(samples: Sequence[SampleResult], name: str) -> None:
    for suffix, what, texts in (
        ("txt", "Reference texts", [sample.src for sample in samples]),
        ("out", "Transcription  ", [sample.res for sample in samples]),
    ):
        lines = zip(samples, texts, strict=True)
        content = "".join(f"{sample.wav_filename} {text}\n" for sample, text in lines)
        try:
            write_atomically(f"{name}.{suffix}", content)
        except OSError as error:
            raise FlagError(f"--dump {name}.{suffix}: {error.strerror or error}") from None
        print(f"{what} dumped to {name}.{suffix}")
