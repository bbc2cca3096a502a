"""The log of a run: progress without a terminal, the time left, a table of the epochs."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from coqui_stt_training.cli.progress_bar import ProgressBar
from coqui_stt_training.errors import FlagError
from coqui_stt_training.report.epochs import Epoch, format_epochs, is_still_improving
from coqui_stt_training.report.event_file import EventFile
from coqui_stt_training.report.run_log import RunLog, Validation
from coqui_stt_training.report.summaries import Summaries
from coqui_stt_training.scoring.metrics import score_sample
from stt.durations import say_audio_length, say_duration


class Clock:
    """A clock that tests advance."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("coqui_stt_training")
    before, logger.level = logger.level, logging.INFO
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)
    logger.level = before


def test_without_a_terminal_progress_is_logged_every_minute(log: list[str]) -> None:
    clock = Clock()
    with ProgressBar("Epoch 3 |   Training", 100, shown=False, clock=clock) as bar:
        for _ in range(50):
            clock.seconds += 5
            bar.advance(clips=8, loss=42.5)
    assert len(log) == 4
    assert log[0] == (
        "Epoch 3 Training: batch 12 of 100, loss 42.500, 1.6 clips/s, about 7 min left"
    )
    assert "batch 48 of 100" in log[3]


def test_progress_that_begins_in_the_middle_says_when_the_rest_is_done(log: list[str]) -> None:
    clock = Clock()
    with ProgressBar("Checking audio", 1000, shown=False, unit="clip", clock=clock) as bar:
        bar.start_at(900)
        clock.seconds += 60
        bar.advance(50, amount=50)
    assert log == ["Checking audio: clip 950 of 1000, 0.8 clips/s, about 60 s left"]


def test_an_epoch_says_how_long_it_took_and_how_long_the_rest_will(
    log: list[str], tmp_path: Path
) -> None:
    clock = Clock()
    summaries = Summaries(tmp_path, begun_step=1000, begin_step=1000)
    run = RunLog(summaries, clock=clock)
    run.begin()
    for number, is_whole, alike in ((0, True, 3), (1, False, None), (3, True, 0), (9, True, None)):
        run.begin_epoch(number, is_whole)
        run.step(1001 + number, audio_seconds=3000, step_loss=5.0)
        clock.seconds += 60
        run.trained(number, 1001 + number, loss=5.0)
        clock.seconds += 30
        run.end_epoch(number, 9 - number, alike)
    run.end("epoch 10 of 10 is done", [])
    summaries.close()
    took = "took 90 s, 30 s of it validating; 50.0 s of audio a second"
    longer = "more layers are trained, which takes longer"
    assert log == [
        "STARTING Optimization",
        "Finished training epoch 0 - loss: 5.000000",
        f"Epoch 0 {took}; 9 epochs to go, about 4 min for 3 of them; then {longer}",
        "Finished training epoch 1 - loss: 5.000000",
        f"Epoch 1 {took}; 8 epochs to go",  # it was resumed, so its duration is not known
        "Finished training epoch 3 - loss: 5.000000",
        f"Epoch 3 {took}; 6 epochs to go; then {longer}",
        "Finished training epoch 9 - loss: 5.000000",
        f"Epoch 9 {took}",
        "FINISHED optimization in 0:06:00",
        "Epoch 10 of 10 is done",
    ]
    curves = EventAccumulator(str(tmp_path / "train")).Reload()
    assert [event.step for event in curves.Scalars("step_loss")] == [1, 2, 4, 10], "from its own 0"
    assert [event.value for event in curves.Scalars("audio_seconds_per_second")] == [50] * 4


def test_transcripts_around_the_median_are_shown(log: list[str], tmp_path: Path) -> None:
    heard = ["", "b", "no", "good bye", "hello world", "what is that", "what is this", "x" * 30]
    meant = ["yes", "a", "no", "good dye", "hello wurld", "that is that", "what is this", "y" * 30]
    samples = tuple(
        score_sample(f"{number}.wav", src, res, 1.0)
        for number, (src, res) in enumerate(zip(meant, heard, strict=True))
    )
    summaries = Summaries(tmp_path, 0, 0)
    run = RunLog(summaries)
    run.validated("dev", 0, 1, "dev.csv", False, Validation(0.5, samples))
    summaries.close()
    assert log[2:] == [
        '  "that is that" heard as "what is that"',
        '  "hello wurld" heard as "hello world"',
        '  "good dye" heard as "good bye"',
    ]
    text = EventAccumulator(str(tmp_path / "dev")).Reload().Tensors("samples/dev/text_summary")
    assert b"| good dye | good bye | 0.12 |" in text[0].tensor_proto.string_val[0]


def epochs(*rates: float) -> list[Epoch]:
    return [
        Epoch(number, 50.0 - number, 40.0, 0.5, rate, best=rate <= min(rates[: number + 1]))
        for number, rate in enumerate(rates)
    ]


def test_the_epochs_at_a_glance() -> None:
    assert format_epochs(epochs(0.9, 0.3, 0.4)).splitlines() == [
        "epoch  training loss  dev loss     WER     CER",
        "    0         50.000    40.000  0.5000  0.9000",
        "    1         49.000    40.000  0.5000  0.3000  best",
        "    2         48.000    40.000  0.5000  0.4000",
    ]
    many = format_epochs(epochs(*[1.0] * 40, 0.2, *[1.0] * 59)).splitlines()
    assert len(many) < 30
    assert many[1].startswith("    0 ")
    assert many[-2].startswith("   99 ")
    assert next(line for line in many if line.endswith("best")).startswith("   40 ")
    assert "-" in format_epochs([Epoch(0, 1.0)])


@pytest.mark.parametrize(
    ("rates", "improving"),
    [
        ((0.9, 0.5, 0.3), True),
        ((0.9, 0.3, 0.5), False),
        ((0.9,), False),
        ((*[0.9] * 26, 0.5, 0.6), True),
        ((*[0.9] * 20, 0.5, *[0.6] * 7), False),
    ],
)
def test_whether_more_epochs_would_help(rates: tuple[float, ...], improving: bool) -> None:
    assert is_still_improving(epochs(*rates)) is improving
    assert not is_still_improving([Epoch(0, 2.0), Epoch(1, 1.0)]), "without dev files nobody knows"


def test_lengths_of_time() -> None:
    for seconds, said in (
        (0.04, "0.0 s"),
        (9.96, "10 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3599, "1 h"),
        (7500, "2 h 5 min"),
        (99000, "1 day 4 h"),
        (250_000, "2 days 21 h"),
    ):
        assert say_duration(seconds) == said
    assert [say_audio_length(hours * 3600) for hours in (0.5, 1.25, 1234)] == [
        "30.0 minutes", "1.2 hours", "1234 hours"
    ]  # fmt: skip


def test_a_disk_that_is_full_at_the_end_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: EventFile) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    summaries = Summaries(tmp_path, 0, 0)
    summaries.training_step(1, loss=1.0)
    monkeypatch.setattr(EventFile, "close", fail)
    with pytest.raises(FlagError, match=r"No space left on device.*--summary_dir"):
        summaries.close()
