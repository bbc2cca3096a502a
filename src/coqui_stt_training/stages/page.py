"""The report of a bootstrap, `report.html`: results, next steps, and how the model was made."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stt.atomic_file import write_atomically
from stt.durations import say_duration

from ..report.page import Html, document, figures, in_script, section, table, tag
from .commands import SplitFiles
from .journal import BootstrapJournal, Done
from .scorer_choice import CHARACTERS, WORDS

_LEARNED_CER, _USABLE_CER, _GOOD_CER = 0.8, 0.3, 0.1
_STAGES = "Stages; for an interrupted one, the time of its last part"
_MODELS = (".tflite", ".onnx")

_DATA_SET_TOOL = "python -m coqui_stt_training.data_set_tool"


@dataclass(frozen=True)
class NextStep:
    """Advice on what to do next, with a command if there is one."""

    text: str
    command: str = ""


def write_page(
    path: Path, data: str, sets: SplitFiles, journal: BootstrapJournal, names: Sequence[str]
) -> list[str]:
    """Write the page; return its main content as lines for a terminal.

    Args:
        path: path of the page.
        data: the collection, as the user named it.
        sets: train, dev and test set of the collection.
        journal: record of all stages before the report.
        names: names of the stages, in order.

    Raises:
        OSError: the page cannot be written.
    """
    stages = {name: journal.stages[name] for name in names if name in journal.stages}
    rates, advice = stages["evaluate"].found, next_steps(data, sets, journal)
    parts = [
        section("Results", _figures(rates), _links(rates), anchor="rates"),
        section("Next steps", *map(_advice, advice), anchor="next"),
        section("How the model was made", _timing(stages), *_trials(stages), *_scorers(stages),
                *_commands(stages), anchor="stages"),
    ]  # fmt: skip
    page = document(
        "Bootstrap",
        parts,
        subtitle=in_script(f"of {data}, from {stages['choose'].found['source'] or 'scratch'}"),
        contents=[("rates", "Error rates"), ("next", "Next"), ("stages", "Stages")],
    )
    write_atomically(path, page)
    lines = [f"Test set, {kind} scorer: CER {one['cer']:.3f}, WER {one['wer']:.3f}"
             for kind, one in rates.items()]  # fmt: skip
    for one in advice:
        lines += ["", one.text, *([f"$ {one.command}"] if one.command else [])]
    return [*lines, "", f"Results as a page: {path}"]


def next_steps(data: str, sets: SplitFiles, journal: BootstrapJournal) -> list[NextStep]:
    """Return the next steps that the results of the stages suggest."""
    found = {name: done.found for name, done in journal.stages.items()}
    out, rates = journal.folder, found["evaluate"]
    return [*_use(out, found), *_improve(data, sets, out, rates)]


def _use(out: Path, found: Mapping[str, Mapping[str, Any]]) -> list[NextStep]:
    kind = found["tune"]["kind"]
    scored = ["--scorer", str(out / found["scorer"]["scorers"][kind])] if kind else []
    advice = []
    models = [file for file in found["export"]["files"] if file.endswith(_MODELS)]
    if models:
        words = ["stt", "--model", str(out / models[0]), *scored, "--audio", "recording.wav"]
        advice.append(NextStep("Transcribe a recording:", shlex.join(words)))
        words = ["stt", "serve", "--model", str(out / models[0]), *scored]
        advice.append(NextStep("Try it with a microphone, on a web page:", shlex.join(words)))
    else:
        advice.append(NextStep(f"Not exported: {found['export']['why']}"))
    return [*advice, *_about_scorers(out, kind, found)]


def _about_scorers(out: Path, kind: str, found: Mapping[str, Mapping[str, Any]]) -> list[NextStep]:
    missing = [
        NextStep(f"No scorer of {name}: {why}") for name, why in found["scorer"]["why"].items()
    ]
    scorers = found["scorer"]["scorers"]
    if not scorers:
        return missing
    advice = [NextStep(f"Best {found['tune']['why']}")]
    if not kind:
        advice.append(NextStep(
            "More text of the same kind of speech makes a better scorer: --text. All scorers are "
            f"in {out / 'scorer'}"
        ))  # fmt: skip
    elif kind == CHARACTERS and any(file.endswith(".tflite") for file in found["export"]["files"]):
        advice.append(NextStep(
            "Coqui's own clients cannot read a scorer of characters"
            + (f", but they can read {out / scorers[WORDS]}" if WORDS in scorers else "")
        ))  # fmt: skip
    return [*missing, *advice]


def _improve(data: str, sets: SplitFiles, out: Path, rates: Mapping[str, Any]) -> list[NextStep]:
    cer = rates["without"]["cer"]
    listen = NextStep(
        "Listen to the clips with the most errors, and correct wrong transcripts: "
        f"{out / rates.get('with', rates['without'])['page']}"
    )
    if cer > _LEARNED_CER:
        return [
            NextStep(
                f"With a CER of {cer:.0%}, the model has learned almost nothing: check that "
                "transcripts match their audio, then train longer (--epochs), on more speech, or "
                "from another source",
                shlex.join(
                    [
                        "python",
                        "-m",
                        "coqui_stt_training.check",
                        *map(str, (sets.train, sets.dev, sets.test)),
                    ]
                ),
            )
        ]
    if cer > _USABLE_CER:
        return [
            listen,
            NextStep(
                f"With a CER of {cer:.0%}, the model is of little use yet: a larger source helps "
                "most, then more speech, which can also be synthesized from text (--voices). "
                "Sources:",
                "python -m coqui_stt_training.sources",
            ),
        ]
    if cer > _GOOD_CER:
        return [
            listen,
            NextStep(
                f"A CER of {cer:.0%} is a start: let the model transcribe your next recordings, "
                "and correct its drafts:",
                shlex.join(
                    ["stt", "label", "new-recordings", "--model", str(out), "--out", "more.csv"]
                ),
            ),
            NextStep(
                "Then merge both data sets, and train the next model on them:",
                f"{_DATA_SET_TOOL} {shlex.quote(data)} more.csv all.csv",
            ),
        ]
    return [
        listen,
        NextStep(
            "There are few errors: test the model on speakers and places that are not in the data"
        ),
    ]


def _figures(rates: Mapping[str, Any]) -> Html:
    names = {"without": "without a scorer", "with": "with the scorer"}
    return figures(
        *(
            (f"{unit.upper()} {names[kind]}", f"{one[unit]:.1%}", "on the test set")
            for kind, one in rates.items()
            for unit in ("cer", "wer")
        )
    )


def _links(rates: Mapping[str, Any]) -> Html:
    links = [tag("li", tag("a", f"all clips, {kind} scorer", href=one["page"]))
             for kind, one in rates.items()]  # fmt: skip
    return tag("ul", *links)


def _advice(one: NextStep) -> Html:
    return tag("div", tag("p", in_script(one.text)), _code(one.command) if one.command else None)


def _code(text: str) -> Html:
    return tag("pre", tag("code", text))


def _timing(stages: Mapping[str, Done]) -> Html:
    rows = [
        (name, (say_duration(done.seconds), done.seconds), say_duration(done.cpu_seconds))
        for name, done in stages.items()
    ]
    total = sum(done.cpu_seconds for done in stages.values())
    rows.append(("all", (say_duration(sum(done.seconds for done in stages.values())), 0.0),
                 say_duration(total)))  # fmt: skip
    return table(_STAGES, ["stage", "time", "CPU time"], rows, numbers=(1, 2))


def _trials(stages: Mapping[str, Done]) -> list[Html]:
    trials = stages["choose"].found["trials"]
    rows = [(one["source"], f"{one['cer']:.3f}", f"{one['loss']:.2f}") for one in trials]
    columns = ["source", "CER on dev", "loss"]
    return [table("Comparison of sources", columns, rows, numbers=(1, 2))] if trials else []


def _scorers(stages: Mapping[str, Done]) -> list[Html]:
    """Return a table of the error rates by which the scorer was chosen."""
    found = stages["tune"].found
    rows = [
        (
            f"of {kind}" if kind else "none",
            f"{one['wer']:.3f}",
            f"{one['cer']:.3f}",
            "delivered" if kind == found["kind"] else "",
        )
        for kind, one in found["rates"].items()
    ]
    title = "Scorers on the dev set (cross-validated on ten parts)"
    columns = ["scorer", "WER", "CER", ""]
    return [table(title, columns, rows, numbers=(1, 2))] if rows else []


def _commands(stages: Mapping[str, Done]) -> list[Html]:
    return [
        tag("details", tag("summary", f"{name}: the command"), *map(_code, done.commands))
        for name, done in stages.items()
        if done.commands
    ]
