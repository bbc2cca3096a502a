"""What an evaluation prints, and the JSON it writes: both as upstream's users know them."""

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
    """Return samples from the best rate to the worst; of equal ones, by the other rate, then by
    loss, the greater first.

    So the last one is what the model was surest of and got most wrong: often the reference is at
    fault there.
    """
    other = "cer" if sort_by == "wer" else "wer"

    def key(sample: SampleResult) -> tuple[float, float, float]:
        loss = math.inf if math.isnan(sample.loss) else sample.loss
        return getattr(sample, sort_by), getattr(sample, other), -loss

    return sorted(samples, key=key)


def representative(samples: Iterable[SampleResult], count: int) -> list[SampleResult]:
    """Return samples that the model does neither well nor badly on: those around the median.

    By the character error rate, which tells models apart that get every word wrong; of equal ones
    by length, so that not the shortest stand for all.
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
    """Return upstream's report of one set: its rates, and some of the best, median and worst clips.

    Args:
        samples: of the set, in any order.
        dataset_name: the input file, for the first line.
        report_count: clips of each of the three kinds (`--report_count`).
        sort_by: the rate that says which are best; `cer` suits byte output mode.
        show_loss: whether there is one to show: exported models have none.
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
    """Return what is to be known of the rates of a set: nothing, most often."""
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
    """Write one object a sample, with upstream's fields, atomically (`--test_output_file`).

    A loss that is not finite, which JSON cannot say, becomes null.

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
