"""Distillation: alignment of the teacher's frames, the loss, and computing each clip once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.corpus import Clip
from coqui_stt_training.models.acoustic_model import Emissions
from coqui_stt_training.scoring.ctc import ctc_losses
from coqui_stt_training.training.distillation import Distillation, Teacher, aligned
from stt.audio.pcm import Pcm
from stt.audio.reference import AudioReference
from stt.engines import FloatArray
from stt.engines.utterance import UtteranceInfo


def posteriors(*rows: list[float]) -> FloatArray:
    return np.array(rows, np.float32)


A, B, BLANK = [0.9, 0.0, 0.1], [0.0, 0.8, 0.2], [0.05, 0.05, 0.9]


def test_frames_of_equal_length_stay_as_they_are() -> None:
    said = posteriors(A, BLANK, B)
    np.testing.assert_array_equal(aligned(said, 1.0, 3), said)
    np.testing.assert_array_equal(aligned(said, 1.0, 2), said[:2])
    np.testing.assert_array_equal(aligned(said, 1.0, 5), said)  # the teacher has no more frames


def test_of_several_frames_that_with_the_least_blank_is_taken() -> None:
    said = posteriors(BLANK, A, B, BLANK, BLANK, BLANK, A)
    np.testing.assert_array_equal(aligned(said, 2.0, 4), posteriors(A, B, BLANK, A))
    np.testing.assert_array_equal(aligned(said, 4.0, 2), posteriors(A, A))
    np.testing.assert_array_equal(aligned(said, 1.5, 4), posteriors(BLANK, A, BLANK, BLANK))


def test_a_frame_teaches_all_that_it_lasts_for() -> None:
    said = posteriors(A, BLANK)
    np.testing.assert_array_equal(aligned(said, 0.5, 4), posteriors(A, A, BLANK, BLANK))
    seconds = 0.02 / 0.08  # not exactly a quarter
    assert len(aligned(said, seconds, 8)) == 8


def test_nothing_teaches_nothing() -> None:
    assert aligned(posteriors(A)[:0], 2.0, 4).shape == (0, 3)
    assert aligned(posteriors(A), 2.0, 0).shape == (0, 3)


class Loudness:
    """An engine that gives A, B or blank by a frame's loudness, and counts its calls."""

    info = UtteranceInfo(Alphabet.from_labels("ab"), 16000, 0.02, beam_width=8)

    def __init__(self) -> None:
        self.heard = 0

    def posteriors(self, samples: Pcm) -> FloatArray:
        self.heard += 1
        frames = samples[: len(samples) // 320 * 320].reshape(-1, 320).max(axis=1)
        return posteriors(*(A if loud > 2000 else B if loud > 1000 else BLANK for loud in frames))


def clip(folder: Path, name: str, loudness: list[int], transcript: str) -> Clip:
    samples = np.repeat(np.array(loudness, np.int16), 320)
    soundfile.write(folder / name, samples, 16000)
    return Clip(AudioReference(folder / name), transcript, f"{name}:1", None, len(samples) / 16000)


def batch_of(*clips: Clip) -> Batch:
    alphabet = Alphabet.from_labels("ab")
    labels = [torch.tensor(alphabet.encode(one.transcript), dtype=torch.int64) for one in clips]
    return Batch(
        clips, torch.zeros(0), torch.zeros(0), torch.cat(labels),
        torch.tensor([len(one) for one in labels]),
    )  # fmt: skip


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return batch_of(
        clip(tmp_path, "one.wav", [0, 3000, 0, 1500], "ab"),
        clip(tmp_path, "two.wav", [1500, 0], "b"),
        clip(tmp_path, "three.wav", [3000, 0], ""),
    )


def emissions() -> Emissions:
    logits = torch.randn(3, 4, 3, generator=torch.Generator().manual_seed(1))
    logits[1:, 2:] = float("nan")  # padding
    return Emissions(logits.requires_grad_(), torch.tensor([4, 2, 2]))


def frames_of(seconds: float) -> int:
    return round(seconds / 0.02)


EXPECTED = [posteriors(BLANK, A, BLANK, B), posteriors(B, BLANK), posteriors(A, BLANK)]


def divergences(said: Emissions) -> torch.Tensor:
    return torch.stack([
        torch.nn.functional.kl_div(
            said.log_probabilities()[row, : len(target)], torch.from_numpy(target), reduction="sum"
        )
        for row, target in enumerate(EXPECTED)
    ])  # fmt: skip


def test_the_loss_is_of_transcripts_and_of_the_teacher(batch: Batch) -> None:
    loss, said = Distillation(Teacher(Loudness(), [0, 1, 2]), 0.25, 0.02, frames_of), emissions()
    expected = 0.25 * divergences(said) + 0.75 * ctc_losses(said, batch)
    losses = loss(said, batch)
    torch.testing.assert_close(losses[:2], expected[:2], rtol=1e-3, atol=1e-3)
    # Without a transcript, only the teacher counts.
    torch.testing.assert_close(losses[2], divergences(said)[2], rtol=1e-3, atol=1e-3)
    losses.sum().backward()
    gradient = said.logits.grad
    assert gradient is not None
    assert gradient[0].isfinite().all()
    assert gradient[1:, :2].isfinite().all()


def test_audio_that_was_made_longer_is_taught_later(batch: Batch) -> None:
    loss = Distillation(Teacher(Loudness(), [0, 1, 2]), 1.0, 0.02, frames_of)
    logits = torch.randn(3, 8, 3, generator=torch.Generator().manual_seed(2))
    said = Emissions(logits, torch.tensor([8, 4, 4]))  # audio slowed to half its speed
    targets = [torch.from_numpy(target.repeat(2, axis=0)) for target in EXPECTED]
    expected = [
        torch.nn.functional.kl_div(log[: len(target)], target, reduction="sum")
        for log, target in zip(said.log_probabilities(), targets, strict=True)
    ]
    longer = replace(batch, augmented=True)
    torch.testing.assert_close(loss(said, longer), torch.stack(expected), rtol=1e-3, atol=1e-3)


def test_at_full_weight_transcripts_say_nothing(batch: Batch) -> None:
    loss, said = Distillation(Teacher(Loudness(), [0, 1, 2]), 1.0, 0.02, frames_of), emissions()
    torch.testing.assert_close(loss(said, batch), divergences(said), rtol=1e-3, atol=1e-3)


def test_classes_are_those_of_the_student(batch: Batch) -> None:
    heard = Teacher(Loudness(), [1, 0, 2])(batch.clips[0])
    np.testing.assert_allclose(heard, EXPECTED[0][:, [1, 0, 2]], atol=1e-3)


def test_each_clip_is_heard_once_as_long_as_there_is_room(batch: Batch) -> None:
    engine = Loudness()
    teacher = Teacher(engine, [0, 1, 2])
    for _ in range(3):
        np.testing.assert_allclose(teacher(batch.clips[1]), EXPECTED[1], atol=1e-3)
    assert engine.heard == 1
    engine = Loudness()
    teacher = Teacher(engine, [0, 1, 2], memory_limit_bytes=0)
    for _ in range(3):
        teacher(batch.clips[1])
    assert engine.heard == 3
