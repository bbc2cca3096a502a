"""Desks of the transcription page, with synthetic recordings, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.labelling.data_set import DataSet
from coqui_stt_training.labelling.desk import Desk
from coqui_stt_training.labelling.journal import DeskJournal
from coqui_stt_training.labelling.lease import LEASE_SECONDS, Leases
from coqui_stt_training.labelling.preparation import Preparation
from coqui_stt_training.labelling.recording import find_recordings
from coqui_stt_training.labelling.spelling import DeskSpelling

LETTERS = Alphabet.from_labels(list(" abcdefghijklmnopqrstuvwxyz'"))


class Clock:
    """A clock that tests advance."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def pass_lease(self) -> None:
        self.seconds += LEASE_SECONDS + 1


def write_recordings(folder: Path, count: int = 3, seconds: float = 0.5) -> Path:
    """Write short recordings `a0.wav`, `a1.wav`, ... and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for number in range(count):
        samples = random.normal(0, 2000, int(16000 * seconds)).astype(np.int16)
        soundfile.write(folder / f"a{number}.wav", samples, 16000)
    return folder


def speechlike(seconds: float, seed: int = 0) -> np.ndarray:
    """Return samples that voice activity detection takes for speech: a modulated buzz."""
    time = np.arange(int(16000 * seconds)) / 16000
    buzz = sum(np.sin(2 * np.pi * 120 * n * time + n * seed) / n for n in range(1, 30))
    swing = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)
    return (6000 * buzz * swing / np.abs(buzz).max()).astype(np.int16)


def open_desk(
    out: Path, *inputs: Path, clock: Clock | None = None, clip_seconds: float = 15.0,
    spelling: DeskSpelling | None = None,
) -> Desk:  # fmt: skip
    """Return a desk for the recordings in `inputs`, after all of them were cut into clips."""
    out.parent.mkdir(parents=True, exist_ok=True)
    desk = Desk(
        DataSet(out),
        DeskJournal(out.with_name(f"{out.stem}.desk.jsonl")),
        spelling or DeskSpelling(LETTERS),
        Leases(clock or Clock()),
    )
    recordings = find_recordings([str(one) for one in inputs], out.parent)
    preparation = Preparation(desk, recordings, clip_seconds)
    preparation.start()
    preparation.wait(30)
    return desk
