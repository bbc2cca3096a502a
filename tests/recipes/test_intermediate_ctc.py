"""`--intermediate_ctc_weight`: a loss on inner blocks, only in training."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_runner import run_command
from coqui_stt_training.checkpoints.file import read_checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder

from .conftest import SMALL, ToneCorpus
from .test_resuming import assert_same_end
from .test_streaming import SMALL as STREAMING

FLAGS = ("--intermediate_ctc_weight", 0.3, "--encoder_blocks", 3, "--max_to_keep", 1)


def test_it_changes_the_weights_and_adds_none_and_resumes(
    latin: ToneCorpus, tmp_path: Path
) -> None:
    def train(name: str, *flags: object) -> dict[str, tuple[int, ...]]:
        data = ("--train_files", latin.train, "--dev_files", latin.dev)
        result = run_command(
            "train", "--checkpoint_dir", tmp_path / name, *data, *STREAMING, *flags
        )
        assert result.returncode == 0, result.stderr
        best = CheckpointFolder(tmp_path / name).newest_of_ours("best")
        assert best is not None
        return {name: one.shape for name, one in read_checkpoint(best).tensors.items()}

    without = train("without", "--encoder_blocks", 3, "--epochs", 2)
    assert train("with", *FLAGS, "--epochs", 2) == without
    with pytest.raises(AssertionError):
        assert_same_end(tmp_path / "with", tmp_path / "without")
    train("resumed", *FLAGS, "--epochs", 1)
    train("resumed", *FLAGS, "--epochs", 2, "--run", "continue")
    last = [
        read_checkpoint(path).tensors
        for name in ("with", "resumed")
        if (path := CheckpointFolder(tmp_path / name).newest_of_ours("last"))
    ]
    assert all((last[0][name] == last[1][name]).all() for name in last[0])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((*STREAMING, *FLAGS, "--intermediate_ctc_block", 3), "of this model are 1 to 2"),
        (
            (*STREAMING, "--intermediate_ctc_block", 1),
            "has no effect without --intermediate_ctc_weight; add it",
        ),
        ((*SMALL, "--intermediate_ctc_weight", 0.3), "deepspeech models have no inner blocks"),
        ((*SMALL, "--intermediate_ctc_weight", 1), "--intermediate_ctc_weight 1"),
    ],
)
def test_what_makes_no_sense_is_refused(
    flags: tuple[object, ...], said: str, latin: ToneCorpus, tmp_path: Path
) -> None:
    result = run_command(
        "train", "--checkpoint_dir", tmp_path / "model", "--train_files", latin.train, *flags,
        "--dry_run", "true",
    )  # fmt: skip
    assert result.returncode == 2
    assert said in result.stderr
