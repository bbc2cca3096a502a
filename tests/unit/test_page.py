"""Pages of one file: escaping, tables, charts, and their look in a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from browser import needs_browser, opened, refused
from coqui_stt_training.report.charts import Bar, Series, bar_chart, calibration_chart, line_chart
from coqui_stt_training.report.lineage import ancestor_text
from coqui_stt_training.report.page import Html, document, packed, section, table, tag

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;"


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("b", "a<b") == "<b>a&lt;b</b>"
    assert tag("b", tag("i", "x"), None) == "<b><i>x</i></b>"
    assert tag("td", HOSTILE, title=HOSTILE).count("<") == 2
    assert tag("input", type="search", disabled=True, hidden=False) == (
        '<input type="search" disabled>'
    )


def test_names_of_attributes_cannot_be_made_of_text() -> None:
    with pytest.raises(ValueError, match="no name"):
        tag("b", **{"x onclick=alert(1) y": "z"})


def test_packed_data_has_no_character_that_means_something() -> None:
    text = packed("data", [HOSTILE] * 100)
    assert text.count("<") == 2
    assert len(text) < 400


def test_charts_say_in_words_what_they_show() -> None:
    losses = Series("a<b", [(0, 4.0), (1, 2.0), (2, float("nan")), (3, 1.0)])
    chart = line_chart("Loss", [losses, Series("nothing", [])], "epoch", "loss")
    assert "a&lt;b: from 4 to 1" in chart
    assert "nan" not in chart
    assert line_chart("Loss", [], "epoch", "loss").count("No data") == 1
    assert "x: 3.0 %" in bar_chart("Errors", [Bar("x", 3, 2, 4)])
    chart = calibration_chart("Sure", [(0.5, 0.25, 4), (0.9, 0, 0)])
    assert "confidence 50%, accuracy 25%" in chart


def test_a_logarithmic_axis_has_round_numbers_however_little_it_spans() -> None:
    losses = [Series("training", [(0, 83.12), (1, 54.64)])]
    chart = line_chart("Loss", losses, "epoch", "loss", logarithmic=True)
    assert re.findall(r"<text [^>]*end\">([\d.]+)<", chart) == ["60", "70", "80"]


def test_a_training_s_beginning_is_told_to_the_minute() -> None:
    told = ancestor_text({"begun": "2026-11-30T04:07:28+00:00", "source": None})
    assert told == "2026-11-30 04:07 UTC, from scratch"
    assert ancestor_text({}) == "? from scratch"


@pytest.mark.parametrize("values", [[0.0], [5.0, 5.0], [-3.0, 2.0], [1e-9, 1e9]])
@pytest.mark.parametrize("logarithmic", [False, True])
def test_any_values_can_be_drawn(values: list[float], logarithmic: bool) -> None:
    series = [Series("one", list(enumerate(values)))]
    assert "nan" not in line_chart("Values", series, "x", "y", logarithmic=logarithmic)


def test_long_curves_are_thinned() -> None:
    series = Series("long", [(x, x % 7) for x in range(100_000)])
    assert len(line_chart("Values", [series], "x", "y")) < 20_000


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(*body: Html, script: str = "") -> str:
    return document(HOSTILE, body, subtitle=HOSTILE, contents=[("one", HOSTILE)], script=script)


def test_a_page_is_well_formed_and_loads_nothing() -> None:
    page = page_of(section("One", tag("p", HOSTILE), anchor="one"))
    parser = _Balance()
    parser.feed(page)
    assert not parser.open
    assert "http:" not in page
    assert "default-src 'none'" in page.replace("&#x27;", "'")


@needs_browser
def test_hostile_text_is_shown_and_not_run_even_where_it_gets_past_the_escaping(
    tmp_path: Path,
) -> None:
    missed = Html("<script>window.run = true</script><p id=p onclick='window.run = true'>x</p>")
    file = tmp_path / "page.html"
    file.write_text(page_of(tag("p", HOSTILE, id="shown"), missed), encoding="utf-8")
    with opened(file) as page:
        assert page.inner_text("#shown") == HOSTILE
        page.click("#p")
        assert page.evaluate("window.run") is None
        assert refused(page)


@needs_browser
def test_a_table_sorts_by_keyboard_and_data_is_unpacked(tmp_path: Path) -> None:
    rows = [("b", ("10 %", 10)), ("c", ("9 %", 9)), ("a", ("100 %", 100))]
    body = table("Rates", ("name", "rate"), rows, numbers=[1], sortable=True)
    data = packed("data", {"text": "سلام</script>"})
    file = tmp_path / "page.html"
    script = "unpack('data').then(found => window.found = found.text);"
    file.write_text(page_of(body, data, script=script), encoding="utf-8")
    with opened(file) as page:
        page.wait_for_function("window.found === 'سلام</script>'")

        def names() -> list[str]:
            return [cell.inner_text() for cell in page.query_selector_all("tbody th")]

        page.focus("th button:text('rate')")
        page.keyboard.press("Enter")
        assert names() == ["c", "b", "a"]
        assert page.get_attribute("thead th:nth-child(2)", "aria-sort") == "ascending"
        page.keyboard.press("Space")
        assert names() == ["a", "b", "c"]
        page.click("th button:text('name')")
        assert names() == ["a", "b", "c"]
        assert not refused(page)
