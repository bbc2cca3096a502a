"""Self-training: the labels that a model gives to clips, and those that get no weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.augmentation.specification import parse_augmentations
from coqui_stt_training.batches.augmented_loader import AugmentedLoader, Moment
from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.batches.feature_store import FeatureStore
from coqui_stt_training.batches.loader import BatchLoader
from coqui_stt_training.corpus import Clip
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.models.deepspeech.model import DeepSpeech
from coqui_stt_training.scoring.decoding import BestPathDecoder
from coqui_stt_training.training.frozen_stack import Hidden
from coqui_stt_training.training.self_training import SelfTraining, SpeechRate
from stt.audio.reference import AudioReference
from stt.frontends.mfcc_config import FeatureConfig

BLANK = 2
ALPHABET = Alphabet.from_labels("ab")


class Parrot(DeepSpeech):
    """A model that copies its input: a frame's value is its class."""

    def run(  # type: ignore[override]
        self, x: Tensor, lengths: Tensor, dropout: object = None, *, first: int = 0,
        last: int | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        assert first == 1
        return 4.0 * torch.nn.functional.one_hot(x[..., 0].long(), 3), lengths


def clip(transcript: str, seconds: float = 1.0) -> Clip:
    return Clip(AudioReference(Path("a.wav")), transcript, "a:1", None, seconds)


def transcribe(
    frames: list[list[int]], clips: list[Clip], labels: list[list[int]], **changed: object
) -> Batch:
    lengths = torch.tensor([len(row) for row in frames])
    x = torch.full((len(frames), int(lengths.max()), 1), BLANK)
    for row, path in enumerate(frames):
        x[row, : len(path), 0] = torch.tensor(path)
    batch = Batch(
        tuple(clips), x.float(), lengths,
        torch.tensor([label for some in labels for label in some], dtype=torch.int64),
        torch.tensor([len(some) for some in labels]),
    )  # fmt: skip
    settings: dict = {
        "decoder": BestPathDecoder(ALPHABET),
        "alphabet": ALPHABET,
        "weight": 0.5, "first_epoch": 1, "least_confidence": 0.3, "rate": SpeechRate(0.5, 3)
    }  # fmt: skip
    own = SelfTraining(Parrot(Geometry(n_hidden=4, n_classes=3)), **{**settings, **changed})
    return own.transcribe(batch, Hidden(x, lengths, 1))


def labels_of(batch: Batch) -> list[list[int]]:
    return [one.tolist() for one in batch.labels.split(batch.label_lengths.tolist())]


def test_clips_without_transcripts_get_the_best_path_and_the_others_keep_theirs() -> None:
    batch = transcribe(
        [[0, 1, 0], [1, 1, BLANK, 1], [0, 0, BLANK]],
        [clip("ab"), clip(""), clip("")],
        [[0, 1], [], []],
    )
    assert labels_of(batch) == [[0, 1], [1, 1], [0]]
    assert batch.weights is not None
    assert batch.weights.tolist() == [1.0, 0.5, 0.5]


@pytest.mark.parametrize(
    ("frames", "seconds", "changed"),
    [
        ([BLANK, BLANK, BLANK], 1.0, {}),
        ([0, 1, 0, 1], 1.0, {}),  # four labels in one second
        ([0, BLANK, BLANK], 3.0, {}),
        ([0, BLANK, 1], 1.0, {"least_confidence": 0.99}),
    ],
)
def test_what_is_not_plausible_has_no_weight(
    frames: list[int], seconds: float, changed: dict
) -> None:
    batch = transcribe(
        [[0, 1, 0], frames], [clip("ab"), clip("", seconds)], [[0, 1], []], **changed
    )
    assert labels_of(batch) == [[0, 1], []]
    assert batch.weights is not None
    assert batch.weights.tolist() == [1.0, 0.0]


def test_plausible_rates_are_those_of_the_transcripts_and_somewhat_beyond() -> None:
    rate = SpeechRate.of([(2.0, 6), (1.0, 9), (0.0, 3), (1.0, 0)])
    assert (rate.least, rate.most) == (2.0, 13.5)
    assert rate.allows(clip("", 1.0), 13)
    assert not rate.allows(clip("", 1.0), 14)
    assert not rate.allows(clip("", 1.0), 0)
    assert SpeechRate.of([]).allows(clip("", 1.0), 100)


def test_clips_without_transcripts_are_not_joined_with_others(tmp_path: Path) -> None:
    """The joined clip would have only the labels of the transcribed part."""
    clips = []
    for number, transcript in enumerate(["", "ab", "ab"]):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, np.full(16000, 0.1), 16000)
        clips.append(Clip(AudioReference(path), transcript, f"a:{number}", None, 1.0))
    loader = AugmentedLoader(
        BatchLoader(FeatureStore(FeatureConfig()), ALPHABET),
        parse_augmentations(["join[p=1.0,longest=60000]"]),
        seed=1,
        output_length=int,
        clips=clips[1:],
    )
    batch = loader.load(clips[:2], Moment(0, 0.0))
    assert batch.label_lengths[0] == 0
    assert batch.label_lengths[1] >= 4
    assert batch.lengths[0] < batch.lengths[1]
