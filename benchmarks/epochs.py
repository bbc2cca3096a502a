"""Whole epochs of `train`, with everything around the steps, from reading batches to saving."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from coqui_stt_training.models.deepspeech.geometry import Geometry

from .loading import write_clips
from .measuring import Effort, Result, process_cpu_seconds
from .steps import Step, count_operations, products_a_second

_SECONDS = 5  # of a clip, as in the benchmark of steps
_CLIPS_OF_A_BATCH = 8
_EPOCHS = 7  # several, since the start of a process takes a different time each time


def epochs(effort: Effort) -> Iterator[Result]:
    """Measure an epoch: the difference between runs of several epochs and of one; no dev set."""
    n_hidden = min(effort.sizes)
    batches = 2 * effort.rounds
    with tempfile.TemporaryDirectory() as name:
        clips = write_clips(Path(name), batches * _CLIPS_OF_A_BATCH, _SECONDS)
        (Path(name) / "alphabet.txt").write_text(
            "".join(f"{letter}\n" for letter in " abcdefghijklmnopqrstuvwxyz'"), encoding="utf-8"
        )
        one, all_of_them = (_cpu_seconds(clips, n_hidden, count) for count in (1, _EPOCHS))
    step = Step("", Geometry(n_hidden, 29), _CLIPS_OF_A_BATCH)
    operations = batches * count_operations(step.prepare(torch.device("cpu")))
    rate = products_a_second(torch.device("cpu"), torch.float32, "float32")
    yield Result(
        f"epoch: DeepSpeech {n_hidden}, {batches * _CLIPS_OF_A_BATCH} clips",
        max(all_of_them - one, 1e-3) / (_EPOCHS - 1),
        "epoch",
        operations / rate,
        "float32 products",
    )


def _cpu_seconds(clips: Path, n_hidden: int, count: int) -> float:
    command = [
        "-m", "coqui_stt_training.train", "--train_files", clips, "--checkpoint_dir",
        clips.parent / f"model-{count}", "--alphabet_config_path", clips.parent / "alphabet.txt",
        "--n_hidden", n_hidden, "--epochs", count, "--train_batch_size", _CLIPS_OF_A_BATCH,
        "--intra_op_parallelism_threads", 1, "--skip_batch_test", "true",
    ]  # fmt: skip
    return process_cpu_seconds([str(word) for word in command])
