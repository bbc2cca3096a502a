"""The report of one or several training runs, as an HTML page or a picture of the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stt.counted import counted

from .charts import Series, line_chart
from .epochs import best_epoch
from .lineage import ancestor_text
from .page import Html, document, in_script, percent, section, table, tag
from .training_run import TrainingRun

_MOST_EPOCHS_SHOWN = 8


@dataclass(frozen=True)
class _Chart:
    title: str
    unit: str
    curves: tuple[tuple[str, str, str], ...]  # part, tag and label
    logarithmic: bool = False
    factor: float = 1.0


_CHARTS = (
    _Chart("Loss", "loss", (("train", "loss", "training"), ("dev", "loss", "dev")), True),
    _Chart("Loss of each step", "loss", (("train", "step_loss", ""),), True),
    _Chart("Word error rate, dev", "%", (("dev", "wer", ""),), factor=100),
    _Chart("Character error rate, dev", "%", (("dev", "cer", ""),), factor=100),
    _Chart("Learning rate", "learning rate", (("train", "learning_rate", ""),)),
    _Chart("Gradient norm", "norm", (("train", "gradient_norm", ""),), True),
    _Chart("Blank frames, dev", "%", (("dev", "blank_ratio", ""),), factor=100),
    _Chart(
        "Throughput", "seconds of audio per second", (("train", "audio_seconds_per_second", ""),)
    ),
)


def _series(chart: _Chart, runs: Sequence[TrainingRun]) -> list[Series]:
    found = []
    for run in runs:
        for part, name, called in chart.curves:
            points = run.curves.get(part, {}).get(name, [])
            words = [run.name if len(runs) > 1 or not called else "", called]
            label = ", ".join(filter(None, words))
            found.append(Series(label, [(x, chart.factor * y) for x, y in points]))
    return found


def training_page(runs: Sequence[TrainingRun]) -> str:
    """Return an HTML page about one run, or a comparison of several."""
    charts = [
        line_chart(chart.title, _series(chart, runs), "step of the run", chart.unit,
                   logarithmic=chart.logarithmic)
        for chart in _CHARTS
    ]  # fmt: skip
    title = f"Training of {runs[0].name}" if len(runs) == 1 else "Training runs"
    contents = [("outcome", "Outcome"), ("curves", "Curves"), ("origin", "Origin"),
                ("samples", "Samples"), ("flags", "Flags")]  # fmt: skip
    return document(
        title,
        [
            section("Outcome", _outcome(runs), anchor="outcome"),
            section("Curves", tag("div", *charts, class_="columns"), anchor="curves"),
            section("Origin", *map(_origin, runs), anchor="origin"),
            section(
                "Samples over time",
                *(_samples(run, f", {run.name}" if len(runs) > 1 else "") for run in runs),
                anchor="samples",
            ),
            section("Flags", _flags(runs), anchor="flags"),
        ],
        subtitle=", ".join(run.name for run in runs),
        contents=contents,
        footer="Steps are counted from the beginning of each run, so that runs from scratch and "
        "from a source can be compared.",
        style="@media screen { main .columns { grid-template-columns: repeat(auto-fit, "
        "minmax(min(100%, 26rem), 1fr)); } }"
        "[aria-labelledby=samples] th:first-child { width: 5.5rem; white-space: nowrap; }",
    )


def _outcome(runs: Sequence[TrainingRun]) -> Html:
    rows = []
    for run in runs:
        first, best = (run.epochs[0] if run.epochs else None), best_epoch(run.epochs)
        rows.append(
            (run.name, len(run.epochs), run.steps, _rate(first.wer if first else None),
             _rate(best.wer if best else None), _rate(best.cer if best else None),
             best.number if best else "–",
             run.finished or "not finished")
        )  # fmt: skip
    columns = ("run", "epochs", "steps", "WER after the first", "best WER", "its CER",
               "best epoch", "state")  # fmt: skip
    return table("On the dev files", columns, rows, numbers=range(1, 7), sortable=len(runs) > 1)


def _rate(value: float | None) -> object:
    return "–" if value is None else (percent(value), value)


def _origin(run: TrainingRun) -> Html:
    items = [tag("li", ancestor_text(ancestor)) for ancestor in run.lineage]
    plan = run.lineage[-1].get("plan", ()) if run.lineage else ()
    rows = [(layer["layer"], layer["action"], _training(layer)) for layer in plan]
    return tag(
        "div",
        tag("h3", run.name),
        tag("ol", *items),
        table(f"Plan for each layer, {run.name}", ("layer", "action", "how it is trained"), rows),
    )


def _training(layer: Mapping[str, Any]) -> str:
    epochs, factor = layer.get("frozen_epochs", 0), layer.get("learning_rate_factor", 1.0)
    if epochs is None:
        return "frozen"
    words = [f"frozen for {counted(epochs, 'epoch')}"] if epochs else []
    return ", ".join([*words, f"learning rate × {factor:.3g}" if factor != 1 else "trained"])


def _samples(run: TrainingRun, named: str) -> Html:
    """Return tables of the transcripts after some epochs; names of tables end in `named`."""
    if not run.samples:
        return tag("p", f"{run.name}: none recorded.", class_="quiet")
    blocks: list[Html] = []
    for (_, wav, said), heard in run.samples.items():
        epochs = sorted(heard)
        count = min(_MOST_EPOCHS_SHOWN, len(epochs))
        last = len(epochs) - 1
        shown = sorted({epochs[round(i * last / max(1, count - 1))] for i in range(count)})
        rows = [("said", in_script(said)), *((f"epoch {n}", _heard(heard[n])) for n in shown)]
        blocks.append(table(f"{Path(wav).name}{named}", ("when", "text"), rows))
    return tag("div", tag("h3", run.name), tag("div", *blocks, class_="columns"))


def _heard(text: str) -> Html:
    return in_script(text) if text else tag("span", "nothing", class_="quiet")


def _flags(runs: Sequence[TrainingRun]) -> Html:
    names = sorted({name for run in runs for name in run.flags})
    rows = []
    for name in names:
        values = [_shown(run.flags.get(name)) for run in runs]
        if len(runs) == 1 or len(set(values)) > 1:
            rows.append((f"--{name}", *values))
    if not rows:
        return tag("p", "All runs have the same flags.", class_="quiet")
    caption = "Flags of the run" if len(runs) == 1 else "Flags that differ between runs"
    return table(caption, ("flag", *(run.name for run in runs)), rows)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str("" if value is None else value)


def draw_picture(runs: Sequence[TrainingRun], path: Path) -> None:
    """Draw the curves into a PNG file.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4 * len(_CHARTS) / 2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, chart in zip(figure.subplots(len(_CHARTS) // 2, 2).flat, _CHARTS, strict=True):
        for series in _series(chart, runs):
            points = series.finite()
            if points:
                marker = "o" if len(points) < 30 else ""
                axes.plot(*zip(*points, strict=True), marker=marker, label=series.name)
        axes.set(title=chart.title, xlabel="step of the run", ylabel=chart.unit)
        if chart.logarithmic and axes.lines:
            axes.set_yscale("log")
        if axes.lines and axes.get_legend_handles_labels()[1]:
            axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=110)
