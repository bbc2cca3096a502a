"""Error rates, the printed report and the JSON file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coqui_stt_training.errors import FlagError
from coqui_stt_training.report.evaluation import format_report, save_samples_json, sort_samples
from coqui_stt_training.scoring.metrics import SampleResult, score_sample, score_set

RULE = "-" * 80


def sample(src: str, res: str, loss: float = 1.0) -> SampleResult:
    return score_sample(f"{src}.wav", src, res, loss)


@pytest.mark.parametrize(
    ("src", "res", "wer", "cer"),
    [
        ("the cat sat", "the cat sat", 0, 0),
        ("the cat sat", "the hat", 2 / 3, 5 / 11),
        ("cat", "", 1, 1),
        ("cat", "a cat sat up", 3, 3),  # not clamped
        ("", "", 0, 0),
        ("", "one two", 2, 7),  # insertions, no division by zero
        ("cafe\u0301", "caf\u00e9", 0, 0),
        ("один два", "один  двa", 0.5, 2 / 8),  # the last letter is Latin
    ],
)
def test_rates_of_one_sample(src: str, res: str, wer: float, cer: float) -> None:
    result = sample(src, res)
    assert result.wer == pytest.approx(wer)
    assert result.cer == pytest.approx(cer)


def test_a_set_weighs_by_length_and_is_not_clamped() -> None:
    results = [sample("a b c", "a b c", 1.0), sample("d", "x y z", 3.0)]
    total = score_set(results)
    assert total.wer == 3 / 4
    assert total.cer == 5 / 6
    assert total.loss == 2.0
    assert score_set([sample("a", "b c d")]).wer == 3
    assert score_set([sample("", "b c"), sample("a b", "a b")]).wer == 1
    assert score_set([sample("", "")]).wer == 0


def test_a_set_of_nothing_has_no_loss() -> None:
    total = score_set([])
    assert (total.wer, total.cer) == (0, 0)
    assert math.isnan(total.loss)


@given(st.text(max_size=12), st.text(max_size=12))
def test_rates_are_zero_exactly_for_equal_texts(src: str, res: str) -> None:
    result = sample(src, res)
    assert 0 <= result.cer <= max(len(src), len(res), 1) * 4
    assert sample(src, src).cer == sample(src, src).wer == 0
    assert result.word_distance <= max(len(src.split()), len(res.split()))


def test_order_among_equal_word_error_rates_is_by_characters() -> None:
    near, far = sample("seven", "sevem", 30.0), sample("seven", "x", 0.5)
    assert near.wer == far.wer
    assert sort_samples([far, near]) == [near, far]


def test_order_is_by_rate_then_by_falling_loss() -> None:
    worst_unsure, worst_sure = sample("a", "b", 9.0), sample("b", "c", 0.5)
    good, unknown = sample("c", "c", 2.0), sample("d", "e", math.nan)
    assert sort_samples([worst_sure, good, worst_unsure, unknown]) == [
        good,
        unknown,
        worst_unsure,
        worst_sure,
    ]


def test_the_report_is_the_known_text() -> None:
    results = [sample("one two", "one too", 2.0), sample("three", "three", 1.0)]
    assert format_report(results, "test.csv", report_count=1) == "\n".join(
        [
            "Test on test.csv - WER: 0.333333, CER: 0.083333, loss: 1.500000",
            RULE,
            "Best WER: ",
            RULE,
            "WER: 0.000000, CER: 0.000000, loss: 1.000000",
            " - wav: three.wav",
            ' - src: "three"',
            ' - res: "three"',
            RULE,
            "Median WER: ",
            RULE,
            "WER: 0.500000, CER: 0.142857, loss: 2.000000",
            " - wav: one two.wav",
            ' - src: "one two"',
            ' - res: "one too"',
            RULE,
            "Worst WER: ",
            RULE,
            "WER: 0.500000, CER: 0.142857, loss: 2.000000",
            " - wav: one two.wav",
            ' - src: "one two"',
            ' - res: "one too"',
            RULE,
        ]
    )


@pytest.mark.parametrize(("report_count", "listed"), [(0, 0), (1, 3), (2, 6), (5, 9), (50, 9)])
def test_the_report_lists_as_many_as_asked_or_all(report_count: int, listed: int) -> None:
    results = [sample("a", "a"), sample("b", "c"), sample("d e", "d f")]
    assert format_report(results, "x", report_count=report_count).count(" - wav: ") == listed


def test_the_report_has_no_headings_of_nothing_and_no_loss_where_there_is_none() -> None:
    report = format_report([sample("a", "b", math.nan)], "x.csv", report_count=0, show_loss=False)
    assert report == f"Test on x.csv - WER: 1.000000, CER: 1.000000\n{RULE}"


def test_byte_output_sorts_by_characters() -> None:
    few_characters, few_words = sample("abcdefgh", "abcdefgx"), sample("a bc", "a xyzq")
    assert sort_samples([few_characters, few_words], "cer")[0] is few_characters
    assert sort_samples([few_characters, few_words], "wer")[0] is few_words


def test_json_has_upstream_fields(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.json"
    save_samples_json([sample("жук", "жуч", 0.5), sample("", "", math.inf)], path)
    text = path.read_text(encoding="utf-8")
    assert "жуч" in text
    first, second = json.loads(text)
    assert first == {
        "wav_filename": "жук.wav",
        "src": "жук",
        "res": "жуч",
        "loss": 0.5,
        "char_distance": 1,
        "char_length": 3,
        "word_distance": 1,
        "word_length": 1,
        "cer": 1 / 3,
        "wer": 1.0,
    }
    assert second["loss"] is None
    assert text.startswith('[\n  {\n    "wav_filename"')


def test_json_that_cannot_be_written_is_the_flags_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FlagError, match="--test_output_file"):
        save_samples_json([], tmp_path / "file" / "out.json")
