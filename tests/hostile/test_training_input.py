"""What a person can get wrong with `train` and `evaluate`, and what the commands say to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command_runner import Result, run_command

SMALL: Sequence[str] = (
    "--n_hidden", "8", "--train_batch_size", "2", "--dev_batch_size", "2", "--epochs", "1",
    "--beam_width", "8", "--intra_op_parallelism_threads", "1", "--report_count", "0",
)  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """A folder of noise that passes for speech, and its CSV files."""

    folder: Path

    def write_csv(self, name: str, *rows: tuple[str, str]) -> Path:
        path = self.folder / name
        lines = ["wav_filename,transcript", *(",".join(row) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    @property
    def train(self) -> Path:
        return self.folder / "train.csv"

    @property
    def flags(self) -> list[str]:
        return ["--train_files", str(self.train), "--dev_files", str(self.folder / "dev.csv")]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    folder = tmp_path_factory.mktemp("speech")
    generator = np.random.default_rng(0)
    for name in ("a", "b", "c", "d", "e", "f", "dev"):
        soundfile.write(folder / f"{name}.wav", generator.normal(0, 0.1, 6000), 16000)
    soundfile.write(folder / "low.wav", generator.normal(0, 0.1, 4000), 8000)
    corpus = Speech(folder)
    corpus.write_csv("train.csv", *((f"{name}.wav", "ab") for name in "abcdef"))
    corpus.write_csv("dev.csv", ("dev.wav", "ba"))
    return corpus


@pytest.fixture(scope="module")
def source(speech: Speech, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the letters a and b."""
    folder = tmp_path_factory.mktemp("models") / "source"
    result = train("--checkpoint_dir", folder, *speech.flags)
    assert result.returncode == 0, result.stderr
    return folder


def train(*flags: object) -> Result:
    return run_command("train", *SMALL, *flags)


def refused(result: Result) -> str:
    """Return the error of a command that must have refused its input, in one line."""
    assert result.returncode == 2, result.stderr
    error = result.stderr[result.stderr.index("error: ") :]
    assert "Traceback" not in error
    return error


def test_audio_of_another_rate_is_a_bad_row_where_resampling_is_forbidden(
    speech: Speech, source: Path, tmp_path: Path
) -> None:
    files = speech.write_csv("rates.csv", ("low.wav", "ab"), ("a.wav", "ab"))
    strict = ("--normalize_sample_rate", "false")
    for result in (
        train("--checkpoint_dir", tmp_path, "--train_files", files, *strict),
        run_command("evaluate", "--checkpoint_dir", source, "--test_files", files, *strict),
    ):
        error = refused(result)
        assert "1 of 2 rows cannot be used" in error
        assert f"{files}:2: low.wav has 8000 Hz, the model 16000 Hz" in error
    assert train("--checkpoint_dir", tmp_path, "--train_files", files).returncode == 0


def test_one_recording_of_another_rate_is_refused_where_resampling_is_forbidden(
    speech: Speech, source: Path
) -> None:
    flags = ("--checkpoint_dir", source, "--one_shot_infer", speech.folder / "low.wav")
    result = run_command("training_graph_inference", *flags, "--normalize_sample_rate", "false")
    assert "low.wav has 8000 Hz, the model 16000 Hz" in refused(result)
    assert run_command("training_graph_inference", *flags).returncode == 0
