"""What each technique of training is worth: error rates with and without it, in equal time.

    python benchmarks/techniques.py DATA_DIR SOURCE OUTPUT_DIR --set encoder \
        --targets ukrainian_asterisk kannada_halthor

Each target's folder has train.csv, dev.csv, test.csv and alphabet.txt. Eleven techniques are
measured in twelve runs of a target, each with a seed of its own (Plackett and Burman, The design of
optimum multifactorial experiments, 1946): each is on in six runs and off in six, and of these any
other is on in three, so that what the others do cancels out. What makes a step take longer has
fewer of them.

It prints a Markdown table: the geometric mean of the CER on the test set without and with each
technique; over all targets by how much it changes, with the standard error of that mean; and last,
how large a change is by chance (Lenth's pseudo standard error, Quick and easy analysis of
unreplicated factorials, 1989). Each run is a process of its own on one core. What has been run
before is read from OUTPUT_DIR, so a stopped benchmark goes on.
"""

from __future__ import annotations

import argparse
import math
import shlex
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from recipes import Outcome, measure

# The first run of the design; the next ten are that, turned; in the last everything is off.
_FIRST_RUN = (True, True, False, True, True, True, False, False, False, True, False)


class Technique(NamedTuple):
    """What is on or off.

    Attributes:
        on: flags of `train` with it.
        off: without it.
        steps: how many steps it leaves of one, in the same time.
    """

    on: str
    off: str
    steps: float = 1.0


class Set(NamedTuple):
    """Techniques for a kind of source.

    Attributes:
        steps: of the optimizer in a run.
        flags: of `train` in every run.
        techniques: up to eleven.
    """

    steps: int
    flags: str
    techniques: tuple[Technique, ...]


_FOR_ALL = (
    Technique("--optimizer adamw", "--optimizer adam"),
    Technique("--learning_rate_schedule tri_stage", "--learning_rate_schedule constant"),
    Technique("--gradient_clipping 5", "--gradient_clipping 0"),
    Technique("--warmup_steps 60", "--warmup_steps 0"),
    Technique("--consistency_weight 0.2", "--consistency_weight 0", steps=0.6),
    Technique("--entropy_weight 0.01", "--entropy_weight 0"),
    Technique("--dropout_rate 0.3", "--dropout_rate 0.05"),
)
_FOR_NEW_OUTPUT = (
    *_FOR_ALL,
    Technique("--output_bias prior", "--output_bias zero"),
    Technique("--average_weights true", "--average_weights false"),
)
_SPEED = "--augment speed[p=0.5] --augment_variants 3"
_MASKS = "--augment specaugment-lowresource[time=0.1,time_length=100,channel=0.1]"
_MAPPED = Technique("--map_shared_characters true", "--map_shared_characters false")
SETS = {
    # A new head on a frozen encoder.
    "encoder": Set(
        300,
        "--freeze_source_layers -1 --automatic_mixed_precision true",
        (
            *_FOR_NEW_OUTPUT,
            Technique("--head_blocks 8", "--head_blocks 1"),
            Technique(_SPEED, "--augment", steps=0.7),
        ),
    ),
    # All layers of an encoder whose head writes: the source is what a run of a head alone gave.
    "encoder-all": Set(
        200,
        "--automatic_mixed_precision true",
        (
            *_FOR_ALL,
            Technique("--source_learning_rate_factor 0.2", "--source_learning_rate_factor 1"),
            Technique("--layer_learning_rate_decay 0.9", "--layer_learning_rate_decay 1"),
            Technique("--intermediate_ctc_weight 0.3", "--intermediate_ctc_weight 0", steps=0.9),
            Technique(_MASKS, "--augment"),
        ),
    ),
    # The layers above the LSTM of a released DeepSpeech model.
    "deepspeech-released": Set(
        300,
        "--drop_source_layers 1 --freeze_source_layers -1",
        (*_FOR_NEW_OUTPUT, _MAPPED),
    ),
    # All layers of a small DeepSpeech model.
    "deepspeech": Set(
        600,
        "--drop_source_layers 1",
        (*_FOR_NEW_OUTPUT, _MAPPED, Technique(_SPEED, "--augment")),
    ),
}


def design(techniques: int) -> list[tuple[bool, ...]]:
    """Return for each of twelve runs which techniques are on."""
    turned = [_FIRST_RUN[-turn:] + _FIRST_RUN[:-turn] for turn in range(len(_FIRST_RUN))]
    return [run[:techniques] for run in (*turned, (False,) * len(_FIRST_RUN))]


def run_all(
    data: Path, source: str, output: Path, chosen: Set, more_flags: Sequence[str]
) -> list[Outcome]:
    """Return what the twelve runs on a target came to."""
    outcomes = []
    for number, switches in enumerate(design(len(chosen.techniques)), 1):
        flags, steps = shlex.split(chosen.flags), float(chosen.steps)
        for technique, is_on in zip(chosen.techniques, switches, strict=True):
            flags += shlex.split(technique.on if is_on else technique.off)
            steps *= technique.steps if is_on else 1
        folder = output / f"run_{number}"
        folder.mkdir(parents=True, exist_ok=True)
        recipe = folder / "recipe.yaml"
        recipe.write_text(yaml.safe_dump(course(round(steps))))
        flags += ["--shuffle_batches", "true", "--recipe", str(recipe), *more_flags]
        outcomes.append(measure(data, Path(source), folder, flags, number))
    return outcomes


def course(steps: int) -> dict[str, object]:
    """Return a recipe that says how long to train, and nothing else."""
    length = {"steps": steps, "epochs": [1, 1000]}
    batch = {"seconds": 16, "clips": [4, 16]}
    return {"name": "length", "version": 1, "flags": {}, "batch": batch, "everything": length}


def effects(chosen: Set, outcomes: Sequence[Outcome]) -> list[tuple[float, float]]:
    """Return for each technique the mean logarithm of the CER without and with it."""
    logs = [math.log(max(outcome.cer, 1e-3)) for outcome in outcomes]
    switches = design(len(chosen.techniques))
    halves = []
    for number in range(len(chosen.techniques)):
        off, on = (
            [log for log, run in zip(logs, switches, strict=True) if run[number] is state]
            for state in (False, True)
        )
        halves.append((statistics.mean(off), statistics.mean(on)))
    return halves


def chance(changes: Sequence[float]) -> float:
    """Return how large a change of a logarithm is by chance, where most techniques do little."""
    sizes = [abs(change) for change in changes]
    limit = 2.5 * 1.5 * statistics.median(sizes)
    return 1.5 * statistics.median([size for size in sizes if size < limit] or sizes)


def as_percent(change: float) -> str:
    """Return a change of a logarithm in per cent."""
    return f"{100 * math.expm1(change):+.0f} %"


def print_table(chosen: Set, found: dict[str, list[Outcome]]) -> None:
    """Print what each technique did on each target, and over all."""
    halves = {target: effects(chosen, outcomes) for target, outcomes in found.items()}
    print(f"| flag | {' | '.join(found)} | mean change |")
    print("|---" * (len(found) + 2) + "|")
    for number, technique in enumerate(chosen.techniques):
        pairs = [halves[target][number] for target in found]
        changes = [on - off for off, on in pairs]
        cells = [f"{math.exp(off):.3f}, {math.exp(on):.3f}" for off, on in pairs]
        mean = as_percent(statistics.mean(changes))
        if len(changes) > 1:
            mean += f" ± {100 * statistics.stdev(changes) / len(changes) ** 0.5:.0f}"
        print(f"| `{technique.on}` | {' | '.join(cells)} | {mean} |")
    sizes = [as_percent(chance([on - off for off, on in halves[target]])) for target in found]
    print(f"| by chance | {' | '.join(sizes)} | |")
    minutes = statistics.mean(one.cpu_minutes for runs in found.values() for one in runs)
    print(f"\n{minutes:.1f} CPU minutes a run")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="folder of the targets")
    parser.add_argument("source", metavar="SOURCE", help="the model; {target} is the target's name")
    parser.add_argument("output", type=Path, metavar="OUTPUT_DIR", help="for logs and results")
    parser.add_argument("--set", choices=sorted(SETS), required=True, help="of techniques")
    parser.add_argument("--targets", nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--flags", default="", metavar="FLAGS", help="of train, for all runs")
    arguments = parser.parse_args()
    found, chosen = {}, SETS[arguments.set]
    for target in arguments.targets:
        found[target] = run_all(
            arguments.data / target, arguments.source.replace("{target}", target),
            arguments.output / arguments.set / target, chosen, shlex.split(arguments.flags),
        )  # fmt: skip
    print_table(chosen, found)


if __name__ == "__main__":
    main()
