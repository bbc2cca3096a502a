"""Error rates of transcripts, and a report of them, for scripts that transcribe on their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..report.evaluation import SortKey, format_report, save_samples_json, sort_samples
from ..scoring.metrics import SampleResult, score_sample, score_set

__all__ = [
    "calculate_and_print_report",
    "print_report",
    "process_decode_result",
    "save_samples_json",
    "wer_cer_batch",
]

DecodeResult = tuple[str, str, str, float]  # file, reference, hypothesis, loss


def wer_cer_batch(samples: Sequence[SampleResult]) -> tuple[float, float]:
    """Return the word and the character error rate over samples, like upstream at most 1."""
    result = score_set(samples)
    return min(result.wer, 1.0), min(result.cer, 1.0)


def process_decode_result(item: DecodeResult) -> SampleResult:
    """Compare a hypothesis with its reference."""
    return score_sample(*item)


def calculate_and_print_report(
    wav_filenames: Iterable[str],
    labels: Iterable[str],
    decodings: Iterable[str],
    losses: Iterable[float],
    dataset_name: str | Path,
    sort_by: str = "wer",
    report_count: int = 5,
) -> list[SampleResult]:
    """Print the error rates of a set, and some of its best, median and worst samples.

    Args:
        wav_filenames: names of the audio files.
        labels: reference transcript of each file.
        decodings: hypothesis for each file.
        losses: loss of each file.
        dataset_name: name of the set, for the first line.
        sort_by: error rate to sort by, `wer` or `cer`.
        report_count: number of best, of median and of worst samples to print.

    Returns:
        All samples, the best first.
    """
    items = zip(wav_filenames, labels, decodings, losses, strict=True)
    samples = [process_decode_result(item) for item in items]
    key: SortKey = "cer" if sort_by == "cer" else "wer"
    print(format_report(samples, str(dataset_name), report_count=report_count, sort_by=key))
    return sort_samples(samples, key)


def print_report(
    samples: Sequence[SampleResult],
    losses: Sequence[float],
    wer: float,
    cer: float,
    dataset_name: str | Path,
    report_count: int = 5,
) -> None:
    """Print a report of samples, with the error rates and losses of the samples themselves.

    The arguments `losses`, `wer` and `cer` are ignored.
    """
    print(format_report(samples, str(dataset_name), report_count=report_count))
