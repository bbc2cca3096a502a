"""Measure an exported model: `python -m coqui_stt_training.evaluate_export --help`."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from . import command
from .errors import CorpusError, FlagError, UserError
from .exporting.config import EvaluateExportConfig, EvaluateExportFlags
from .flags import parse

if TYPE_CHECKING:
    from stt import Model

    from .metrics import SampleResult

_log = logging.getLogger(__name__)

_EPILOG = """
example:
  python -m coqui_stt_training.evaluate_export --model exported/output_graph.tflite \\
      --csv test.csv --scorer kenlm.scorer
"""
_SHOWN_PROBLEMS = 20


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    parsed = parse(
        EvaluateExportConfig,
        argv,
        program="python -m coqui_stt_training.evaluate_export",
        description="Transcribe CSV files with an exported model and report its error rates.",
        epilog=_EPILOG,
    )
    flags = parsed.config.evaluation
    command.start_logging(parsed.config.output.log_level)
    if not flags.model:
        raise FlagError("no model to evaluate; give --model")
    if not flags.csv:
        raise FlagError("nothing to evaluate on; give --csv")
    with _load(flags) as model:
        results = [
            _evaluate(model, path, flags, parsed.config.output.show_progressbar)
            for path in flags.csv
        ]
    samples = [sample for result in results for sample in result]
    if flags.test_output_file:
        from .evaluation_report import save_samples_json

        save_samples_json(samples, flags.test_output_file)
    if flags.dump:
        _dump(samples, flags.dump)
    return 0


def _load(flags: EvaluateExportFlags) -> Model:
    from stt import Model

    model = Model(flags.model, threads=1, parallel=flags.proc)
    if flags.beam_width:
        model.set_beam_width(flags.beam_width)
    if flags.scorer:
        model.enable_external_scorer(flags.scorer)
        alpha, beta = model.scorer_alpha_beta()
        model.set_scorer_alpha_beta(
            alpha if flags.lm_alpha < 0 else flags.lm_alpha,
            beta if flags.lm_beta < 0 else flags.lm_beta,
        )
    return model


def _evaluate(
    model: Model, path: str, flags: EvaluateExportFlags, show_progressbar: bool
) -> list[SampleResult]:
    """Transcribe a file's rows and print its report.

    Raises:
        CorpusError: rows that cannot be transcribed, all of them.
    """
    from .corpus import read_rows
    from .evaluation_report import format_report
    from .metrics import score_sample
    from .progress_bar import ProgressBar

    file = read_rows(path)
    audio_paths = file.audio_paths()
    samples, problems = [], []
    with (
        ThreadPoolExecutor(flags.proc) as pool,
        ProgressBar(path, len(file.rows), show_progressbar) as bar,
    ):
        transcripts = [
            None if row.problem else pool.submit(_transcribe, model, audio)
            for row, audio in zip(file.rows, audio_paths, strict=True)
        ]
        for row, audio, transcript in zip(file.rows, audio_paths, transcripts, strict=True):
            try:
                if transcript is None:
                    raise CorpusError(row.problem)
                text = transcript.result()
                samples.append(score_sample(str(audio), row.transcript, text, math.nan))
            except UserError as error:
                problems.append(f"{row.source}: {error}")
            bar.advance(1)
    if problems:
        more = len(problems) - _SHOWN_PROBLEMS
        shown = problems[:_SHOWN_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
        raise CorpusError(
            f"{path}: {len(problems)} of {len(file.rows)} rows cannot be evaluated; correct them "
            "or take them out:\n  " + "\n  ".join(shown)
        )
    print(format_report(samples, path, report_count=flags.report_count))
    return samples


def _transcribe(model: Model, audio_path: Path) -> str:
    from stt.audio_source import read_pcm

    return model.stt(read_pcm(audio_path, model.sample_rate()))


def _dump(samples: Sequence[SampleResult], name: str) -> None:
    from .atomic_file import write_atomically

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


if __name__ == "__main__":
    raise SystemExit(command.run(main))
