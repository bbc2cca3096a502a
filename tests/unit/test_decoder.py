"""Decoding through the public interface, on posteriors small enough to decode by hand."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coqui_stt_ctcdecoder import (
    Alphabet,
    DecoderState,
    StreamingDecoder,
    UTF8Alphabet,
    ctc_beam_search_decoder,
    ctc_beam_search_decoder_batch,
    ctc_beam_search_decoder_for_wav2vec2am,
)

AB = Alphabet.from_labels(["a", "b"])
WORDS = Alphabet.from_labels([" ", *"abcdefgh"])


def random_posteriors(
    frames: int, classes: int, seed: int, peak: float = 2.0
) -> NDArray[np.float32]:
    logits = peak * np.random.default_rng(seed).standard_normal((frames, classes))
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return probs.astype(np.float32)


def spell(text: str, alphabet: Alphabet, sure: float = 0.9) -> NDArray[np.float32]:
    """Return posteriors `[frames, classes]` of a text, with a blank after every label."""
    classes = alphabet.size + 1
    rows = []
    for label in alphabet.encode(text):
        for best in (label, alphabet.blank):
            row = np.full(classes, (1 - sure) / (classes - 1))
            row[best] = sure
            rows.append(row)
    return np.asarray(rows, np.float32)


def collapse(path: Sequence[int], blank: int) -> tuple[int, ...]:
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def exhaustive(probs: NDArray[np.float32]) -> dict[tuple[int, ...], float]:
    """Return the log probability of every label sequence, summed over all alignments."""
    frames, classes = probs.shape
    totals: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(classes), repeat=frames):
        labels = collapse(path, classes - 1)
        product = math.prod(float(probs[t, label]) for t, label in enumerate(path))
        totals[labels] = totals.get(labels, 0) + product
    return {labels: math.log(total) for labels, total in totals.items()}


@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_wide_beam_sums_every_alignment(seed: int, frames: int) -> None:
    probs = random_posteriors(frames, 3, seed)
    assume(probs[0, -1] < 0.999)  # the decoder skips leading frames with more certain blanks
    truth = exhaustive(probs)
    results = ctc_beam_search_decoder(probs, AB, 1000, num_results=1000)
    assert {tuple(result.tokens) for result in results} == set(truth)
    for result in results:
        assert result.confidence == pytest.approx(truth[tuple(result.tokens)], abs=1e-4)
    confidences = [result.confidence for result in results]
    assert confidences == sorted(confidences, reverse=True)


@pytest.mark.parametrize("labels", [5, 62, 63, 64, 200])
def test_alphabets_of_any_size(labels: int) -> None:
    alphabet = Alphabet.from_labels([chr(0x4E00 + index) for index in range(labels)])
    probs = random_posteriors(12, labels + 1, labels, peak=3.0)
    narrow = ctc_beam_search_decoder(probs, alphabet, 200, num_results=3)
    wide = ctc_beam_search_decoder(probs, alphabet, 5000, num_results=3)
    assert narrow[0].tokens == wide[0].tokens
    assert narrow[0].confidence == pytest.approx(wide[0].confidence, abs=0.05)


def test_every_result_says_what_it_is() -> None:
    [result] = ctc_beam_search_decoder(spell("abba", AB), AB, 10)
    assert result.transcript == "abba"
    assert result.tokens == [0, 1, 1, 0]
    assert result.timesteps == [0, 2, 4, 6]
    assert result.confidence < 0


def test_no_speech_is_the_empty_text() -> None:
    silence = np.tile(np.float32([0.0004, 0.0001, 0.9995]), (5, 1))
    [result] = ctc_beam_search_decoder(silence, AB, 10)
    assert (result.transcript, result.confidence, result.timesteps) == ("", 0.0, [])


def test_lists_and_other_types_are_taken_as_arrays() -> None:
    probs = spell("ab", AB)
    expected = ctc_beam_search_decoder(probs, AB, 10)
    assert ctc_beam_search_decoder(probs.astype(np.float64).tolist(), AB, 10) == expected
    assert ctc_beam_search_decoder(np.asfortranarray(probs), AB, 10) == expected


def test_batch_equals_one_by_one_with_any_number_of_threads() -> None:
    batch = np.stack([random_posteriors(40, 3, seed) for seed in range(6)])
    lengths = [40, 1, 17, 40, 3, 25]
    single = [
        ctc_beam_search_decoder(probs[:length], AB, 20, num_results=2)
        for probs, length in zip(batch, lengths, strict=True)
    ]
    for threads in (1, 2, 5):
        together = ctc_beam_search_decoder_batch(batch, lengths, AB, 20, threads, num_results=2)
        assert together == single


@given(
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(0, 30), max_size=5),
    beam=st.integers(1, 40),
)
@settings(max_examples=40, deadline=None)
def test_streaming_in_any_chunks_is_one_call(seed: int, cuts: list[int], beam: int) -> None:
    probs = random_posteriors(30, 3, seed)
    decoder = StreamingDecoder(AB, beam)
    for part in np.split(probs, sorted(cuts)):
        decoder.feed(part)
        decoder.decode()
    assert decoder.decode(3) == ctc_beam_search_decoder(probs, AB, beam, num_results=3)


def test_upstreams_state_class() -> None:
    probs = spell("ba", AB)
    state = DecoderState()
    assert state.init(AB, 10, 1.0, 40, None, {}) == 0
    state.next(probs)
    assert state.decode()[0].transcript == "ba"


def test_threads_may_share_a_decoder() -> None:
    decoder = StreamingDecoder(AB, 50)
    probs = random_posteriors(200, 3, 5)

    def use() -> None:
        for _ in range(20):
            decoder.feed(probs)
            decoder.decode()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert decoder.frames == 4 * 20 * 200


def test_long_streams_forget_what_is_settled() -> None:
    decoder = StreamingDecoder(WORDS, 50)
    probs = random_posteriors(200, WORDS.size + 1, 3, peak=4.0)
    for _ in range(50):
        decoder.feed(probs)
    [result] = decoder.decode()
    assert decoder.frames == 10_000
    assert len(result.tokens) == len(result.timesteps)
    assert result.timesteps == sorted(result.timesteps)


def test_alphabet_with_its_own_blank() -> None:
    alphabet = Alphabet.from_labels(["<pad>", "a", "b", "<s>"])
    probs = np.float32([[0.05, 0.6, 0.05, 0.3], [0.1, 0.1, 0.2, 0.6], [0.1, 0.1, 0.6, 0.2]])
    [result] = ctc_beam_search_decoder_for_wav2vec2am(
        probs, alphabet, 10, blank_id=0, ignored_symbols={3}
    )
    assert result.transcript == "ab"


def test_hot_phrase_wins_a_close_race() -> None:
    probs = spell("bad", WORDS, 0.4)
    probs[2] = probs[0] * 0
    probs[2, [WORDS.encode_single("a"), WORDS.encode_single("e")]] = 0.55, 0.45
    assert ctc_beam_search_decoder(probs, WORDS, 50)[0].transcript == "bad"
    boosted = ctc_beam_search_decoder(probs, WORDS, 50, hot_phrases={"bed": 2.0})
    assert boosted[0].transcript == "bed"
    part = ctc_beam_search_decoder(probs, WORDS, 50, hot_phrases={"bedhead": 3.0})
    assert part[0].transcript == "bad", "part of a phrase is worth nothing"


def test_hot_phrase_is_paid_once_for_each_time() -> None:
    probs = spell("a bad cab a bad cab", WORDS, 0.99)
    plain = ctc_beam_search_decoder(probs, WORDS, 50)[0]
    hot = ctc_beam_search_decoder(probs, WORDS, 50, hot_phrases={"bad cab": 1.5, "cab a": 0.25})[0]
    assert hot.transcript == plain.transcript
    assert hot.confidence == pytest.approx(plain.confidence + 2 * 1.5 + 0.25, abs=1e-3)
    other = ctc_beam_search_decoder(probs, WORDS, 50, hot_phrases={"ca": 5.0, "ab": 5.0})[0]
    assert other.confidence == pytest.approx(plain.confidence, abs=0.1), "whole words only"


def test_hot_words_without_scorer_say_so() -> None:
    with pytest.warns(UserWarning, match="hot_phrases"):
        ctc_beam_search_decoder(spell("ab", WORDS), WORDS, 10, hot_words={"ab": 1.0})


def test_bytes_that_are_no_text_are_replaced() -> None:
    alphabet = UTF8Alphabet()
    probs = np.full((2, 256), 1e-6, np.float32)
    probs[0, 0xD0 - 1] = probs[1, 255] = 1
    [result] = ctc_beam_search_decoder(probs, alphabet, 5)
    assert (result.transcript, result.tokens) == ("�", [0xD0 - 1])


def test_hot_words_that_cannot_be_written_say_so_and_do_nothing() -> None:
    probs = spell("ab", WORDS)
    plain = ctc_beam_search_decoder(probs, WORDS, 10)
    with pytest.warns(UserWarning, match="no effect"):
        hot = ctc_beam_search_decoder(probs, WORDS, 10, hot_words={"ab xyz": 5.0})
    assert hot[0].confidence == plain[0].confidence
