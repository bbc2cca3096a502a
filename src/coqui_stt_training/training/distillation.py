"""Distillation: a student learns from the posteriors of a teacher, and from transcripts if any.

    loss = (1 - weight) * CTC + weight * sum over frames of KL(teacher || student)

Frame by frame, after https://arxiv.org/abs/1503.02531 and, for CTC models, section 3 of
https://www.isca-archive.org/interspeech_2015/senior15_interspeech.html. Beyond a transcript, the
teacher gives the time of each label and the probabilities of alternatives. The student then need
not search for an alignment, which is most of the work in training on minutes of speech.

CTC models output most labels in a single frame. So if several teacher frames fall into one student
frame, the one with the least blank is its target, rather than their mean. If one teacher frame
covers several student frames, it is the target of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stt.audio.file import read_audio
from stt.audio.pcm import to_pcm
from stt.audio.reference import AudioReference
from stt.engines import Engine, FloatArray

from ..batches.batch import Batch
from ..corpus import Clip
from ..models.acoustic_model import Emissions
from ..scoring.ctc import ctc_losses

# An hour of 35 classes at 50 frames a second takes 13 MB: this keeps 80 hours.
DEFAULT_MEMORY_LIMIT_BYTES = 1 << 30

_ALMOST = 1e-6  # of a frame: seconds are no exact fractions


class Teacher:
    """Computes the posteriors of clips with the teacher model, and caches them.

    Args:
        engine: engine that runs the teacher.
        columns: the teacher's class for each class of the student.
        memory_limit_bytes: size of the cache; posteriors that do not fit are recomputed.
    """

    def __init__(
        self,
        engine: Engine,
        columns: Sequence[int],
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
    ) -> None:
        self._engine = engine
        self._columns = np.array(columns)
        self._memory_left = memory_limit_bytes
        self._kept: dict[AudioReference, NDArray[np.float16]] = {}
        self.step_seconds = engine.info.step_seconds

    def __call__(self, clip: Clip) -> FloatArray:
        """Return the posteriors of a clip, float32 `[frames, classes]` in the student's order.

        Raises:
            AudioError: the audio has become unreadable since the corpus was checked.
        """
        posteriors = self._kept.get(clip.audio)
        if posteriors is None:
            pcm = to_pcm(read_audio(clip.audio, self._engine.info.sample_rate_hz))
            posteriors = self._engine.posteriors(pcm)[:, self._columns].astype(np.float16)
            if posteriors.nbytes <= self._memory_left:
                self._memory_left -= posteriors.nbytes
                self._kept[clip.audio] = posteriors
        return posteriors.astype(np.float32)


class Distillation:
    """The loss of a student.

    Args:
        teacher: teacher model.
        weight: weight of the teacher's loss relative to that of transcripts; for clips without a
            transcript, the teacher's loss counts alone.
        step_seconds: duration of a student frame.
        frames_of: returns the number of student frames in a duration in seconds. If augmentation
            changes the speed of a clip, the posteriors of the original are stretched accordingly.
    """

    def __init__(
        self,
        teacher: Teacher,
        weight: float,
        step_seconds: float,
        frames_of: Callable[[float], int],
    ) -> None:
        self._teacher = teacher
        self._weight = weight
        self._frames_of = frames_of
        self._ratio = step_seconds / teacher.step_seconds

    def __call__(self, emissions: Emissions, batch: Batch) -> Tensor:
        """Return the loss of each clip, float32 `[batch]`."""
        transcribed = batch.label_lengths > 0
        weights = torch.where(transcribed, self._weight, 1.0).to(emissions.logits.device)
        taught = weights * self._divergences(emissions, batch)
        if not bool(transcribed.any()) or self._weight == 1.0:
            return taught
        alone = ctc_losses(emissions, batch)
        return taught + torch.where(weights < 1.0, (1.0 - weights) * alone, 0.0)

    def _divergences(self, emissions: Emissions, batch: Batch) -> Tensor:
        """Return the sum over each clip's frames of KL(teacher || student), float32 `[batch]`."""
        ours = emissions.log_probabilities()
        theirs = np.zeros(ours.shape, np.float32)  # frames without a target have no divergence
        for row, clip, length in zip(theirs, batch.clips, emissions.lengths.tolist(), strict=True):
            ratio = self._ratio
            if batch.augmented and length:
                ratio *= self._frames_of(clip.duration_seconds) / length
            posteriors = aligned(self._teacher(clip), ratio, length)
            row[: len(posteriors)] = posteriors
        targets = torch.from_numpy(theirs).to(ours.device)
        own = torch.special.xlogy(targets, targets)
        # Values beyond a clip's length may be infinite, and are not part of the loss.
        return torch.where(targets > 0, own - targets * ours, 0.0).sum((1, 2))


def aligned(posteriors: FloatArray, ratio: float, frames: int) -> FloatArray:
    """Convert posteriors from teacher frames to student frames.

    Args:
        posteriors: posteriors of the teacher, float32 `[frames, classes]`, the blank last.
        ratio: duration of a student frame divided by that of a teacher frame.
        frames: number of student frames.

    Returns:
        float32 `[at most frames, classes]`; fewer if the teacher's output ends earlier.
    """
    edges = np.floor(np.arange(frames + 1) * ratio + _ALMOST).astype(np.int64)
    first, behind = edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)
    first, behind = first[first < len(posteriors)], behind[first < len(posteriors)]
    if not len(first):
        return posteriors[:0]
    places = first[:, None] + np.arange((behind - first).max())
    outside = (places >= behind[:, None]) | (places >= len(posteriors))
    blank = posteriors[np.minimum(places, len(posteriors) - 1), -1]
    chosen = first + np.where(outside, np.inf, blank).argmin(axis=1)
    said: FloatArray = posteriors[chosen]
    return said
