"""The streaming encoder in the usual commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import stt
from command_runner import Result, run_command
from coqui_stt_training.checkpoints.file import read_checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.models.streaming.model import Stem
from stt.audio.source import read_pcm
from stt.engines import BatchEngine, open_engine

from .conftest import ToneCorpus
from .test_training_commands import character_error_rate

SMALL = (
    "--architecture", "streaming_conformer", "--encoder_width", 32, "--encoder_blocks", 2,
    "--encoder_heads", 2, "--chunk_milliseconds", 160, "--left_milliseconds", 640,
    "--train_batch_size", 4, "--dev_batch_size", 6, "--learning_rate", 0.003, "--beam_width", 32,
    "--intra_op_parallelism_threads", 1, "--report_count", 1,
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(latin: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("streaming") / "trained"
    result = run_command(
        "train", "--checkpoint_dir", folder, *latin.flags, *SMALL, "--epochs", 40,
        "--audio_sample_rate", 8000,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder, result


def test_it_learns_from_scratch(trained: tuple[Path, Result]) -> None:
    folder, result = trained
    assert character_error_rate(result.stdout) < 0.3
    assert "models use causal_log_mel at 16000 Hz" in result.stderr
    shown = run_command("inspect", folder).stdout
    assert "frames of 40 ms, chunks of 160 ms after 640 ms, 5 classes" in shown


def test_a_live_stream_says_what_the_whole_clip_says(
    trained: tuple[Path, Result], latin: ToneCorpus
) -> None:
    model = stt.Model(str(trained[0]))
    engine = open_engine(trained[0], threads=1, parallel=1)
    assert isinstance(engine, BatchEngine)
    assert model.step_seconds == pytest.approx(0.04)
    for number in range(3):
        samples = read_pcm(latin.test.parent / f"test{number}.wav", model.sampleRate())
        stream = engine.open_stream()
        assert stream.samples_until_due == 16000 * 160 // 1000  # one chunk
        parts = [stream.feed(samples[start : start + 999]) for start in range(0, len(samples), 999)]
        live = np.concatenate([*parts, stream.finish()])
        whole = engine.posteriors(samples)
        np.testing.assert_allclose(live, whole, atol=1e-5)
        np.testing.assert_allclose(
            engine.batch_posteriors([samples, samples[:0]])[0], whole, atol=1e-5
        )
        assert model.stt(samples) == heard_live(model, samples)


@pytest.mark.parametrize("quantize", ["true", "false"])
def test_it_is_exported_for_live_use_without_pytorch(
    trained: tuple[Path, Result], latin: ToneCorpus, tmp_path: Path, quantize: str
) -> None:
    pytest.importorskip("onnx")
    result = run_command(
        "export", "--checkpoint_dir", trained[0], "--export_dir", tmp_path, "--test_files",
        latin.test, "--export_quantize", quantize,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "same best label in" in result.stderr
    path = tmp_path / "output_graph.onnx"
    shown = run_command("inspect", path).stdout
    assert "onnx, the chunked graph: audio as it comes" in shown
    assert "in chunks of 0.16 s, which is also the latency" in shown
    checkpoint, model = stt.Model(str(trained[0])), stt.Model(str(path))
    texts = []
    for number in range(3):
        samples = read_pcm(latin.test.parent / f"test{number}.wav", model.sampleRate())
        texts.append((checkpoint.stt(samples), model.stt(samples)))
        assert heard_live(model, samples) == model.stt(samples)
    if quantize == "false":
        assert all(one == other for one, other in texts)
    loaded = "import sys, stt; stt.Model(sys.argv[1]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded, path], check=False).returncode == 0


def heard_live(model: stt.Model, samples: np.ndarray) -> str:
    stream = model.createStream()
    for start in range(0, len(samples), 4000):
        stream.feedAudioContent(samples[start : start + 4000])
    return stream.finishStream()


def test_a_run_that_goes_on_is_the_run_that_was_never_interrupted(
    latin: ToneCorpus, tmp_path: Path
) -> None:
    def run_to(folder: str, epochs: int) -> Path:
        result = run_command(
            "train", "--save_checkpoint_dir", tmp_path / folder, "--train_files", latin.train,
            "--dev_files", latin.dev, *SMALL, "--epochs", epochs, "--dropout_rate", 0.1, "--run",
            "continue" if (tmp_path / folder).exists() else "auto",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        newest = CheckpointFolder(tmp_path / folder).newest_of_ours("last")
        assert newest is not None
        return newest

    whole = read_checkpoint(run_to("whole", 3))
    run_to("parts", 1)
    parts = read_checkpoint(run_to("parts", 3))
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(parts.tensors[name], tensor, err_msg=name)


@pytest.mark.parametrize(("domain", "runs"), [("hidden", 1), ("features", 2)])
def test_views_of_a_batch_share_what_is_below_their_masks(
    domain: str, runs: int, latin: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stems: list[int] = []
    forward = Stem.forward

    def counted(self: Stem, x: torch.Tensor, state: tuple[torch.Tensor, ...]) -> object:
        stems.append(len(x))
        return forward(self, x, state)

    monkeypatch.setattr(Stem, "forward", counted)
    result = run_command(
        "train", "--checkpoint_dir", tmp_path / "model", "--train_files", latin.train, *SMALL,
        "--epochs", 1, "--consistency_weight", 0.2, "--skip_batch_test", "true", "--augment",
        f"time_mask[p=1,domain={domain},n=2,size=100]",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert sum(stems) == runs * 24  # clips


def test_it_is_a_source(trained: tuple[Path, Result], cyrillic: ToneCorpus, tmp_path: Path) -> None:
    folder, _ = trained
    flags = SMALL[SMALL.index("--train_batch_size") :]
    result = run_command(
        "train", "--load_checkpoint_dir", folder, "--save_checkpoint_dir", tmp_path / "new",
        *cyrillic.flags, "--drop_source_layers", 1, "--freeze_source_layers", 2, "--epochs", 1,
        "--encoder_width", 64, *flags,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "--encoder_width 64 is ignored: the checkpoint has 32" in result.stderr
    ours, theirs = load_source(tmp_path / "new"), load_source(folder)
    for name, tensor in theirs.tensors.items():
        same = np.array_equal(ours.tensors[name], tensor)
        assert same == name.startswith(("stem.", "block_1.")), name


@pytest.mark.parametrize("flag", ["--load_checkpoint_dir", "--checkpoint_dir"])
def test_a_source_of_another_architecture_is_refused(
    flag: str, trained: tuple[Path, Result], latin: ToneCorpus, tmp_path: Path
) -> None:
    """As a source and as a run to continue, before anything is computed."""
    asked = (flag, trained[0], "--train_files", latin.train, "--architecture", "deepspeech")
    saved = ("--save_checkpoint_dir", tmp_path / "new") if flag == "--load_checkpoint_dir" else ()
    for dry_run in ("true", "false"):
        result = run_command("train", *asked, *saved, "--epochs", 99, "--dry_run", dry_run)
        assert result.returncode == 2
        assert "error: --architecture deepspeech: " in result.stderr
        assert "is a streaming_conformer model" in result.stderr
        assert "leave the flag out" in result.stderr
    assert not (tmp_path / "new").exists()
    scratch = ("--run", "new", "--load_train", "init", "--dry_run", "true", "--n_hidden", 8)
    assert run_command("train", *asked, *saved, *scratch).returncode == 0


def test_sizes_that_do_not_go_together_are_refused_together() -> None:
    result = run_command(
        "train", "--encoder_width", 30, "--frame_milliseconds", 30, "--chunk_milliseconds", 100
    )
    assert result.returncode != 0
    for problem in (
        "--encoder_width 30 must be a multiple of --encoder_heads 4",
        "--frame_milliseconds 30: must be one of 20, 40, 80",
        "--chunk_milliseconds 100: must be a multiple of --frame_milliseconds 30",
    ):
        assert problem in result.stderr
