"""Samples of clips that are augmented in every epoch are read once, within a memory limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from coqui_stt_training.batches import feature_store
from coqui_stt_training.batches.feature_store import FeatureStore
from coqui_stt_training.corpus import Clip
from stt.audio.reference import AudioReference
from stt.frontends.mfcc_config import FeatureConfig


def test_samples_are_read_once_as_far_as_memory_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = []
    for number in range(2):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, np.full(16000, 0.1 + number / 10), 16000)
        clips.append(Clip(AudioReference(path), "a", f"train.csv:{number + 2}", None, 1.0))
    reads: list[str] = []
    read = feature_store.read_audio
    monkeypatch.setattr(
        feature_store,
        "read_audio",
        lambda audio, rate_hz: (reads.append(str(audio)), read(audio, rate_hz))[1],
    )
    store = FeatureStore(FeatureConfig(), memory_limit_bytes=100_000)  # holds one clip
    for _ in range(3):
        assert store.samples(clips[0])[0] == pytest.approx(0.1, abs=1e-3)
        assert store.samples(clips[1])[0] == pytest.approx(0.2, abs=1e-3)
    assert [reads.count(str(clip.audio)) for clip in clips] == [1, 3]
    store.clear()
    store.samples(clips[0])
    assert reads.count(str(clips[0].audio)) == 2
