"""Clips that a model has transcribed, for reports, and their JSON and CSV files."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder.regular_file import read_regular

from ..errors import CorpusError
from ..scoring.metrics import SampleResult, score_sample, score_set
from .alignment import Operations, align

FORMAT = "coqui-stt evaluation"
_VERSION = 1
_LARGEST_BYTES = 1 << 30
_LONGEST_TEXT = 1 << 20


@dataclass(frozen=True)
class ClipResult:
    """A clip and its transcript by a model.

    Attributes:
        sample: reference, hypothesis and error rates.
        dataset: corpus file that lists the clip.
        duration_seconds: duration of the audio, None if unknown.
        columns: further fields of the clip's row, by column.
        confidences: confidence of each word of the hypothesis, 0 to 1; empty if unknown.
    """

    sample: SampleResult
    dataset: str = ""
    duration_seconds: float | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    confidences: tuple[float, ...] = ()

    @cached_property
    def words(self) -> Operations:
        """Alignment of the words of the hypothesis with those of the reference."""
        return align(self.sample.src.split(), self.sample.res.split())

    @cached_property
    def characters(self) -> Operations:
        """Alignment of the characters of the hypothesis with those of the reference."""
        return align(self.sample.src, self.sample.res)


@dataclass(frozen=True)
class ModelResults:
    """All clips that one model has transcribed.

    Attributes:
        model: name of the model.
        clips: clips in the order of their files.
    """

    model: str
    clips: tuple[ClipResult, ...]

    @property
    def samples(self) -> list[SampleResult]:
        """References, hypotheses and error rates of all clips."""
        return [clip.sample for clip in self.clips]


def as_json(results: ModelResults, summary: Mapping[str, Any]) -> str:
    """Return a report as JSON: a summary, and an object for each clip on its own line."""
    scores = score_set(results.samples)
    head = {
        "format": FORMAT,
        "version": _VERSION,
        "model": results.model,
        "wer": scores.wer,
        "cer": scores.cer,
        "loss": _finite(scores.loss),
        **summary,
    }
    lines = ",\n".join(_dump(_clip_fields(clip)) for clip in results.clips)
    return f'{_dump(head)[:-1]},\n"clips":[\n{lines}\n]}}\n'


def as_csv(sets: Sequence[ModelResults]) -> str:
    """Return a report as CSV: a row for each clip of the first model.

    After the results of this model come the further columns of the clip's corpus file, then the
    results of each other model, which are empty if it has not transcribed the clip.
    """
    names = sorted({name for clip in sets[0].clips for name in clip.columns})
    others = [(one.model, dict(_keyed(one.clips))) for one in sets[1:]]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("dataset", "wav_filename", "duration_seconds", "wer", "cer", "word_distance",
         "word_length", "char_distance", "char_length", "loss", "confidence", "src", "res", *names,
         *(f"{what}, {model}" for model, _ in others for what in ("wer", "cer", "res")))
    )  # fmt: skip
    for key, clip in _keyed(sets[0].clips):
        one = clip.sample
        sure = sum(clip.confidences) / len(clip.confidences) if clip.confidences else math.nan
        writer.writerow(
            (clip.dataset, one.wav_filename, _shown(clip.duration_seconds), f"{one.wer:.6f}",
             f"{one.cer:.6f}", one.word_distance, one.word_length, one.char_distance,
             one.char_length, _shown(one.loss), _shown(sure), one.src, one.res,
             *(clip.columns.get(name, "") for name in names),
             *(text for _, table in others for text in _result_of_another(table.get(key))))
        )  # fmt: skip
    return out.getvalue()


def _result_of_another(clip: ClipResult | None) -> tuple[str, str, str]:
    if clip is None:
        return "", "", ""
    return f"{clip.sample.wer:.6f}", f"{clip.sample.cer:.6f}", clip.sample.res


def read_model_results(path: str | Path) -> ModelResults:
    """Read a JSON report, or a file of `--test_output_file`, and score its texts again.

    Raises:
        CorpusError: the file cannot be read, is not JSON, or is not one of these two formats.
    """
    try:
        kept = json.loads(read_regular(Path(path), _LARGEST_BYTES))
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path}: not a JSON file of at most 1 GiB ({error})") from None
    is_report = isinstance(kept, dict) and kept.get("format") == FORMAT
    clips = kept.get("clips") if is_report else kept
    if not isinstance(clips, list):
        raise CorpusError(
            f"{path}: neither a JSON report of evaluate (--report FILE.json) nor a file of "
            "--test_output_file"
        )
    if is_report and kept.get("version") != _VERSION:
        raise CorpusError(
            f"{path}: has report version {kept.get('version')!r:.20}, but this release reads "
            f"{_VERSION}: evaluate again"
        )
    model = kept.get("model") if is_report else None
    name = model if isinstance(model, str) and model else Path(path).stem
    return ModelResults(
        name, tuple(_parse(clip, f"{path}, clip {i}") for i, clip in enumerate(clips))
    )


def _parse(kept: Any, where: str) -> ClipResult:
    if not isinstance(kept, dict):
        raise CorpusError(f"{where}: not an object")
    for name in ("wav_filename", "src", "res"):
        if not isinstance(kept.get(name), str) or len(kept[name]) > _LONGEST_TEXT:
            raise CorpusError(f"{where}: {name} is missing or not a text")
    loss, duration = (_number(kept.get(name)) for name in ("loss", "duration_seconds"))
    columns, sure = kept.get("columns", {}), kept.get("confidences", [])
    if not isinstance(columns, dict) or not all(isinstance(v, str) for v in columns.values()):
        raise CorpusError(f"{where}: columns are not texts")
    if not isinstance(sure, list) or not all(
        (value := _number(one)) is not None and 0 <= value <= 1 for one in sure
    ):
        raise CorpusError(f"{where}: confidences are not numbers from 0 to 1")
    sample = score_sample(
        kept["wav_filename"], kept["src"], kept["res"], math.nan if loss is None else loss
    )
    dataset = kept.get("dataset", "")
    return ClipResult(
        sample,
        dataset if isinstance(dataset, str) else "",
        duration,
        columns,
        tuple(map(float, sure)) if len(sure) == len(sample.res.split()) else (),
    )


def _clip_fields(clip: ClipResult) -> dict[str, Any]:
    fields = {**vars(clip.sample), "loss": _finite(clip.sample.loss)}
    return {
        **fields,
        "dataset": clip.dataset,
        "duration_seconds": clip.duration_seconds,
        "words": clip.words,
        "confidences": [round(one, 4) for one in clip.confidences],
        "columns": dict(clip.columns),
    }


def same_clips(sets: Sequence[ModelResults]) -> list[ModelResults]:
    """Return the results of several models on the clips that all of them have transcribed.

    Clips are the same if file name and reference are. They are in the order of the first model.
    Dataset, duration and columns are those of the first model too, so that breakdowns have the same
    groups for all models.

    Raises:
        CorpusError: the models have no clip in common.
    """
    if len(sets) == 1:
        return list(sets)
    tables = [dict(_keyed(one.clips)) for one in sets]
    shared = [key for key in tables[0] if all(key in table for table in tables[1:])]
    if not shared:
        names = ", ".join(one.model for one in sets)
        raise CorpusError(
            f"nothing to compare: no clip with the same reference is in all of {names}"
        )
    return [
        ModelResults(one.model, tuple(_with_facts_of(tables[0][key], table[key]) for key in shared))
        for one, table in zip(sets, tables, strict=True)
    ]


def _with_facts_of(clip: ClipResult, other: ClipResult) -> ClipResult:
    if clip is other:
        return clip
    return replace(
        other,
        dataset=clip.dataset,
        duration_seconds=clip.duration_seconds,
        columns=clip.columns,
    )


def _keyed(clips: Iterable[ClipResult]) -> Iterable[tuple[tuple[str, str, int], ClipResult]]:
    """Yield each clip with a unique key: file name, reference, and a number for repeated ones."""
    seen: dict[tuple[str, str], int] = {}
    for clip in clips:
        name = clip.sample.wav_filename, clip.sample.src
        seen[name] = seen.get(name, 0) + 1
        yield (*name, seen[name]), clip


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e12 else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _shown(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.4f}"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
