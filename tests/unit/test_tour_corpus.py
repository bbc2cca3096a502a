"""The speech in the repository is as its README describes it."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.corpus import Clip, Corpus, CorpusRules, check_corpus
from stt.frontends.mfcc_config import FeatureConfig

TOUR = Path(__file__).parents[2] / "examples" / "tour"
SETS = ("train", "dev", "test")


@functools.cache
def read(language: str) -> Corpus:
    folder = TOUR / language
    files = {name: [str(folder / f"{name}.csv")] for name in SETS}
    alphabet = Alphabet(folder / "alphabet.txt")
    return check_corpus(CorpusRules(alphabet, FeatureConfig()), **files)  # type: ignore[arg-type]


def clips_of(corpus: Corpus, name: str) -> tuple[Clip, ...]:
    (clip_set,) = getattr(corpus, name)
    clips: tuple[Clip, ...] = clip_set.clips
    return clips


@pytest.mark.parametrize(
    ("language", "counts"),
    [("english", (480, 40, 60)), ("kitchen", (100, 24, 40)), ("ukrainian", (120, 32, 60))],
)
def test_every_clip_can_be_trained_on(language: str, counts: tuple[int, int, int]) -> None:
    corpus = read(language)
    assert tuple(len(clips_of(corpus, name)) for name in SETS) == counts
    for name in SETS:
        durations = [clip.duration_seconds for clip in clips_of(corpus, name)]
        assert 0.4 < min(durations) <= max(durations) < 3


@pytest.mark.parametrize("language", ["english", "kitchen", "ukrainian"])
def test_sets_share_neither_voices_nor_phrases(language: str) -> None:
    corpus = read(language)
    for facts in (lambda clip: clip.audio.path.stem.split("+")[1], lambda clip: clip.transcript):
        train, dev, test = ({facts(clip) for clip in clips_of(corpus, name)} for name in SETS)
        assert not train & dev | train & test | dev & test


def test_fine_tuning_meets_new_words_in_the_same_alphabet() -> None:
    english, kitchen = read("english"), read("kitchen")
    known = {word for clip in clips_of(english, "train") for word in clip.transcript.split()}
    new = {word for clip in clips_of(kitchen, "test") for word in clip.transcript.split()}
    assert not known & new
    assert Alphabet(TOUR / "english/alphabet.txt") == Alphabet(TOUR / "kitchen/alphabet.txt")
    assert not {*Alphabet(TOUR / "ukrainian/alphabet.txt").labels} & set(
        "abcdefghijklmnopqrstuvwxyz"
    )
