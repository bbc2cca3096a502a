"""Self-training: the model's own hypotheses are the transcripts of clips without any.

The teacher is the running average of the weights, which is steadier and more accurate than the
current weights. It decodes the unchanged clip, with a language model if there is one. Its
hypothesis is the target for the model, which gets the clip with augmentation and dropout.
Hypotheses are made anew in each step. So they improve with the model, and a resumed run needs none
of the earlier ones.

Continuous pseudo-labelling (slimIPL, https://arxiv.org/abs/2010.11524), with an average as the
teacher (Momentum Pseudo-Labeling, https://arxiv.org/abs/2106.08922).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.counted import counted
from stt.decoding import path_confidence

from ..batches.batch import Batch, View
from ..corpus import Clip
from ..corpus.row_check import frames_needed
from ..models.acoustic_model import AcousticModel, Emissions
from ..scoring.decoding import Decoder
from .distributed import World
from .frozen_stack import Hidden

_log = logging.getLogger(__name__)

_BEYOND_TRANSCRIPTS = 1.5  # factor by which speech may be faster or slower than in any transcript


@dataclass(frozen=True)
class SpeechRate:
    """Limits of the number of labels in a second of audio."""

    least: float
    most: float

    @classmethod
    def of(cls, clips: Iterable[tuple[float, int]]) -> SpeechRate:
        """Return plausible limits, given seconds and number of labels of transcribed clips."""
        rates = [labels / seconds for seconds, labels in clips if seconds and labels]
        if not rates:
            return cls(0.0, float("inf"))
        return cls(min(rates) / _BEYOND_TRANSCRIPTS, max(rates) * _BEYOND_TRANSCRIPTS)

    def allows(self, clip: Clip, labels: int) -> bool:
        """Return whether a number of labels is plausible for a clip."""
        return bool(labels) and self.least <= labels / clip.duration_seconds <= self.most


@dataclass
class Tally:
    """The number of clips without transcripts, and how many of them were used."""

    clips: int = 0
    taken: int = 0
    sureness: float = 0.0

    def add(self, sure: float, taken: bool) -> None:
        """Count a clip."""
        self.clips += 1
        self.taken += taken
        self.sureness += sure

    @property
    def counts(self) -> tuple[float, float, float]:
        """The counts as numbers that can be summed over processes."""
        return self.clips, self.taken, self.sureness

    def __str__(self) -> str:
        return (
            f"learned from {self.taken} of {counted(self.clips, 'clip')} without a transcript, "
            f"heard with a mean confidence of {self.sureness / self.clips:.2f}"
        )


@dataclass
class SelfTraining:
    """Transcribes the clips of a batch that have no transcript.

    Attributes:
        teacher: model in evaluation mode, with the average of the weights.
        decoder: decoder of the teacher's posteriors.
        alphabet: alphabet of the labels.
        weight: weight of such a clip's loss.
        first_epoch: first epoch that includes clips without transcripts.
        least_confidence: confidence below which a clip is not used.
        rate: plausible numbers of labels per second; other clips are not used.
        tally: counts of this process in the current epoch, since it began or was resumed.
    """

    teacher: AcousticModel
    decoder: Decoder
    alphabet: Alphabet
    weight: float
    first_epoch: int
    least_confidence: float
    rate: SpeechRate
    tally: Tally = field(default_factory=Tally)

    def begin_epoch(self) -> None:
        """Reset the counts."""
        self.tally = Tally()

    def log_epoch(self, world: World) -> None:
        """Log how many clips were used in the epoch, over all processes."""
        heard, taken, sureness = world.total(*self.tally.counts)
        if heard:
            _log.info("Self-training: %s", Tally(int(heard), int(taken), sureness))

    @torch.no_grad()
    def transcribe(self, batch: Batch, hidden: Hidden) -> Batch:
        """Return a batch with labels for its clips without transcripts, and weights of all clips.

        Args:
            batch: batch to train on.
            hidden: output of the frozen layers for the clips without augmentation.
        """
        unlabelled = [row for row, clip in enumerate(batch.clips) if not clip.transcript]
        labels = list(torch.split(batch.labels, batch.label_lengths.tolist()))
        weights = torch.ones(len(batch.clips))
        if unlabelled:
            emissions = Emissions(
                *self.teacher.run(
                    hidden.x[unlabelled], hidden.lengths[unlabelled], first=hidden.first
                )
            )
            for row, (said, sure) in zip(unlabelled, self._readings(emissions), strict=True):
                taken = sure >= self.least_confidence and self._fits(batch, row, said)
                self.tally.add(sure, taken)
                labels[row] = torch.tensor(said if taken else [], dtype=torch.int64)
                weights[row] = self.weight if taken else 0.0
        return replace(
            batch,
            labels=torch.cat(labels),
            label_lengths=torch.tensor([len(one) for one in labels]),
            weights=weights,
        )

    def _readings(self, emissions: Emissions) -> list[tuple[Sequence[int], float]]:
        """Return the labels of each clip, and the teacher's confidence in them, 0 to 1."""
        posteriors, lengths = emissions.posteriors(), emissions.lengths.tolist()
        texts = self.decoder(posteriors, lengths)
        return [
            (self.alphabet.encode(text), path_confidence(rows[:length]))
            for text, rows, length in zip(texts, posteriors, lengths, strict=True)
        ]

    def _fits(self, batch: Batch, row: int, labels: Sequence[int]) -> bool:
        frames = self.teacher.specification.output_length(int(batch.lengths[row]))
        return frames_needed(labels) <= frames and self.rate.allows(batch.clips[row], len(labels))


def as_they_are(batch: Batch) -> Batch:
    """Return a batch without augmentation of its frames."""
    return replace(batch, views=(View(),))
