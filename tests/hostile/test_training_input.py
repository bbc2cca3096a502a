"""Mistakes of users of `train` and `evaluate`, and the errors that the commands give."""

from __future__ import annotations

import json
import re
import resource
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command_runner import Result, run_command
from coqui_stt_training.checkpoints.file import read_checkpoint, write_checkpoint

ORACLE = Path(__file__).parents[2] / "../shared/oracle/tf"
SMALL: Sequence[str] = (
    "--n_hidden", "8", "--train_batch_size", "2", "--dev_batch_size", "2", "--epochs", "1",
    "--beam_width", "8", "--intra_op_parallelism_threads", "1", "--report_count", "0",
)  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """A folder of noise clips in place of speech, with CSV files."""

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
    """Return the checkpoint folder of a model with the letters a and b."""
    folder = tmp_path_factory.mktemp("models") / "source"
    result = train("--checkpoint_dir", folder, *speech.flags)
    assert result.returncode == 0, result.stderr
    return folder


def train(*flags: object) -> Result:
    return run_command("train", *SMALL, *flags)


def refused(result: Result) -> str:
    """Return the error message of a command, which must have refused its input."""
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


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--freeze_source_layers 2", "--freeze_source_layers needs a model to start from"),
        ("--source_learning_rate_factor 0.1", "--source_learning_rate_factor needs a model"),
        ("--drop_source_layers 1 --map_shared_characters true", "need a model to start from"),
        ("--load_train init --drop_source_layers 1", "but --load_train init was given; leave out"),
        ("--load_train best", "--load_train best: {folder} contains no checkpoint; leave the flag"),
        ("--load_train last", "--load_train last: {folder} contains no checkpoint; leave the flag"),
        (
            "--random_seed 100000000000000000000000",
            "--random_seed 100000000000000000000000: is too",
        ),
        ("--learning_rate inf --lm_alpha nan", "--learning_rate inf: must be finite; --lm_alpha"),
        ("--intra_op_parallelism_threads 99999999999", "must be from 0 to 1024"),
        ("--beam_width 99999999", "--beam_width 99999999: must be from 1 to 16777216"),
        ("--epochs", "--epochs: takes one value, not none"),
    ],
)
def test_flags_that_cannot_be_followed(
    speech: Speech, tmp_path: Path, flags: str, said: str
) -> None:
    folder = tmp_path / "new"
    result = train("--checkpoint_dir", folder, *speech.flags, *flags.split())
    assert said.format(folder=folder) in refused(result)
    assert not folder.exists()


def test_idle_flags_are_named(speech: Speech, source: Path, tmp_path: Path) -> None:
    result = train(
        *("--checkpoint_dir", source, "--load_checkpoint_dir", tmp_path, "--early_stop", "true"),
        *("--train_files", speech.train, "--dry_run"),
    )
    ignored = f"--load_checkpoint_dir {tmp_path} is ignored; leave out --checkpoint_dir"
    assert ignored in result.stderr
    assert "--early_stop has no effect without --dev_files" in result.stderr


def test_a_model_to_start_from_is_not_ignored_for_an_empty_folder(
    speech: Speech, source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    flags = ("--checkpoint_dir", folder, "--load_checkpoint_dir", source)
    error = refused(train(*flags, "--train_files", speech.train))
    assert f"--load_checkpoint_dir {source} --save_checkpoint_dir {folder}" in error
    assert train(*flags, "--train_files", speech.train, "--load_train", "init").returncode == 0


def test_the_command_for_another_alphabet_is_the_users_own(
    speech: Speech, source: Path, tmp_path: Path
) -> None:
    letters = tmp_path / "my letters.txt"
    letters.write_text("a\nb\nc\n", encoding="utf-8")
    save = tmp_path / "new"
    flags = ("--load_checkpoint_dir", source, "--save_checkpoint_dir", save, *speech.flags,
             "--alphabet_config_path", letters, "--shuffle_batches", "true")  # fmt: skip
    error = refused(train(*flags))
    assert "1 new: 'c' (U+0063 LATIN SMALL LETTER C)" in error
    command = error[error.index("python -m coqui_stt_training.train ") :].strip()
    words = shlex.split(command)[3:]
    assert {"--drop_source_layers", str(letters), "--shuffle_batches"} <= {*words}
    assert "--n_hidden" not in words
    done = run_command("train", *words)
    assert done.returncode == 0, done.stderr
    assert "3 of 4 classes exist in the source" in done.stderr


def test_bytes_and_characters_do_not_mix(speech: Speech, source: Path, tmp_path: Path) -> None:
    flags = ("--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path / "new",
             "--bytes_output_mode", "true", *speech.flags)  # fmt: skip
    assert "the source writes characters, the new model bytes" in refused(train(*flags))
    extended = refused(train(*flags, "--extend_alphabet", "true"))
    assert "use --drop_source_layers 1 instead" in extended


def test_what_a_run_began_with_stays(speech: Speech, tmp_path: Path) -> None:
    flags = ("--checkpoint_dir", tmp_path, *speech.flags)
    assert train(*flags).returncode == 0
    again = train(*flags, "--run", "continue", "--epochs", 2, "--audio_sample_rate", 8000,
                  "--n_hidden", 16)  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "--audio_sample_rate 16000 -> 8000 has no effect" in again.stderr
    assert "--n_hidden 8 -> 16 has no effect" in again.stderr
    assert "Flag changed since this run was last saved: --epochs 1 -> 2" in again.stderr


def test_the_source_s_audio_format_stays_unless_flags_say_otherwise(
    speech: Speech, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    assert (
        train("--checkpoint_dir", source, *speech.flags, "--audio_sample_rate", 8000).returncode
        == 0
    )
    flags = ("--load_checkpoint_dir", source, *speech.flags)
    kept = train(*flags, "--save_checkpoint_dir", tmp_path / "kept")
    assert kept.returncode == 0, kept.stderr
    changed = train(*flags, "--save_checkpoint_dir", tmp_path / "changed",
                    "--audio_sample_rate", 16000)  # fmt: skip
    assert "trained with --audio_sample_rate 8000; using 16000" in changed.stderr
    rates = [
        json.loads(run_command("inspect", tmp_path / name, "--json").stdout)["features"]
        for name in ("kept", "changed")
    ]
    assert [rate["audio_sample_rate"] for rate in rates] == [8000, 16000]


@contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """Limit the size of files, so that writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_earlier_checkpoints(speech: Speech, tmp_path: Path) -> None:
    flags = ("--checkpoint_dir", tmp_path, *speech.flags, "--skip_batch_test", "true")
    assert train(*flags).returncode == 0
    before = {file.name for file in tmp_path.iterdir()}
    with no_file_larger_than(8192):
        error = refused(train(*flags, "--run", "continue", "--epochs", 3))
    assert "cannot be written" in error
    assert "the checkpoints saved before are intact" in error
    assert {file.name for file in tmp_path.iterdir()} == before
    resumed = train(*flags, "--run", "continue", "--epochs", 3)
    assert resumed.returncode == 0
    assert "Continuing the run" in resumed.stderr


@pytest.mark.parametrize("flag", ["--checkpoint_dir", "--summary_dir", "--feature_cache"])
def test_folders_that_cannot_be_written_to(speech: Speech, tmp_path: Path, flag: str) -> None:
    (tmp_path / "file").touch()
    flags = ("--checkpoint_dir", tmp_path / "new", *speech.flags, flag, tmp_path / "file" / "x")
    assert str(tmp_path / "file") in refused(train(*flags))


def test_broken_weights_never_replace_a_good_checkpoint(speech: Speech, tmp_path: Path) -> None:
    flags = ("--checkpoint_dir", tmp_path, *speech.flags)
    assert train(*flags).returncode == 0
    good = {file.name for file in tmp_path.glob("*.safetensors")}
    diverged = train(*flags, "--run", "continue", "--epochs", 9, "--learning_rate", 1e30)
    error = refused(diverged)
    assert "skipping this step; files: " in diverged.stderr
    # Rounding decides which clips overflow first, so any of the lines may be named.
    assert re.search(rf"files: \S+ \({re.escape(str(speech.train))}:[2-7]\)", diverged.stderr)
    assert f"the last good checkpoint is {tmp_path / 'train-3.safetensors'}" in error
    assert "training has diverged" in error
    assert "Run the command again with a --learning_rate below 1e+30" in error
    assert {file.name for file in tmp_path.glob("*.safetensors")} == good
    mended = train(*flags, "--run", "continue", "--epochs", 2)
    assert mended.returncode == 0, mended.stderr
    assert "Continuing the run" in mended.stderr


def test_diverging_before_the_first_checkpoint(speech: Speech, tmp_path: Path) -> None:
    error = refused(train("--checkpoint_dir", tmp_path, *speech.flags, "--learning_rate", 1e30))
    assert "no checkpoint was saved yet" in error
    assert not list(tmp_path.glob("train-*"))


def test_a_source_with_broken_weights_is_refused(source: Path, speech: Speech) -> None:
    checkpoint = read_checkpoint(source / "train-3.safetensors")
    tensors = dict(checkpoint.tensors)
    name = next(iter(tensors))
    tensors[name] = np.full_like(tensors[name], np.nan)
    broken = speech.folder / "broken.safetensors"
    write_checkpoint(broken, replace(checkpoint, tensors=tensors, average=None))
    error = refused(run_command("evaluate", "--load_checkpoint_dir", broken, "--test_files",
                                speech.train))  # fmt: skip
    assert f"{broken}: {name} holds NaN or infinite values" in error


def test_empty_references_are_evaluated(speech: Speech, source: Path, tmp_path: Path) -> None:
    files = speech.write_csv("silence.csv", ("a.wav", ""))
    output = tmp_path / "samples.json"
    result = run_command("evaluate", "--checkpoint_dir", source, "--test_files", files,
                         "--test_output_file", output)  # fmt: skip
    assert result.returncode == 0, result.stderr
    sample = json.loads(output.read_text(encoding="utf-8"))[0]
    assert sample["src"] == ""
    assert sample["wer"] == (1.0 if sample["res"] else 0.0)


def test_a_file_without_a_usable_row_is_refused_even_where_rows_are_skipped(
    speech: Speech, tmp_path: Path
) -> None:
    files = speech.write_csv("useless.csv", ("none.wav", "ab"), ("nobody.wav", "ab"))
    error = refused(train("--checkpoint_dir", tmp_path, "--train_files", files, speech.train,
                          "--on_bad_row", "skip"))  # fmt: skip
    assert f"{files}: none of its 2 rows can be used" in error
    assert "none.wav" not in error  # the report on all rows was printed before


@pytest.mark.parametrize("model", ["cpu_n64", "cudnn_n64", "bytes_n64", "cpu_n64_quant.tflite"])
def test_sources_of_other_formats_with_another_alphabet_are_refused(
    speech: Speech, tmp_path: Path, model: str
) -> None:
    folder = ORACLE / ("tflite" if model.endswith(".tflite") else "ckpt") / model
    if not folder.exists():
        pytest.skip(f"{folder} is not here")
    letters = tmp_path / "letters.txt"
    letters.write_text("a\nb\n", encoding="utf-8")
    flags = ("--load_checkpoint_dir", folder, "--save_checkpoint_dir", tmp_path / "new",
             "--alphabet_config_path", letters, *speech.flags)  # fmt: skip
    error = refused(train(*flags))
    assert "the alphabet differs" in error
    assert "--drop_source_layers 1 --map_shared_characters true --load_checkpoint_dir" in error
    assert "--test_files" not in error  # the command was given none
    assert not (tmp_path / "new").exists()
    trained = train(*flags, "--drop_source_layers", 1, "--learning_rate", 0.003)
    assert trained.returncode == 0, trained.stderr
    assert "sized for the 2 labels" in trained.stderr
    rate_lines = [line for line in trained.stderr.splitlines() if "stored in the source" in line]
    assert len(rate_lines) == (0 if folder.suffix == ".tflite" else 1)
