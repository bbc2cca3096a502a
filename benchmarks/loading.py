"""The work before a training step: checking a data set, reading audio, and making batches."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.batches.feature_store import FeatureStore
from coqui_stt_training.batches.loader import BatchLoader
from coqui_stt_training.batches.sampler import make_batches
from coqui_stt_training.corpus import CorpusRules, check_corpus
from stt.audio.file import read_audio
from stt.frontends.mfcc_config import FeatureConfig

from .measuring import Effort, Result, best_cpu_seconds

RATE_HZ = 16_000
_ALPHABET = Alphabet.from_labels(" abcdefghijklmnopqrstuvwxyz'")
_CLIPS_OF_A_BATCH = 8
_KINDS = ((".wav", RATE_HZ), (".flac", RATE_HZ), (".mp3", RATE_HZ), (".opus", 48_000))


def write_clips(folder: Path, count: int, seconds: float, *, kind: str = ".wav") -> Path:
    """Write clips of noise with random transcripts, and return the path of their CSV file."""
    random = np.random.default_rng(0)
    path = folder / "clips.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("wav_filename", "wav_filesize", "transcript"))
        for number in range(count):
            audio = folder / f"{number}{kind}"
            soundfile.write(audio, random.normal(0, 0.1, int(seconds * RATE_HZ)), RATE_HZ)
            letters = random.choice(list("abcdefghij  "), int(8 * seconds))
            transcript = " ".join("".join(letters).split()) or "a"
            writer.writerow((audio.name, audio.stat().st_size, transcript))
    return path


def loading(effort: Effort) -> Iterator[Result]:
    """Measure each part on one core."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _reading(folder, effort)
        count = 64 * effort.rounds
        clips = write_clips(folder, count, 2.0)

        def check() -> None:
            check_corpus(
                CorpusRules(_ALPHABET, FeatureConfig()),
                train=[str(clips)],
                workers=1,
            )

        yield Result("data: check a WAV clip", best_cpu_seconds(check, 2) / count, "clip")
        yield from _batches(clips, count, effort)


def _reading(folder: Path, effort: Effort) -> Iterator[Result]:
    seconds = effort.audio_seconds
    for kind, rate_hz in _KINDS:
        path = folder / f"audio{kind}"
        samples = np.random.default_rng(0).normal(0, 0.1, int(seconds * rate_hz))
        soundfile.write(
            path, samples, rate_hz, format="OGG" if kind == ".opus" else None,
            subtype="OPUS" if kind == ".opus" else None,
        )  # fmt: skip
        taken = best_cpu_seconds(lambda p=path: read_audio(p, RATE_HZ), effort.rounds)
        changed = "" if rate_hz == RATE_HZ else f", {rate_hz // 1000} to {RATE_HZ // 1000} kHz"
        yield Result(f"data: read {kind[1:]}{changed}", taken / seconds, "audio s")


def _batches(clips: Path, count: int, effort: Effort) -> Iterator[Result]:
    features = FeatureConfig()
    corpus = check_corpus(CorpusRules(_ALPHABET, features), train=[str(clips)], workers=1)
    groups = make_batches(list(corpus.train[0].clips), _CLIPS_OF_A_BATCH)
    for name, store in (
        ("from audio", FeatureStore(features, None, 0)),
        ("from memory", FeatureStore(features)),
    ):
        loader = BatchLoader(store, _ALPHABET)
        taken = best_cpu_seconds(
            lambda one=loader: [one.load(group) for group in groups], effort.rounds
        )
        yield Result(f"data: a batch of {_CLIPS_OF_A_BATCH}, MFCC {name}",
                     taken * _CLIPS_OF_A_BATCH / count, "batch")  # fmt: skip
