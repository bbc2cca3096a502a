"""The sections of an evaluation page on confusions and on confidence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stt.counted import counted

from .charts import calibration_chart
from .clips import ModelResults
from .confusions import NOTHING, CharacterMatrix, calibration, character_matrix, word_confusions
from .page import Html, in_script, percent, table, tag

_TOP = 25


def for_each_model(
    sets: Sequence[ModelResults], shown: Callable[[ModelResults, str], Html]
) -> Iterator[Html]:
    """Yield a block for each model; with several models, all but the first are collapsed.

    Args:
        sets: results of each model.
        shown: returns the block of a model, given its results and a suffix for table names.
    """
    if len(sets) == 1:
        yield shown(sets[0], "")
        return
    for number, one in enumerate(sets):
        name = tag("summary", in_script(one.model))
        yield tag("details", name, shown(one, f", {one.model}"), open=not number)


def confusion_tables(results: ModelResults, named: str) -> Html:
    """Return tables of the words and characters a model confuses; their names end in `named`."""
    found = word_confusions(results.clips)
    swaps = [
        (in_script(said), in_script(taken), count)
        for (said, taken), count in _most(found.substitutions)
    ]
    gone = [(in_script(word), count) for word, count in _most(found.deletions)]
    extra = [(in_script(word), count) for word, count in _most(found.insertions)]
    tables = [
        table(f"Substitutions{named}", ("said", "transcribed as", "times"), swaps, numbers=[2])
        if swaps
        else None,
        table(f"Deletions{named}", ("deletions", "times"), gone, numbers=[1]) if gone else None,
        table(f"Insertions{named}", ("insertions", "times"), extra, numbers=[1]) if extra else None,
    ]
    return tag(
        "div",
        tag("div", *tables, class_="columns")
        if any(tables)
        else tag("p", "All words are correct.", class_="quiet"),
        _matrix(character_matrix(results.clips), named),
    )


def _most(counts: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_TOP]


def _matrix(matrix: CharacterMatrix, named: str) -> Html | None:
    if len(matrix.names) < 2:
        return None
    worst = max(
        (count for i, row in enumerate(matrix.counts) for j, count in enumerate(row) if i != j),
        default=0,
    )

    def cell(i: int, j: int, count: int) -> Html:
        if i == j:
            return tag("td", count or "", class_="same")
        heat = math.ceil(3 * count / worst) if worst else 0
        return tag("td", count or "", class_=f"heat{heat}" if heat else None)

    names = [_shown_character(name) for name in matrix.names]
    head = tag("tr", tag("td", ""), *(tag("th", name, scope="col") for name in names))
    body = [
        tag("tr", tag("th", name, scope="row"),
            *(cell(i, j, count) for j, count in enumerate(matrix.counts[i])))
        for i, name in enumerate(names)
    ]  # fmt: skip
    note = "Rows: reference; columns: transcript; ∅: nothing. "
    if matrix.others:
        note += f"The {counted(matrix.others, 'character')} with the fewest errors are left out."
    return tag(
        "div",
        tag("h3", "Characters"),
        tag("p", note, class_="quiet small"),
        tag("div", tag("table", tag("caption", "Character confusions", class_="hidden"),
                       tag("thead", head), tag("tbody", *body), class_="matrix"),
            class_="scroll", tabindex="0", role="region",
            aria_label=f"Character confusions{named}"),
    )  # fmt: skip


def _shown_character(name: str) -> Html:
    if name == NOTHING:
        return tag("span", "∅", title="nothing")
    if name == " ":
        return tag("span", "␣", title="space")
    return in_script(name)


def calibration_tables(results: ModelResults, named: str) -> Html:
    """Return the calibration of a model's confidence; names of tables end in `named`."""
    found = calibration(results.clips)
    if found is None:
        return tag("p", "This file contains no confidences.", class_="quiet")
    rows = [
        (
            tag("span", f"{10 * number} to {10 * number + 10} %", class_="whole"),
            count,
            percent(sure),
            percent(right),
        )
        for number, (sure, right, count) in enumerate(found.bins)
        if count
    ]
    columns = ("confidence", "words", "mean confidence", "right")
    return tag(
        "div",
        calibration_chart("Calibration of confidence", found.bins),
        tag("div", table(f"Words by confidence{named}", columns, rows, numbers=(1, 2, 3)),
            tag("p", (
                f"Confidence is off by {percent(found.error)} on average (expected calibration "
                "error). The dotted line shows exact confidence; below it, the model is "
                "overconfident."
            ), class_="quiet small")),
        class_="columns",
    )  # fmt: skip
