"""The page of a learning curve: the measurements, the fitted curve and its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stt.atomic_file import write_atomically
from stt.durations import say_audio_length

from ..report.charts import Series, line_chart
from ..report.page import Html, document, figures, section, table, tag
from .outlook import Ahead, Outlook
from .record import CurveMeasurement


def write_page(path: Path, outlook: Outlook, measured: Sequence[CurveMeasurement]) -> None:
    """Write the page.

    Raises:
        OSError: the page cannot be written.
    """
    parts = [
        section("The effect of more data", _figures(outlook), tag("p", outlook.verdict),
                _chart(outlook, measured), anchor="curve"),
        section("Numbers", _predictions(outlook), _law(outlook), anchor="numbers"),
        section("Measurements", _measurements(outlook, measured), *_commands(measured),
                anchor="measured"),
    ]  # fmt: skip
    page = document(
        "Learning curve",
        parts,
        subtitle=f"{len(measured)} trainings on growing parts of the data",
        contents=[("curve", "Curve"), ("numbers", "Numbers"), ("measured", "Measured")],
    )
    write_atomically(path, page)


def _figures(outlook: Outlook) -> Html:
    return figures(
        *(
            (_name(ahead), f"{ahead.cer.error:.3f}",
             f"CER, {outlook.level:.0%} interval from {ahead.cer.low:.3f} to {ahead.cer.high:.3f}")
            for ahead in outlook.ahead
        )
    )  # fmt: skip


def _name(ahead: Ahead) -> str:
    return "All data" if ahead.factor == 1 else f"{ahead.factor:g} times the data"


def _chart(outlook: Outlook, measured: Sequence[CurveMeasurement]) -> Html:
    minutes = outlook.seconds_a_clip / 60
    seeds = sorted({one.seed for one in measured})
    curves = [
        Series("fitted curve", [(one.amount * minutes, one.error) for one in outlook.band]),
        Series("interval, lower end", [(one.amount * minutes, one.low) for one in outlook.band]),
        Series("interval, upper end", [(one.amount * minutes, one.high) for one in outlook.band]),
        *(
            Series(
                f"measured, seed {seed}",
                sorted((one.clips * minutes, one.cer) for one in measured if one.seed == seed),
            )
            for seed in seeds
        ),
    ]
    return line_chart(
        "Character error rate by minutes of training data",
        curves, "minutes (logarithmic)", "CER", logarithmic_x=True,
    )  # fmt: skip


def _predictions(outlook: Outlook) -> Html:
    rows = [
        (
            tag("span", _name(ahead), class_="whole"),
            tag(
                "span", say_audio_length(ahead.cer.amount * outlook.seconds_a_clip), class_="whole"
            ),
            *(
                text
                for one in (ahead.cer, ahead.wer)
                for text in (f"{one.error:.3f}", f"{one.low:.3f} to {one.high:.3f}")
            ),
        )
        for ahead in outlook.ahead
    ]
    level = f"{outlook.level:.0%} interval"
    return table(
        "Expected error rates of another training",
        ["data", "about", "CER", level, "WER", level],
        rows,
        numbers=(2, 3, 4, 5),
    )


def _law(outlook: Outlook) -> Html:
    law = outlook.cer
    return tag(
        "p",
        f"CER = {law.a:.3g} + {law.b:.3g} · clips",
        tag("sup", f"−{law.c:.3g}"),
        ". The intervals cover the variation between trainings and the uncertainty of the curve, "
        "but not that of the test set, which is the same in all, nor a different kind of new data.",
        class_="quiet",
    )


def _measurements(outlook: Outlook, measured: Sequence[CurveMeasurement]) -> Html:
    rows = [
        (f"{one.part:g}", f"{one.clips}", f"{one.clips * outlook.seconds_a_clip / 60:.1f}",
         f"{one.seed}", f"{one.cer:.4f}", f"{one.wer:.4f}")
        for one in sorted(measured, key=lambda one: (one.part, one.seed))
    ]  # fmt: skip
    return table(
        "Trainings", ["part", "clips", "minutes", "seed", "CER", "WER"], rows,
        numbers=(1, 2, 3, 4, 5), sortable=True,
    )  # fmt: skip


def _commands(measured: Sequence[CurveMeasurement]) -> list[Html]:
    last = max(measured, key=lambda one: (one.part, one.seed))
    return [tag("p", "The last command:"), tag("pre", tag("code", last.command))]
