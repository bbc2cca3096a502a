"""Evaluation reports: their numbers, their files, and the page in a browser."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import needs_browser, opened, refused, shows_paper, stumbles
from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.cli.report_flags import ReportFlags
from coqui_stt_training.errors import CorpusError, FlagError
from coqui_stt_training.report import clip_data
from coqui_stt_training.report.breakdown import by_columns, by_duration, by_word_frequency
from coqui_stt_training.report.clip_media import ClipMedia
from coqui_stt_training.report.clips import ClipResult, ModelResults, read_model_results
from coqui_stt_training.report.confidence_intervals import difference_of, rate_of, units_of
from coqui_stt_training.report.confusions import calibration, character_matrix, word_confusions
from coqui_stt_training.report.evaluation import caveat_of
from coqui_stt_training.report.evaluation_files import (
    check_report_flags,
    write_report,
    write_reports,
)
from coqui_stt_training.scoring.metrics import score_sample

HOSTILE = "</script><img src=x onerror=alert(1)>"
WORDS = ["go", "stop", "up", "down", "left", "right", "yes", "no", "on", "off"]


def clip(
    number: int, said: str, heard: str, sure: Sequence[float] = (), **columns: str
) -> ClipResult:
    sample = score_sample(f"clips/{number}.wav", said, heard, float(number))
    return ClipResult(sample, "test.csv", 0.5 + number % 7, columns, tuple(sure))


def heard(model: str, count: int, share_wrong: float, seed: int = 1) -> ModelResults:
    texts, errors = np.random.default_rng(7), np.random.default_rng(seed)
    clips = []
    for number in range(count):
        said = [str(word) for word in texts.choice(WORDS, texts.integers(1, 6))]
        wrong = errors.random(len(said)) < share_wrong
        got = ["nope" if bad else word for bad, word in zip(wrong, said, strict=True)]
        sure = [0.3 if bad else 0.9 for bad in wrong]
        clips.append(clip(number, " ".join(said), " ".join(got), sure, speaker=f"s{number % 12}"))
    return ModelResults(model, tuple(clips))


def test_the_interval_of_a_rate_holds_the_truth_as_often_as_it_says() -> None:
    generator, lengths = np.random.default_rng(3), np.full(150, 10)
    inside = 0
    for seed in range(100):
        rate = rate_of(generator.binomial(10, 0.2, 150), lengths, units_of([""] * 150), seed)
        inside += rate.low <= 0.2 <= rate.high
    assert 88 <= inside <= 99  # 95 are expected, with a standard deviation of 2


def test_speakers_are_drawn_where_they_are_known() -> None:
    """Errors that all clips of a speaker share make a rate less certain than independent clips."""
    speakers = [f"s{number // 20}" for number in range(400)]
    errors = np.array([10 if number // 20 % 4 == 0 else 0 for number in range(400)])
    lengths = np.full(400, 10)
    by_speaker = rate_of(errors, lengths, units_of(speakers))
    by_clip = rate_of(errors, lengths, units_of([""] * 400))
    assert units_of(speakers).name == "speakers"
    assert by_speaker.high - by_speaker.low > 2 * (by_clip.high - by_clip.low)


def test_a_difference_is_significant_only_where_there_is_one() -> None:
    generator, lengths, units = np.random.default_rng(5), np.full(300, 10), units_of([""] * 300)
    one, other, worse = (generator.binomial(10, share, 300) for share in (0.2, 0.2, 0.3))
    assert difference_of(one, other, lengths, units).p_value > 0.05
    found = difference_of(one, worse, lengths, units)
    assert found.p_value < 0.01
    assert found.rate.high < 0


def test_breakdowns_and_confusions() -> None:
    clips = (
        clip(0, "a b a", "a c", [0.9, 0.2], accent="x"),
        clip(1, "a", "a d", [1.0, 0.1], accent="y"),
    )
    assert [group.name for group in by_duration(clips).groups] == ["under 1 s", "1 to 2 s"]
    (accent,) = by_columns(clips)
    assert [(one.name, one.wer.value) for one in accent.groups] == [("x", 2 / 3), ("y", 1.0)]
    found = word_confusions(clips)
    assert found.substitutions == {("b", "c"): 1} or found.substitutions == {("a", "c"): 1}
    assert sum(found.deletions.values()) == 1
    assert found.insertions == {"d": 1}
    assert [(one.name, one.spoken) for one in by_word_frequency(clips)] == [
        ("1×", 1),
        ("2 to 3×", 3),
    ]
    calibrated = calibration(clips)
    assert calibrated is not None
    assert sum(count for _, _, count in calibrated.bins) == 4
    assert calibrated.bins[9][1] == 1.0
    assert calibrated.bins[2][1] == 0.0
    matrix = character_matrix(clips)
    assert sum(map(sum, matrix.counts)) >= 7


def test_json_is_read_again_and_csv_has_a_line_for_each_clip(tmp_path: Path) -> None:
    one = heard("one", 20, 0.2)
    for name in ("r.json", "r.csv"):
        write_report(tmp_path / name, [one])
    again = read_model_results(tmp_path / "r.json")
    assert again == one
    kept = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert kept["wer_interval"][0] <= kept["wer"] <= kept["wer_interval"][1]
    with (tmp_path / "r.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["src"] for row in rows] == [one.sample.src for one in one.clips]
    assert rows[13]["speaker"] == "s1"
    other = ModelResults("other", heard("other", 20, 0.5, 2).clips[:5])
    write_report(tmp_path / "r.csv", [one, other])
    with (tmp_path / "r.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts = [clip.sample.res for clip in other.clips]
    assert [row["res, other"] for row in rows] == [*texts, *[""] * 15]
    assert float(rows[3]["wer, other"]) == pytest.approx(other.clips[3].sample.wer, abs=1e-6)


@pytest.mark.parametrize(
    "content",
    ["", "{", "{}", "[1]", '[{"wav_filename": 1}]',
     '{"format": "coqui-stt evaluation", "version": 2, "clips": []}', "[" * 100_000,
     '[{"wav_filename": "a", "src": "b", "res": "c", "confidences": ["x"]}]'],
)  # fmt: skip
def test_a_broken_report_is_an_error_that_names_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "broken.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"broken\.json"):
        read_model_results(file)


def test_flags_are_checked_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match="unknown format"):
        check_report_flags(ReportFlags(report=(str(tmp_path / "report.pdf"),)))
    with pytest.raises(FlagError, match="needs an HTML page"):
        check_report_flags(ReportFlags(compare=("other.json",)))
    other = ModelResults("other", (clip(1, "else", "else"),))
    with pytest.raises(CorpusError, match="nothing to compare"):
        write_report(tmp_path / "x.html", [heard("one", 3, 0.1), other])


def media(number: int) -> ClipMedia:
    time = np.arange(16000) / 16000
    rows = np.random.default_rng(number).dirichlet([0.1] * 4, 50).astype(np.float32)
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32) / 2
    return ClipMedia(tone, 16000, rows, Alphabet.from_labels(["a", "ب", " "]))


def rows_of(page: Any) -> list[str]:
    return [row.inner_text() for row in page.query_selector_all("#list tbody tr:not(.detail)")]


def test_a_report_that_cannot_be_compared_is_written_all_the_same(tmp_path: Path) -> None:
    write_report(tmp_path / "other.json", [ModelResults("other", (clip(1, "else", "else"),))])
    page, table = str(tmp_path / "r.html"), str(tmp_path / "r.csv")
    flags = ReportFlags(report=(page, table), compare=(str(tmp_path / "other.json"),))
    with pytest.raises(
        CorpusError, match=r"nothing to compare.*Written without .*r\.html, .*\.csv"
    ):
        write_reports(flags, heard("one", 3, 0.1))
    assert "Word error rate" in Path(page).read_text(encoding="utf-8")
    assert len(Path(table).read_text(encoding="utf-8").splitlines()) == 4


@needs_browser
def test_the_page_searches_filters_sorts_and_turns_pages_by_keyboard(tmp_path: Path) -> None:
    one = heard("one", 120, 0.3)
    clips = (*one.clips, clip(120, f"سلام عليكم {HOSTILE}", f"سلام {HOSTILE}", speaker=HOSTILE))
    file = tmp_path / "report.html"
    write_report(file, [ModelResults("one", clips)], media, 2)
    with opened(file) as page:
        page.wait_for_selector("#list tbody tr")
        assert page.inner_text("#status") == "121 clips"
        assert len(rows_of(page)) == 25
        page.keyboard.press("/")
        page.keyboard.type("سلام")
        assert page.inner_text("#status") == "1 of 121 clips"
        assert HOSTILE.split()[0] in rows_of(page)[0]
        direction = "e => getComputedStyle(e.querySelector('.text')).direction"
        assert page.eval_on_selector("#list tbody tr", direction) == "rtl"
        page.keyboard.press("Escape")
        assert page.inner_text("#status") == "121 clips"
        page.select_option("#which", "right")
        assert all("0.0 %" in row for row in rows_of(page))
        page.select_option("#which", "")
        page.select_option("#column", label="speaker")
        page.select_option("#value", label="s3")
        assert page.inner_text("#status") == "10 of 121 clips"
        page.select_option("#value", "")
        page.select_option("#order", "file")
        assert rows_of(page)[0].startswith("0.wav")
        page.focus("nav.pages button:text('Next')")
        page.keyboard.press("Enter")
        assert rows_of(page)[0].startswith("25.wav")
        page.select_option("#which", "media")
        page.focus("#list .open")
        page.keyboard.press("Enter")
        page.wait_for_selector(".strip canvas")
        page.wait_for_function("document.querySelectorAll('.strip canvas').length === 2")
        page.wait_for_function("document.querySelector('.detail audio').readyState >= 0")
        painted = (
            "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 200)"
        )
        assert page.eval_on_selector(".strip canvas", painted)
        page.keyboard.press("Enter")
        assert not page.query_selector(".detail")
        assert not refused(page)


@needs_browser
def test_models_are_compared_on_the_same_clips(tmp_path: Path) -> None:
    sets = [heard("good", 150, 0.1, 1), heard("bad", 160, 0.4, 2), heard("bad too", 150, 0.4, 3)]
    file = tmp_path / "compare.html"
    write_report(file, sets)
    text = file.read_text(encoding="utf-8")
    assert "10 clips that not all models transcribed" in text
    with opened(file) as page:
        page.wait_for_selector("#list tbody tr")
        rows = [row.inner_text() for row in page.query_selector_all("#comparison ~ div tbody tr")]
        assert len(rows) == 3
        assert "good − bad" in rows[0]
        assert "*" in rows[0]
        assert "*" not in rows[2]
        by_speaker = page.locator("#parts ~ div table", has_text="By speaker")
        heads = [
            head.replace("\n", " ")
            for head in by_speaker.locator("th[scope=col]").all_inner_texts()
        ]
        assert [head.rstrip(" ↕") for head in heads[2:5]] == [
            "WER, good",
            "WER, bad",
            "WER, bad too",
        ]
        rates = by_speaker.locator("tbody tr >> nth=0").locator("td").all_inner_texts()
        assert float(rates[1].split()[0]) < float(rates[2].split()[0])
        assert re.search(r"\d to \d", rates[1])  # the interval
        for part in ("confusions", "confidence"):
            models = page.locator(f"#{part} ~ details > summary").all_inner_texts()
            assert models == ["good", "bad", "bad too"]
        for event, count in (("beforeprint", 3), ("afterprint", 1)):
            page.evaluate(f"dispatchEvent(new Event('{event}'))")
            assert page.locator("#confusions ~ details[open]").count() == count
        page.select_option("#order", "worse")
        first = page.query_selector("#list tbody tr td.number").inner_text().split("\n")
        assert float(first[0].split()[0]) >= float(first[1].split()[0])
        page.select_option("#which", "differ")
        assert "of 150" in page.inner_text("#status")


@needs_browser
def test_what_a_browser_cannot_play_is_said(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write_report(file, [heard("one", 40, 0.3)], media, 2)
    no_decoder = "OfflineAudioContext.prototype.decodeAudioData = () => Promise.reject(Error());"
    with opened(file, script=no_decoder) as page:
        page.select_option("#which", "media")
        page.click("#list .open >> nth=0")
        page.wait_for_selector(".strip canvas")
        assert page.locator(".strip canvas").count() == 1  # probabilities without a spectrogram
        page.select_option("#which", "")
        page.select_option("#order", "file")
        page.click("#list .open >> nth=-1")  # a clip whose file is missing
        page.evaluate("document.querySelector('.detail audio')?.play().catch(() => {})")
        page.wait_for_selector(".detail p")
        assert "cannot be played: its file is no longer there" in page.inner_text(".detail p")
    with opened(file, script="delete window.DecompressionStream;") as page:
        page.wait_for_selector("#browser p:text('too old')")


def test_a_page_holds_as_many_clips_as_fit_those_with_the_most_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_data, "LARGEST_CLIPS_CHARACTERS", 30_000)
    one = heard("large", 2000, 0.3)
    file = tmp_path / "large.html"
    write_report(file, [one])
    text = file.read_text(encoding="utf-8")
    assert "of 2000 clips, those with the most errors" in text
    numbers, _ = clip_data.fitting_clips([one])
    assert len(numbers) > 200
    left_out = set(range(2000)) - set(numbers)
    errors = [clip.sample.word_distance for clip in one.clips]
    assert min(errors[number] for number in numbers) >= max(errors[n] for n in left_out)


@needs_browser
def test_a_comparison_fits_a_phone_and_a_sheet_of_paper(tmp_path: Path) -> None:
    letters = [chr(0x627 + number) for number in range(36)]
    clips = tuple(clip(number, one, letters[number - 1]) for number, one in enumerate(letters))
    long = "a-folder-with-a-long-name/best_dev-123456.safetensors"
    file = tmp_path / "page.html"
    write_report(file, [ModelResults(long, clips), ModelResults(f"other-{long}", clips)])
    with opened(file) as page:
        page.set_viewport_size({"width": 390, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.set_viewport_size({"width": 718, "height": 900})
        if shows_paper(page):
            assert page.evaluate("document.documentElement.scrollWidth") <= 718


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nobody_stumbles_over_the_page(tmp_path: Path, dark: bool) -> None:
    file = tmp_path / "compare.html"
    write_report(file, [heard("good", 60, 0.1), heard("bad", 60, 0.4, 2)], media, 1)
    with opened(file, dark=dark) as page:
        page.select_option("#which", "media")
        page.click("#list .open >> nth=0")
        page.wait_for_selector(".strip canvas")
        assert not stumbles(page)


def test_rates_of_scripts_without_spaces_have_a_caveat() -> None:
    thai = [score_sample("a.wav", "สวัสดีครับ ผมชื่อสมชาย", "สวัสดีครับ", 1.0)]
    assert "has no spaces between words" in caveat_of(thai)
    assert not caveat_of([score_sample("a.wav", "go up", "go", 1.0)])
