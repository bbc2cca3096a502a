"""A tiny corpus of tones, one pitch for each letter, which a small model learns in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command_runner import Result, run_command
from coqui_stt_training import train as train_module

RATE_HZ = 16000
LATIN = "abcd"
CYRILLIC = "бгжю"


@dataclass(frozen=True)
class ToneCorpus:
    """The CSV files and the alphabet of one language."""

    train: Path
    dev: Path
    test: Path
    alphabet: Path

    @property
    def flags(self) -> list[str]:
        return ["--train_files", str(self.train), "--dev_files", str(self.dev),
                "--test_files", str(self.test)]  # fmt: skip


def write_tones(
    folder: Path, letters: str, seed: int, counts: Sequence[int] = (24, 6, 6)
) -> ToneCorpus:
    folder.mkdir()
    generator = np.random.default_rng(seed)
    paths = []
    for name, count in zip(("train", "dev", "test"), counts, strict=True):
        lines = ["wav_filename,wav_filesize,transcript"]
        for number in range(count):
            text = "".join(generator.choice(list(letters), generator.integers(2, 5)))
            file = folder / f"{name}{number}.wav"
            soundfile.write(file, speak(text, letters, generator), RATE_HZ)
            lines.append(f"{file.name},{file.stat().st_size},{text}")
        paths.append(folder / f"{name}.csv")
        paths[-1].write_text("\n".join(lines) + "\n", encoding="utf-8")
    alphabet = folder / "letters.txt"
    alphabet.write_text("".join(f"{letter}\n" for letter in letters), encoding="utf-8")
    return ToneCorpus(*paths, alphabet)


def speak(text: str, letters: str, generator: np.random.Generator) -> np.ndarray:
    silence = np.zeros(RATE_HZ // 10)
    parts = [silence]
    for letter in text:
        pitch_hz = 300 * 1.7 ** letters.index(letter) * generator.uniform(0.97, 1.03)
        time = np.arange(RATE_HZ * 12 // 100) / RATE_HZ
        parts += [0.4 * np.sin(2 * np.pi * pitch_hz * time), silence]
    audio = np.concatenate(parts)
    return audio + generator.normal(0, 0.003, len(audio))


@pytest.fixture(scope="session")
def latin(tmp_path_factory: pytest.TempPathFactory) -> ToneCorpus:
    return write_tones(tmp_path_factory.mktemp("corpora") / "latin", LATIN, seed=1)


@pytest.fixture(scope="session")
def cyrillic(tmp_path_factory: pytest.TempPathFactory) -> ToneCorpus:
    return write_tones(tmp_path_factory.mktemp("corpora") / "cyrillic", CYRILLIC, seed=2)


SMALL: Sequence[str] = (
    "--n_hidden", "32", "--train_batch_size", "4", "--dev_batch_size", "6", "--learning_rate",
    "0.003", "--beam_width", "32", "--intra_op_parallelism_threads", "1", "--report_count", "1",
)  # fmt: skip


@pytest.fixture(scope="session")
def source(latin: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint folder of a model trained on the Latin tones by the `train` command."""
    folder = tmp_path_factory.mktemp("models") / "source"
    result = run_command("train", "--checkpoint_dir", folder, *latin.flags, *SMALL, "--epochs", 30)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Result]:
    """Return a function that runs `train` with the flags of small models."""
    return lambda *flags: run_command("train", *flags, *SMALL)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return a list that gets the flags of each training that a command runs, except dry runs."""
    ran: list[list[str]] = []
    real = train_module.main

    def main(words: list[str]) -> int:
        if "--dry_run" not in words:
            ran.append(words)
        return real(words)

    monkeypatch.setattr(train_module, "main", main)
    return ran


@contextmanager
def interrupted_after(count: int, trainings: list[list[str]]) -> Iterator[None]:
    """Interrupt a command as soon as it starts a training after `count` others."""
    real = train_module.main

    def main(words: list[str]) -> int:
        if len(trainings) == count and "--dry_run" not in words:
            raise KeyboardInterrupt
        return real(words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "main", main)
        yield


def value(words: list[str], flag: str) -> str:
    """Return the value of a flag in a command line that was split into words."""
    return words[words.index(f"--{flag}") + 1]
