"""The run of `learning_curve`: train on growing parts of the data, then fit a curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stt.counted import counted
from stt.durations import say_audio_length

from ..cli.curve_flags import CurveConfig
from ..cli.flags import Parsed
from ..experiments.trainings import FIRST_SEED, check_training, run_training
from .inputs import CurveInputs, check_inputs, write_part
from .outlook import Outlook, look_ahead
from .page import write_page
from .record import CurveMeasurement, read_record


class Curve:
    """A learning curve in progress.

    Args:
        parsed: flags of the command.
        show: called with each line of output.

    Raises:
        UserError: data or the source cannot be read, or there is too little data.
    """

    def __init__(self, parsed: Parsed[CurveConfig], show: Callable[[str], object]) -> None:
        self.config = parsed.config
        self.inputs: CurveInputs = check_inputs(parsed)
        self.out = Path(self.config.curve.out)
        self.record = read_record(self.out)
        self._show = show

    def run(self) -> None:
        """Run the trainings that are missing, and print the predictions.

        Raises:
            StoppedError: a training was interrupted.
            UserError: a training failed.
        """
        flags = self.config.curve
        sizes = flags.sizes()
        todo = [
            (seed, size)
            for seed in range(FIRST_SEED, FIRST_SEED + flags.seeds)
            for size in sizes
            if self._key(seed, size) not in self.record.all
        ]
        self._announce(sizes, len(todo))
        if todo or self.config.bootstrap.dry_run:
            self._check()
        if self.config.bootstrap.dry_run:
            return
        for number, (seed, size) in enumerate(todo, 1):
            self._show(f"\n=== {number}/{len(todo)}: {size:g} of the data, seed {seed}")
            self._measure(seed, size)
        self._conclude()

    def _announce(self, sizes: Sequence[float], left: int) -> None:
        order = self.inputs.order(FIRST_SEED)
        how = "speaker by speaker" if order.by_speaker else "clip by clip"
        clips = ", ".join(str(len(order.part(size))) for size in sizes)
        self._show(f"Parts of {clips} clips, growing {how}; {counted(left, 'training')} to do")

    def _check(self) -> None:
        """Do a dry run on the user's own files.

        Error messages then name these files, and cover rows that are in no part, too.
        """
        flags = {**self.inputs.given, "train_files": self.config.data.train_files}
        check_training(flags, self.out / "unmade", self._show)

    def _measure(self, seed: int, size: float) -> None:
        rows = self.inputs.order(seed).part(size)
        name = f"{self.inputs.digest}-{seed}-{size:g}"
        part = self.out / "parts" / f"{name}.csv"
        write_part(part, rows)
        trained = run_training(
            self._flags(part), self.out / "trainings" / name, self.out / "results" / f"{name}.json",
            seed, self._show, keeps_model=self.config.curve.keep_models,
        )  # fmt: skip
        rates = trained.results.rates
        self._show(f"{size:g} of the data, seed {seed}: {rates}")
        measurement = CurveMeasurement(seed, size, len(rows), rates.cer, rates.wer, trained.command)
        self.record = self.record.add(self._key(seed, size), measurement)

    def _flags(self, part: Path) -> dict[str, Any]:
        return {**self.inputs.given, "train_files": str(part)}

    def _key(self, seed: int, size: float) -> str:
        return f"{self.inputs.digest} {seed} {size:g}"

    def _conclude(self) -> None:
        flags = self.config.curve
        measured = [
            self.record.all[self._key(seed, size)]
            for seed in range(FIRST_SEED, FIRST_SEED + flags.seeds)
            for size in flags.sizes()
        ]
        total = len(self.inputs.rows)
        outlook = look_ahead(measured, total, self.inputs.seconds_a_clip, flags.interval)
        self.record = self.record.conclude(outlook.as_json())
        write_page(self.out / "curve.html", outlook, measured)
        for line in describe(outlook):
            self._show(line)
        self._show(f"The curve: {self.out / 'curve.html'}, {self.out / 'curve.json'}")


def describe(outlook: Outlook) -> Iterator[str]:
    """Yield the lines of the table and the verdict for a terminal."""
    level = f"{outlook.level:.0%}"
    yield f"\n{'data':<30} {'CER':>6} {level + ' between':>17} {'WER':>7} {level + ' between':>17}"
    for ahead in outlook.ahead:
        length = say_audio_length(ahead.cer.amount * outlook.seconds_a_clip)
        name = f"{ahead.factor:g} times, {length}" if ahead.factor != 1 else f"all, {length}"
        cells = "".join(
            f" {one.error:>6.3f} {one.low:>9.3f} to {one.high:.3f} "
            for one in (ahead.cer, ahead.wer)
        )
        yield f"{name:<30}{cells}".rstrip()
    yield outlook.verdict
