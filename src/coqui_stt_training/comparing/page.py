"""The page of a comparison: error rates of each way, their differences, and all trainings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stt.atomic_file import write_atomically

from ..report.charts import Bar, bar_chart
from ..report.page import Html, document, joined, section, table, tag
from .record import ComparisonMeasurement
from .verdict import Summary
from .wording import conclusion, difference, minutes, rate


def write_page(
    path: Path, found: Sequence[Summary], measured: Sequence[ComparisonMeasurement], level: float
) -> None:
    """Write the page.

    Args:
        path: path of the page.
        found: summary of each way.
        measured: all trainings.
        level: probability that an interval contains the difference.

    Raises:
        OSError: the page cannot be written.
    """
    parts = [
        section("Result", tag("p", conclusion(found)), _chart(found),
                _ways(found, level), anchor="ways"),
        section("Measurements", _trainings(measured), anchor="measured"),
        section("Commands", *_commands(measured), anchor="commands"),
    ]  # fmt: skip
    page = document(
        "Ways to train, compared",
        parts,
        subtitle=f"{len(measured)} trainings, all tested on the same files",
        contents=[("ways", "Ways"), ("measured", "Measured"), ("commands", "Commands")],
    )
    write_atomically(path, page)


def _chart(found: Sequence[Summary]) -> Html:
    bars = [
        Bar(
            one.name, 100 * one.cer, 100 * (one.cer - (one.cer_spread or 0)),
            100 * (one.cer + (one.cer_spread or 0)),
        )
        for one in found
    ]  # fmt: skip
    return bar_chart("Character error rate, mean and standard deviation over trainings", bars)


def _ways(found: Sequence[Summary], level: float) -> Html:
    rows = [
        (
            one.name, f"{one.seeds}", rate(one.cer, one.cer_spread),
            rate(one.wer, one.wer_spread),
            minutes(one.cpu_minutes), difference(one),
        )
        for one in found
    ]  # fmt: skip
    against = f"CER difference to the first, {level:.0%} interval"
    return joined([
        table("Error rates on the test files",
              ["way", "trainings", "CER", "WER", "CPU minutes", against],
              rows, numbers=(1, 2, 3, 4)),
        tag("p", (
            "The interval of a difference covers the variation between trainings (assumed to be "
            "proportional to the error rate and equal in both ways) and of the choice of test "
            "clips."
        ), class_="quiet"),
    ])  # fmt: skip


def _trainings(measured: Sequence[ComparisonMeasurement]) -> Html:
    rows = [
        (one.way, f"{one.seed}", f"{one.cer:.4f}", f"{one.wer:.4f}",
         minutes(one.cpu_minutes))
        for one in measured
    ]  # fmt: skip
    return table(
        "Trainings", ["way", "seed", "CER", "WER", "CPU minutes"], rows, numbers=(1, 2, 3, 4),
        sortable=True,
    )  # fmt: skip


def _commands(measured: Sequence[ComparisonMeasurement]) -> list[Html]:
    commands = {one.way: one.command for one in reversed(measured)}
    return [
        part
        for way in dict.fromkeys(one.way for one in measured)
        for part in (tag("p", way), tag("pre", tag("code", commands[way])))
    ]
