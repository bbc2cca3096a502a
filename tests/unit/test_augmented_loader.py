"""Batches of augmented clips: their views differ only in masks, and versions tell views apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.augmentation.specification import parse_augmentations, settle_domains
from coqui_stt_training.batches.augmented_loader import AugmentedLoader, Moment
from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.batches.feature_store import FeatureStore
from coqui_stt_training.batches.loader import BatchLoader
from coqui_stt_training.corpus import Clip
from stt.audio.reference import AudioReference
from stt.frontends.mfcc_config import FeatureConfig

MASKS = "specaugment[p=1,nt=2,t=200]"


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    made = []
    for number in range(2):
        path = tmp_path / f"{number}.wav"
        noise = np.random.default_rng(number).normal(0, 0.1, 16000)
        soundfile.write(path, noise, 16000)
        made.append(Clip(AudioReference(path), "ab", f"a:{number}", None, 1.0))
    return made


def loader(*augment: str, views: int, variants: int = 0) -> AugmentedLoader:
    plain = BatchLoader(FeatureStore(FeatureConfig()), Alphabet.from_labels("ab"))
    asked = settle_domains(parse_augmentations(augment), on_hidden=False)
    return AugmentedLoader(plain, asked, 1, int, variants=variants, views=views)


def masked(batch: Batch, view: int) -> torch.Tensor:
    return batch.views[view].on_features(batch.features, batch.lengths)


def test_views_differ_in_their_masks_alone(clips: list[Clip]) -> None:
    two = loader("speed[p=1,factor=0.8~0.1]", MASKS, views=2).load(clips, Moment(3, 0.0))
    one = loader("speed[p=1,factor=0.8~0.1]", MASKS, views=1).load(clips, Moment(3, 0.0))
    assert torch.equal(two.features, one.features)
    assert torch.equal(masked(two, 0), masked(one, 0))
    assert not torch.equal(masked(two, 1), masked(two, 0))
    again = loader("speed[p=1,factor=0.8~0.1]", MASKS, views=2).load(clips, Moment(3, 0.0))
    assert torch.equal(masked(again, 1), masked(two, 1))


def test_versions_tell_views_apart_only_where_they_differ(clips: list[Clip]) -> None:
    def versions(*augment: str, variants: int, epoch: int) -> list[int | None]:
        made = loader(*augment, views=2, variants=variants).load(clips, Moment(epoch, 0.0))
        return [view.version for view in made.views]

    assert versions(MASKS, variants=0, epoch=1) == [None, None]
    seen = [versions(MASKS, variants=2, epoch=epoch) for epoch in range(4)]
    assert seen == [[1, 3], [2, 4], [1, 3], [2, 4]]
    assert versions("speed[p=1]", variants=2, epoch=1) == [2, 2]
    hidden = "specaugment[p=1,domain=hidden]"
    assert versions(hidden, variants=2, epoch=1) == [0, 0]


def test_versions_are_reused_only_where_layers_are_frozen(clips: list[Clip]) -> None:
    def features(epoch: int, *, reuses: bool) -> torch.Tensor:
        moment = Moment(epoch, 0.0, reuses)
        return loader("speed[p=1,factor=1~0.2]", views=1, variants=1).load(clips, moment).features

    assert torch.equal(features(0, reuses=True), features(1, reuses=True))
    assert features(0, reuses=False).shape != features(1, reuses=False).shape
