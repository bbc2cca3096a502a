"""`--feature_cache`: stale and damaged entries are detected, and the size is limited."""

from __future__ import annotations

import os
import random
import threading
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coqui_stt_training.batches.cache_folder import CacheFolder
from coqui_stt_training.batches.feature_cache import FeatureCache
from coqui_stt_training.batches.feature_store import FeatureStore
from coqui_stt_training.corpus import Clip
from coqui_stt_training.errors import FlagError
from stt.audio.reference import AudioReference
from stt.frontends.mfcc_config import FeatureConfig

FRONT_END = FeatureConfig()


def write_clip(path: Path, seed: int = 1) -> Clip:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(random.Random(seed).randbytes(32000))
    return Clip(AudioReference(path), "a", "train.csv:2", None, 1.0)


class Counting(FeatureStore):
    """A store that counts how often it reads audio."""

    computed = 0

    def _read(self, clip: Clip) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        self.computed += 1
        return super()._read(clip)


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., Counting]:
    def make(limit_bytes: int = 1 << 30, front_end: FeatureConfig = FRONT_END) -> Counting:
        folder = CacheFolder(tmp_path / "cache", limit_bytes)
        return Counting(front_end, FeatureCache(folder, front_end), 0)

    return make


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "cache").rglob("*") if path.is_file())


def test_later_runs_read_what_was_computed(
    tmp_path: Path, new_run: Callable[..., Counting]
) -> None:
    clip = write_clip(tmp_path / "a.wav")
    first, second = new_run(), new_run()
    expected = FeatureStore(FRONT_END)(clip)
    np.testing.assert_array_equal(first(clip), expected)
    found = second(clip)
    np.testing.assert_array_equal(found, expected)
    assert (first.computed, second.computed) == (1, 0)
    assert found.flags.writeable


def test_a_recording_of_many_pieces_is_digested_once(
    tmp_path: Path, new_run: Callable[..., Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, stored = list[AudioReference](), AudioReference.stored

    def count(self: AudioReference) -> bytes:
        read.append(self)
        return stored(self)

    monkeypatch.setattr(AudioReference, "stored", count)
    clip, store = write_clip(tmp_path / "long.wav"), new_run()
    for start in (0.0, 0.25, 0.5):
        store(replace(clip, audio=replace(clip.audio, start_seconds=start, end_seconds=1.0)))
    assert len(read) == 1


def test_other_audio_and_front_ends_are_no_match(
    tmp_path: Path, new_run: Callable[..., Counting]
) -> None:
    clip = write_clip(tmp_path / "a.wav")
    new_run()(clip)
    piece = replace(clip, audio=replace(clip.audio, end_seconds=0.5))
    for store, other in (
        (new_run(), piece),
        (new_run(front_end=FeatureConfig(sample_rate_hz=8000)), clip),
        (new_run(front_end=FeatureConfig(window_milliseconds=25)), clip),
    ):
        np.testing.assert_array_equal(store(other), FeatureStore(store.front_end)(other))
        assert store.computed == 1
    assert len(entries(tmp_path)) == 4


def test_changed_audio_is_computed_anew_and_takes_the_old_ones_place(
    tmp_path: Path, new_run: Callable[..., Counting]
) -> None:
    clip = write_clip(tmp_path / "a.wav")
    new_run()(clip)
    write_clip(tmp_path / "a.wav", seed=2)
    os.utime(tmp_path / "a.wav", ns=(1, 1))
    store = new_run()
    np.testing.assert_array_equal(store(clip), FeatureStore(FRONT_END)(clip))
    assert store.computed == 1
    assert len(entries(tmp_path)) == 1


def test_audio_that_was_only_copied_is_known_again(
    tmp_path: Path, new_run: Callable[..., Counting]
) -> None:
    clip = write_clip(tmp_path / "a.wav")
    new_run()(clip)
    os.utime(tmp_path / "a.wav", ns=(1, 1))
    store = new_run()
    store(clip)
    assert store.computed == 0


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign"])
def test_damaged_entries_are_computed_anew(
    tmp_path: Path, new_run: Callable[..., Counting], damage: str
) -> None:
    clip = write_clip(tmp_path / "a.wav")
    new_run()(clip)
    (path,) = entries(tmp_path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    broken = {"cut": content[:-9], "flipped": content, "empty": b"", "foreign": b"x" * 4000}
    path.write_bytes(broken[damage])
    store, later = new_run(), new_run()
    np.testing.assert_array_equal(store(clip), FeatureStore(FRONT_END)(clip))
    later(clip)
    assert (store.computed, later.computed) == (1, 0)


def test_the_folder_stays_within_its_limit(
    tmp_path: Path, new_run: Callable[..., Counting]
) -> None:
    clips = [write_clip(tmp_path / f"{number}.wav", number) for number in range(6)]
    size = 20 + FeatureStore(FRONT_END)(clips[0]).nbytes + 40
    store = new_run(3 * size + 100)
    for clip in clips:
        store(clip)
    assert len(entries(tmp_path)) == 3
    for number, path in enumerate(entries(tmp_path)):
        os.utime(path, (number, number))
    newest = entries(tmp_path)[-1]
    smaller = new_run(size + 50)
    assert entries(tmp_path) == [newest] or len(entries(tmp_path)) == 0
    assert sum(path.stat().st_size for path in entries(tmp_path)) <= size + 50
    smaller(clips[0])
    assert sum(path.stat().st_size for path in entries(tmp_path)) <= size + 50


def test_runs_share_a_folder(tmp_path: Path, new_run: Callable[..., Counting]) -> None:
    clips = [write_clip(tmp_path / f"{number}.wav", number) for number in range(8)]
    stores = [new_run() for _ in range(4)]
    threads = [
        threading.Thread(target=lambda store=store: [store(clip) for clip in clips])  # type: ignore[misc]
        for store in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    later = new_run()
    for clip in clips:
        np.testing.assert_array_equal(later(clip), FeatureStore(FRONT_END)(clip))
    assert later.computed == 0
    assert {path.suffix for path in entries(tmp_path)} == {".features"}


def test_clearing_removes_entries_and_nothing_else(
    tmp_path: Path, new_run: Callable[..., Counting]
) -> None:
    clip = write_clip(tmp_path / "a.wav")
    store = new_run()
    store(clip)
    (tmp_path / "cache" / "notes.npy").write_text("mine")
    store.clear()
    assert entries(tmp_path) == [tmp_path / "cache" / "notes.npy"]
    store(clip)
    assert store.computed == 2


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.wav")
    (tmp_path / "cache").write_text("a file")
    store = FeatureStore(FRONT_END, FeatureCache(CacheFolder(tmp_path / "cache"), FRONT_END))
    with pytest.raises(FlagError, match=r"--feature_cache: .* cannot be written"):
        store(clip)


def test_a_link_of_somebody_else_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    victim, folder = tmp_path / "victim", tmp_path / "cache/ab"
    victim.write_text("precious")
    folder.mkdir(parents=True)
    (folder / ".abc.features.guessed.partial").symlink_to(victim)
    with pytest.raises(FlagError, match="cannot be written"):
        CacheFolder(tmp_path / "cache").write("abc.features", b"features")
    assert victim.read_text() == "precious"
