"""The run of `compare`: train in each way in turn, then compare the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from stt.counted import counted

from ..cli.comparison_flags import ComparisonFlags
from ..experiments.trainings import FIRST_SEED, check_training, run_training
from .inputs import Way
from .page import write_page
from .record import ComparisonMeasurement, read_record
from .verdict import summarize
from .wording import describe


class Comparison:
    """A comparison in progress.

    Args:
        flags: flags of the comparison.
        ways: ways to train.
        show: called with each line of output.

    Raises:
        CheckpointError: the record in its folder is damaged.
    """

    def __init__(
        self, flags: ComparisonFlags, ways: Sequence[Way], show: Callable[[str], object]
    ) -> None:
        self._flags = flags
        self._ways = ways
        self._show = show
        self._out = Path(flags.out)
        self._record = read_record(self._out)

    def run(self, *, dry: bool) -> None:
        """Run the trainings that are missing, and print the conclusion.

        Args:
            dry: only check that all ways can be trained.

        Raises:
            StoppedError: a training was interrupted.
            UserError: a training failed.
        """
        todo = {  # ways with the same flags are trained once
            _key(way, seed): (seed, way)
            for seed in self._seeds()
            for way in self._ways
            if _key(way, seed) not in self._record.all
        }.values()
        names = ", ".join(way.name for way in self._ways)
        self._show(f"{counted(len(self._ways), 'way')}: {names}; "
                   f"{counted(len(todo), 'training')} to do")  # fmt: skip
        for way in self._ways if dry else {way.name: way for _, way in todo}.values():
            self._show(f"\n=== {way.name}")
            check_training(way.flags, self._out / "unmade", self._show)
        if dry:
            return
        self._record.write()  # marks the folder as that of a comparison
        for number, (seed, way) in enumerate(todo, 1):
            self._show(f"\n=== {number}/{len(todo)}: {way.name}, seed {seed}")
            self._measure(way, seed)
        self._conclude()

    def _measure(self, way: Way, seed: int) -> None:
        name = f"{way.digest}-{seed}"
        results = self._out / "results" / f"{name}.json"
        trained = run_training(
            way.flags, self._out / "trainings" / name, results, seed, self._show,
            keeps_model=self._flags.keep_models,
        )  # fmt: skip
        found = trained.results
        self._show(f"{way.name}, seed {seed}: {found.rates}")
        measurement = ComparisonMeasurement(
            way.name, seed, found.rates.cer, found.rates.wer, trained.cpu_minutes,
            found.char_errors, found.char_lengths, trained.command,
        )  # fmt: skip
        self._record = self._record.add(_key(way, seed), measurement)

    def _conclude(self) -> None:
        measured = [
            [replace(self._record.all[_key(way, seed)], way=way.name) for seed in self._seeds()]
            for way in self._ways
        ]
        found = summarize(measured, self._flags.interval)
        rows = [one.as_json() for one in found]
        self._record = self._record.conclude({"interval": self._flags.interval, "ways": rows})
        page = self._out / "comparison.html"
        write_page(page, found, [one for way in measured for one in way], self._flags.interval)
        for line in describe(found, self._flags.interval):
            self._show(line)
        self._show(f"The comparison: {page}, {self._record.path}")

    def _seeds(self) -> range:
        return range(FIRST_SEED, FIRST_SEED + self._flags.seeds)


def _key(way: Way, seed: int) -> str:
    return f"{way.digest} {seed}"
