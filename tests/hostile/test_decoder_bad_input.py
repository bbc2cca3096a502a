"""Posteriors and settings that cannot be decoded: a helpful typed error, never a crash."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from coqui_stt_ctcdecoder import (
    Alphabet,
    DecodeError,
    StreamingDecoder,
    ctc_beam_search_decoder,
    ctc_beam_search_decoder_batch,
)

ALPHABET = Alphabet.from_labels([" ", "a", "b"])
EVEN = np.full((4, 4), 0.25, np.float32)


def broken(row: int, column: int, value: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    probs = EVEN.copy()
    probs[row, column] = value
    return probs


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        (broken(2, 1, np.nan), "frame 2.*NaN"),
        (broken(1, 3, np.inf), "frame 1.*infinity"),
        (broken(3, 0, 5.0), "frame 3.*softmax"),
        (broken(0, 0, -0.25), "frame 0.*softmax"),
        (np.full((3, 4), 0.75, np.float32) * np.float32([1, -1, 1, 1 / 3]), "negative"),
        (np.zeros((0, 4), np.float32), "no frames"),
        ([], "no frames"),
        (np.full((3, 5), 0.2, np.float32), "5 classes"),
        (np.zeros((3, 0), np.float32), "0 classes"),
        (np.full(4, 0.25, np.float32), r"\[frames, classes\]"),
        (EVEN[None], r"\[frames, classes\]"),
        ("text", "not an array"),
        ([[0.5, 0.5], [1.0]], "not an array"),
    ],
)
def test_posteriors(probs: Any, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        ctc_beam_search_decoder(probs, ALPHABET, 10)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"beam_size": 0}, "beam size 0"),
        ({"beam_size": -5}, "beam size -5"),
        ({"beam_size": 2**40}, "beam size"),
        ({"beam_size": 10**30}, "too large; it must fit into 64 bits"),
        ({"beam_size": 10, "cutoff_prob": 0.0}, "cutoff_prob"),
        ({"beam_size": 10, "cutoff_prob": 1.5}, "cutoff_prob"),
        ({"beam_size": 10, "cutoff_prob": float("nan")}, "cutoff_prob"),
        ({"beam_size": 10, "cutoff_top_n": 0}, "cutoff_top_n"),
        ({"beam_size": 10, "num_results": 0}, "num_results"),
        ({"beam_size": 10, "hot_phrases": {"a": float("inf")}}, "boost"),
        ({"beam_size": 10, "hot_phrases": {"": 1.0}}, "no characters"),
        ({"beam_size": 10, "hot_phrases": {"xyz": 1.0}}, "xyz.*alphabet"),
    ],
)
def test_settings(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        ctc_beam_search_decoder(EVEN, ALPHABET, **settings_)


def test_batch_names_the_utterance() -> None:
    batch = np.stack([EVEN, broken(2, 1, np.nan)])
    with pytest.raises(DecodeError, match="utterance 1: frame 2"):
        ctc_beam_search_decoder_batch(batch, [4, 4], ALPHABET, 10, 2)
    assert len(ctc_beam_search_decoder_batch(batch, [4, 2], ALPHABET, 10, 2)) == 2


@pytest.mark.parametrize(
    ("lengths", "threads", "message"),
    [
        ([4, 5], 1, "utterance 1: length 5"),
        ([4, -1], 1, "utterance 1: length -1"),
        ([4, 0], 1, "utterance 1 has no frames"),
        ([4], 1, "2 utterances and 1 lengths"),
        ([4, 4], 0, "0 threads"),
    ],
)
def test_batch_shapes(lengths: list[int], threads: int, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        ctc_beam_search_decoder_batch(np.stack([EVEN, EVEN]), lengths, ALPHABET, 10, threads)


def test_decoding_goes_on_after_a_refused_row() -> None:
    decoder = StreamingDecoder(ALPHABET, 10)
    decoder.feed(EVEN)
    with pytest.raises(DecodeError):
        decoder.feed(broken(0, 0, np.nan))
    decoder.feed(EVEN)
    assert decoder.frames == 8


@given(
    probs=hnp.arrays(
        np.float32, st.tuples(st.integers(0, 6), st.just(4)), elements=st.floats(width=32)
    ),
    beam=st.integers(-2, 2**70),
    cutoff=st.floats(),
)
@settings(max_examples=200, deadline=None)
def test_nothing_crashes(probs: Any, beam: int, cutoff: float) -> None:
    with contextlib.suppress(DecodeError):
        ctc_beam_search_decoder(probs, ALPHABET, beam, cutoff)


@given(
    rows=st.lists(
        st.lists(st.sampled_from([0.0, 1e-30, 0.5, 1.0]), min_size=4, max_size=4),
        min_size=1,
        max_size=12,
    ),
    beam=st.integers(1, 20),
    cutoff=st.sampled_from([1.0, 0.99, 0.5, 1e-9]),
)
@settings(max_examples=200, deadline=None)
def test_certain_and_impossible_classes(rows: list[list[float]], beam: int, cutoff: float) -> None:
    probs = np.asarray(rows) + 1e-45
    probs /= probs.sum(1, keepdims=True)
    results = ctc_beam_search_decoder(probs, ALPHABET, beam, cutoff, num_results=beam)
    assert results
    assert all(np.isfinite(result.confidence) for result in results)
