"""The printed report and the JSON file of an evaluation, both in upstream's format."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from stt.atomic_file import remove_partial_files, write_atomically
from stt.words import is_unspaced

from ..errors import FlagError
from ..scoring.metrics import SampleResult, SetResult, score_set

SortKey = Literal["wer", "cer"]
_RULE = "-" * 80


def sort_samples(samples: Iterable[SampleResult], sort_by: SortKey = "wer") -> list[SampleResult]:
    """Sort samples from the lowest error rate to the highest.

    Ties go by the other rate, then by loss, the greater first. The last sample is thus the one that
    the model gets most wrong with the most certainty: often its reference is wrong.
    """
    other = "cer" if sort_by == "wer" else "wer"

    def key(sample: SampleResult) -> tuple[float, float, float]:
        loss = math.inf if math.isnan(sample.loss) else sample.loss
        return getattr(sample, sort_by), getattr(sample, other), -loss

    return sorted(samples, key=key)


def representative(samples: Iterable[SampleResult], count: int) -> list[SampleResult]:
    """Return the samples around the median of the character error rate.

    Unlike the word error rate, it also tells samples apart whose words are all wrong. Ties go by
    length, so that the samples are not all short.
    """
    ordered = sorted(samples, key=lambda sample: (sample.cer, sample.char_length, sample.src))
    start = max(0, (len(ordered) - count) // 2)
    return ordered[start : start + count]


def format_report(
    samples: Iterable[SampleResult],
    dataset_name: str,
    *,
    report_count: int = 5,
    sort_by: SortKey = "wer",
    show_loss: bool = True,
) -> str:
    """Return upstream's report of a set: error rates, and some of the best, median and worst clips.

    Args:
        samples: samples of the set, in any order.
        dataset_name: name of the corpus file, for the first line.
        report_count: number of best, of median and of worst clips (`--report_count`).
        sort_by: error rate that clips are sorted by; `cer` suits byte output mode.
        show_loss: whether to show the loss, which exported models do not have.
    """
    ordered = sort_samples(samples, sort_by)
    count = max(0, report_count)
    median_start = max(0, len(ordered) // 2 - count // 2)
    parts = {
        "Best WER": ordered[:count],
        "Median WER": ordered[median_start : median_start + count],
        "Worst WER": ordered[max(0, len(ordered) - count) :],
    }
    total = score_set(ordered)
    lines = [f"Test on {dataset_name} - {_format_rates(total, show_loss)}", _RULE]
    for title, chosen in parts.items():
        if chosen:
            lines += [f"{title}: ", _RULE]
        for sample in chosen:
            lines += _format_sample(sample, show_loss)
    return "\n".join(lines)


def caveat_of(samples: Iterable[SampleResult]) -> str:
    """Return a warning about the error rates of a set; empty if there is none."""
    if not is_unspaced(sample.src for sample in samples):
        return ""
    return (
        "its script has no spaces between words, so WER counts whole phrases or clips as wrong; "
        "use CER"
    )


def _format_rates(result: SampleResult | SetResult, show_loss: bool) -> str:
    loss = f", loss: {result.loss:f}" if show_loss else ""
    return f"WER: {result.wer:f}, CER: {result.cer:f}{loss}"


def _format_sample(sample: SampleResult, show_loss: bool) -> list[str]:
    return [
        _format_rates(sample, show_loss),
        f" - wav: {sample.wav_filename}",
        f' - src: "{sample.src}"',
        f' - res: "{sample.res}"',
        _RULE,
    ]


def save_samples_json(samples: Sequence[SampleResult], path: str | Path) -> None:
    """Write an object for each sample, with upstream's fields, atomically (`--test_output_file`).

    A loss that is not finite becomes null, since JSON has no such numbers.

    Raises:
        FlagError: the file cannot be written.
    """
    entries = [dataclasses.asdict(sample) for sample in samples]
    for entry in entries:
        if not math.isfinite(entry["loss"]):
            entry["loss"] = None
    content = json.dumps(entries, ensure_ascii=False, indent=2, allow_nan=False)
    try:
        remove_partial_files(Path(path).parent, Path(path).name)
        write_atomically(path, content + "\n")
    except OSError as error:
        raise FlagError(
            f"--test_output_file {path}: cannot be written ({error.strerror or error})"
        ) from None
