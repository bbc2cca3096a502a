"""Self-training: what a model hears in clips without transcripts becomes their transcripts.

The teacher is the running average of the weights, which is steadier than the weights of the moment
and better than they are. What is read from what it hears in a clip as it is, with a language model
where there is one, becomes the transcript that the model, with dropout and augmentation, is to
write. Transcripts are made anew in each step, so they grow better with the model, and nothing has
to be kept for a run that goes on.

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

_BEYOND_TRANSCRIPTS = 1.5  # how much quicker, or slower, speech may be than any transcript says


@dataclass(frozen=True)
class SpeechRate:
    """How many labels there may be in a second of audio."""

    least: float
    most: float

    @classmethod
    def of(cls, clips: Iterable[tuple[float, int]]) -> SpeechRate:
        """Return what is plausible beside transcripts: seconds and labels of each."""
        rates = [labels / seconds for seconds, labels in clips if seconds and labels]
        if not rates:
            return cls(0.0, float("inf"))
        return cls(min(rates) / _BEYOND_TRANSCRIPTS, max(rates) * _BEYOND_TRANSCRIPTS)

    def allows(self, clip: Clip, labels: int) -> bool:
        """Say whether a clip may have so many labels."""
        return bool(labels) and self.least <= labels / clip.duration_seconds <= self.most


@dataclass
class Tally:
    """What became of clips without transcripts: how many there were, and how many were learned
    from."""

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
        """What can be summed over processes."""
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
        teacher: a model in evaluation mode, the average of what is being trained.
        decoder: reads text from what it hears.
        alphabet: of the labels.
        weight: of such a clip's loss.
        first_epoch: before it, clips without transcripts are no part of an epoch.
        least_confidence: of a clip, below which it has no weight.
        rate: how many labels a second there may be, beyond which it has none either.
        tally: of the epoch, as far as this process has seen it since it began or went on.
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
        """Count anew."""
        self.tally = Tally()

    def log_epoch(self, world: World) -> None:
        """Say what became of the clips of an epoch, in all processes together."""
        heard, taken, sureness = world.total(*self.tally.counts)
        if heard:
            _log.info("Self-training: %s", Tally(int(heard), int(taken), sureness))

    @torch.no_grad()
    def transcribe(self, batch: Batch, hidden: Hidden) -> Batch:
        """Return a batch with labels for its clips without transcripts, and weights of all clips.

        Args:
            batch: to be trained on.
            hidden: what the layers that are not trained make of its clips as they are.
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
        """Return for each clip its labels, and how sure the teacher is of what it hears, 0 to 1."""
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
    """Return a batch without what is to be done to its frames."""
    return replace(batch, views=(View(),))
