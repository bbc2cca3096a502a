"""SVG charts for HTML pages: line charts, bars with intervals, and calibration.

Each chart has its values as text too, for readers who cannot see it: as a label, and line charts
also as a table. Series differ in colour and dash pattern.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .page import Html, joined, table, tag

_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 26, 40
_BAR_WIDTH = 380  # narrow, since several charts stand side by side
_STYLES = 6
_MOST_POINTS = 400
_MOST_ROWS = 40


@dataclass(frozen=True)
class Series:
    """A curve: its name, and its points by increasing x; only finite points are drawn."""

    name: str
    points: Sequence[tuple[float, float]]

    def finite(self) -> list[tuple[float, float]]:
        """Return the finite points."""
        return [(x, y) for x, y in self.points if math.isfinite(x) and math.isfinite(y)]

    def thinned(self) -> list[tuple[float, float]]:
        """Return at most `_MOST_POINTS` points, as means of neighbours."""
        points = self.finite()
        if len(points) <= _MOST_POINTS:
            return points
        size = math.ceil(len(points) / _MOST_POINTS)
        groups = [points[start : start + size] for start in range(0, len(points), size)]
        return [
            (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group))
            for group in groups
        ]


def line_chart(
    title: str,
    series: Sequence[Series],
    x_name: str,
    y_name: str,
    *,
    logarithmic: bool = False,
    logarithmic_x: bool = False,
) -> Html:
    """Return a chart of curves; curves without points are left out.

    Args:
        title: title of the chart.
        series: curves to draw; the seventh has the style of the first.
        x_name: name of the horizontal axis.
        y_name: name of the vertical axis.
        logarithmic: whether the vertical axis is logarithmic; points at or below 0 are left out.
        logarithmic_x: whether the horizontal axis is logarithmic; all x must then be above 0.
    """
    drawn = [(index, one.name, one.thinned()) for index, one in enumerate(series)]
    if logarithmic:
        drawn = [
            (i, name, [point for point in points if point[1] > 0]) for i, name, points in drawn
        ]
    drawn = [one for one in drawn if one[2]]
    if not drawn:
        return tag("figure", tag("figcaption", title), tag("p", "No data", class_="quiet"))
    points = [point for _, _, some in drawn for point in some]
    xs = _Axis.around([x for x, _ in points], logarithmic_x)
    ys = _Axis.around([y for _, y in points], logarithmic)
    shapes = [*_frame(xs, ys, x_name, y_name)]
    for index, _, some in drawn:
        style = f"s{index % _STYLES}"
        path = " ".join(f"{_x(xs(x)):.1f},{_y(ys(y)):.1f}" for x, y in some)
        if len(some) > 1:
            shapes.append(tag("polyline", points=path, class_=f"line {style}"))
        shapes += (
            tag("circle", cx=f"{_x(xs(x)):.1f}", cy=f"{_y(ys(y)):.1f}", r=2.5,
                class_=f"mark {style}")
            for x, y in (some if len(some) <= _MOST_ROWS else ())
        )  # fmt: skip
    legend = _legend([(index, name) for index, name, _ in drawn]) if len(series) > 1 else None
    last = "; ".join(
        f"{name}: from {some[0][1]:.4g} to {some[-1][1]:.4g}" for _, name, some in drawn
    )
    return _figure(title, shapes, f"{title}, {y_name} by {x_name}. {last}", legend,
                   _values(title, [(name, some) for _, name, some in drawn], x_name))  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """A bar: a value of at least 0 and its confidence interval."""

    name: str
    value: float
    low: float
    high: float


def bar_chart(title: str, bars: Sequence[Bar]) -> Html:
    """Return a chart of horizontal bars with their intervals, labelled with values in percent."""
    most = max([bar.high for bar in bars] + [bar.value for bar in bars] + [1e-9])
    name_width = min(160, 12 + 7 * max((len(bar.name) for bar in bars), default=1))
    scale = (_BAR_WIDTH - name_width - 80) / most
    shapes = []
    for index, bar in enumerate(bars):
        y = 24 * index + 4
        end = name_width + scale * bar.value
        low, high = (name_width + scale * max(0.0, edge) for edge in (bar.low, bar.high))
        name = bar.name if len(bar.name) <= 20 else f"{bar.name[:19]}…"
        shapes += [
            tag("text", name, x=name_width - 8, y=y + 13, text_anchor="end"),
            tag("rect", x=name_width, y=y, width=f"{max(end - name_width, 1):.1f}", height=18, rx=3,
                class_="mark s0"),
            tag("path", d=f"M{low:.1f} {y + 9}H{high:.1f}M{low:.1f} {y + 5}v8M{high:.1f} {y + 5}v8",
                class_="interval"),
            tag("text", f"{bar.value:.1f} %", x=f"{max(end, high) + 6:.1f}", y=y + 13),
        ]  # fmt: skip
    label = "; ".join(f"{bar.name}: {bar.value:.1f} %" for bar in bars)
    return _figure(title, shapes, f"{title}. {label}", height=24 * len(bars) + 6, width=_BAR_WIDTH)


def calibration_chart(title: str, bins: Sequence[tuple[float, float, int]]) -> Html:
    """Return a chart of accuracy by confidence, with a line for perfect calibration.

    Args:
        title: title of the chart.
        bins: mean confidence, accuracy and number of words of each bin, by increasing confidence.
    """
    axis = _Axis(0, 1)
    most = max((count for _, _, count in bins), default=1)
    shapes = [*_frame(axis, axis, "confidence", "accuracy")]
    shapes.append(tag("line", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1), class_="ideal"))
    points = [(sure, right, count) for sure, right, count in bins if count]
    path = " ".join(f"{_x(sure):.1f},{_y(right):.1f}" for sure, right, _ in points)
    shapes.append(tag("polyline", points=path, class_="line s0"))
    shapes += (
        tag("circle", cx=f"{_x(sure):.1f}", cy=f"{_y(right):.1f}",
            r=f"{3 + 9 * math.sqrt(count / most):.1f}", class_="mark s0", fill_opacity=".6")
        for sure, right, count in points
    )  # fmt: skip
    label = "; ".join(f"confidence {sure:.0%}, accuracy {right:.0%}" for sure, right, _ in points)
    return _figure(title, shapes, f"{title}. {label}")


@dataclass(frozen=True)
class _Axis:
    """Maps the values of an axis to 0..1."""

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def around(cls, values: Sequence[float], logarithmic: bool = False) -> _Axis:
        low, high = min(values), max(values)
        if logarithmic:
            return cls(low, high if high > low else low * 10, True)
        if low < 0.5 * abs(high) or low == high:
            low, high = min(0.0, low), max(0.0, high)
        return cls(low, high if high > low else low + (abs(low) or 1.0))

    def __call__(self, value: float) -> float:
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> Iterator[float]:
        """Yield round values for the tick marks."""
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            between = (1, 2, 5) if self.high / self.low < 1000 else (1,)
            every = [10.0**power * factor for power in powers for factor in between]
            marks = [mark for mark in every if self.low <= mark <= self.high]
            if len(marks) > 1:
                yield from marks
                return
        span = self.high - self.low
        power = 10 ** math.floor(math.log10(span / 4))
        step = next(power * round_ for round_ in (1, 2, 2.5, 5, 10) if span / (power * round_) <= 5)
        first = math.ceil(self.low / step - 1e-9)
        yield from (
            number * step
            for number in range(first, first + 7)
            if number * step <= self.high + 1e-9 * span
        )


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _frame(xs: _Axis, ys: _Axis, x_name: str, y_name: str) -> Iterator[Html]:
    for tick in ys.ticks():
        y = f"{_y(ys(tick)):.1f}"
        yield tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="axis")
        yield tag("text", f"{tick:.4g}", x=_LEFT - 8, y=y, dy="4", text_anchor="end")
    for tick in xs.ticks():
        yield tag("text", f"{tick:.6g}", x=f"{_x(xs(tick)):.1f}", y=_HEIGHT - _BOTTOM + 17,
                  text_anchor="middle")  # fmt: skip
    yield tag("text", x_name, x=_WIDTH - _RIGHT, y=_HEIGHT - 6, text_anchor="end")
    yield tag("text", y_name, x=0, y=10)


def _legend(series: Iterable[tuple[int, str]]) -> Html:
    return tag(
        "ul",
        *(
            tag(
                "li",
                tag(
                    "svg",
                    tag("line", x1=0, x2=26, y1=5, y2=5, class_=f"s{index % _STYLES}",
                        stroke_width=3),
                    viewBox="0 0 26 10", aria_hidden="true",
                ),
                name,
            )
            for index, name in series
        ),
        class_="legend",
    )  # fmt: skip


def _figure(
    title: str,
    shapes: Iterable[Html],
    label: str,
    legend: Html | None = None,
    values: Html | None = None,
    height: int = _HEIGHT,
    width: int = _WIDTH,
) -> Html:
    chart = tag("svg", joined(shapes), viewBox=f"0 0 {width} {height}", role="img",
                aria_label=label, class_="chart", direction="ltr")  # fmt: skip
    return tag("figure", tag("figcaption", title), legend, chart, values)


def _values(
    title: str, series: Sequence[tuple[str, Sequence[tuple[float, float]]]], x_name: str
) -> Html:
    """Return a collapsed table of the values; of long series only some."""
    rows = []
    for name, points in series:
        step = math.ceil(len(points) / _MOST_ROWS)
        shown = [*points[:-1:step], points[-1]]
        rows += [(name, f"{x:.6g}", f"{y:.5g}") for x, y in shown]
    return tag(
        "details",
        tag("summary", "Values"),
        table(f"{title}: values", ("series", x_name, "value"), rows, numbers=(1, 2)),
        class_="small no-print",
    )
