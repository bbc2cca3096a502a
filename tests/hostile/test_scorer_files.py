"""Broken scorer files, and those for another alphabet: a helpful typed error, never a crash."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coqui_stt_ctcdecoder import (
    Alphabet,
    DecodeError,
    Scorer,
    ScorerError,
    UTF8Alphabet,
    ctc_beam_search_decoder,
)

ORACLE = Path(__file__).resolve().parents[2] / "../shared/oracle/decoder"
WORDS = ORACLE / "scorers/smoke_word.scorer"
CODE_POINTS = ORACLE / "scorers/smoke_bytes.scorer"
LM_SIZE = 266112

pytestmark = pytest.mark.skipif(not WORDS.exists(), reason=f"no scorers under {ORACLE}")


def english() -> Alphabet:
    return Alphabet.from_labels(json.loads((ORACLE / "sets.json").read_text())["en"]["labels"])


def load(data: bytes, folder: Path, alphabet: Alphabet | None = None) -> Scorer:
    path = folder / "some.scorer"
    path.write_bytes(data)
    return Scorer(None, None, path, alphabet or english())


def test_parameters_default_to_the_files() -> None:
    scorer = Scorer(scorer_path=WORDS, alphabet=english())
    assert (scorer.alpha, scorer.beta) == (0.75, 1.850000023841858)
    assert scorer.get_max_order() == 4
    assert not scorer.is_utf8_mode()


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (0, 0, "does not start with a KenLM binary"),
        (0, 60, "truncated"),
        (0, 1000, "claims.*damaged"),
        (0, LM_SIZE - 1, "truncated"),
        (0, LM_SIZE, "without a dictionary.*generate_scorer_package"),
        (0, LM_SIZE + 3, "truncated"),
        (0, LM_SIZE + 20, "truncated"),
        (0, LM_SIZE + 60, "truncated"),
        (0, -1, "truncated"),
        (100, None, "does not start with a KenLM binary"),
    ],
)
def test_parts_of_a_file(start: int, end: int | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match=message) as caught:
        load(WORDS.read_bytes()[start:end], tmp_path)
    assert "some.scorer" in str(caught.value)


@pytest.mark.parametrize("tail", [b"S", b"STTALPH1", b"STTALPH1" + bytes(31)])
def test_a_cut_off_digest_of_the_alphabet(tail: bytes, tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match="cut off in its last bytes"):
        load(WORDS.read_bytes() + tail, tmp_path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ScorerError, match=r"gone\.scorer: no such file"):
        Scorer(None, None, tmp_path / "gone.scorer", english())
    with pytest.raises(ScorerError, match="not a regular file"):
        Scorer(None, None, tmp_path, english())


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (LM_SIZE, b"TRIE", "not a scorer's dictionary"),
        (LM_SIZE + 4, b"\x08", "version 8"),
        (LM_SIZE + 4, b"\x07", "unknown unit 0"),
        (LM_SIZE + 4, b"\x07\0\0\0\x02", "does not say which alphabet"),
        (96, b"\x00", "probing"),
        (96, b"\x09", "unknown type"),
        (88, b"\x01", "order 1"),
        (88, b"\xff", "order 255"),
        (108, b"\xff" * 8, "claims"),
        (LM_SIZE + 25, b"\0", "no dictionary"),
        (LM_SIZE + 25 + 41, b"\xff" * 8, "damaged or empty"),
    ],
)
def test_damaged_headers(offset: int, value: bytes, message: str, tmp_path: Path) -> None:
    data = bytearray(WORDS.read_bytes())
    data[offset : offset + len(value)] = value
    with pytest.raises(ScorerError, match=message):
        load(bytes(data), tmp_path)


def test_alphabets_that_do_not_fit() -> None:
    with pytest.raises(ScorerError, match=r"characters.*UTF8Alphabet"):
        Scorer(None, None, WORDS, UTF8Alphabet())
    with pytest.raises(ScorerError, match="bytes and the alphabet is one of characters"):
        Scorer(None, None, CODE_POINTS, english())
    with pytest.raises(ScorerError, match="no space"):
        Scorer(None, None, WORDS, Alphabet.from_labels("abc"))
    with pytest.raises(ScorerError, match="outside the alphabet of 3"):
        Scorer(None, None, WORDS, Alphabet.from_labels(" ab"))
    shuffled = Alphabet.from_labels([" ", *reversed(english().labels[1:])])
    with pytest.raises(ScorerError, match="does not fit the alphabet"):
        Scorer(None, None, WORDS, shuffled)


def test_scorer_and_decoder_want_the_same_alphabet() -> None:
    scorer = Scorer(None, None, WORDS, english())
    probs = np.full((2, 4), 0.25)
    with pytest.raises(DecodeError, match="a different alphabet than that of the decoder"):
        ctc_beam_search_decoder(probs, Alphabet.from_labels(" ab"), 10, scorer=scorer)


def test_empty_scorers_and_missing_arguments() -> None:
    with pytest.raises(ScorerError, match="empty"):
        ctc_beam_search_decoder(np.full((2, 29), 1 / 29), english(), 10, scorer=_bare())
    with pytest.raises(ScorerError, match="scorer_path"):
        Scorer(1.0, 1.0, "", english())
    with pytest.raises(ScorerError, match="alphabet"):
        Scorer(1.0, 1.0, WORDS)


def _bare() -> Scorer:
    scorer = Scorer()
    scorer.set_alphabet(english())
    return scorer


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), 1e30])
def test_absurd_weights(alpha: float) -> None:
    scorer = Scorer(alpha, 1.0, WORDS, english())
    with pytest.raises(DecodeError, match="alpha and beta"):
        ctc_beam_search_decoder(np.full((2, 29), 1 / 29), english(), 10, scorer=scorer)


def test_hot_words_a_scorer_of_code_points_cannot_write() -> None:
    scorer = Scorer(1.0, 1.0, CODE_POINTS, UTF8Alphabet())
    with pytest.warns(UserWarning, match=r"never writes.*ж.*no effect"):
        ctc_beam_search_decoder(
            np.full((2, 256), 1 / 256), UTF8Alphabet(), 10, scorer=scorer, hot_words={"ж": 1.0}
        )


PROBS = np.random.default_rng(1).dirichlet(np.full(256, 0.05), 30)
WORD_PROBS = np.random.default_rng(1).dirichlet(np.full(29, 0.2), 30)


@given(
    changes=st.lists(st.tuples(st.integers(0, 3631), st.integers(0, 255)), min_size=1, max_size=20)
)
@settings(max_examples=150, deadline=None)
def test_no_bit_flip_crashes(
    changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(CODE_POINTS.read_bytes())
    for offset, value in changes:
        data[offset] = value
    try:
        scorer = load(bytes(data), tmp_path_factory.getbasetemp(), UTF8Alphabet())
        ctc_beam_search_decoder(PROBS, UTF8Alphabet(), 50, scorer=scorer, num_results=5)
    except (ScorerError, DecodeError):  # DecodeError: alpha or beta out of range
        return


@given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([1e-4, 1e-3, 1e-2]))
@settings(max_examples=40, deadline=None)
def test_no_damage_behind_the_headers_crashes(
    seed: int, share: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = np.frombuffer(WORDS.read_bytes(), np.uint8).copy()
    random = np.random.default_rng(seed)
    places = 200 + np.flatnonzero(random.random(len(data) - 200) < share)
    kept = (places < LM_SIZE) | (places > LM_SIZE + 100)
    data[places[kept]] = random.integers(0, 256, kept.sum(), np.uint8)
    try:
        scorer = load(data.tobytes(), tmp_path_factory.getbasetemp())
    except ScorerError:
        return
    ctc_beam_search_decoder(WORD_PROBS, english(), 50, scorer=scorer, num_results=5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38])
@pytest.mark.parametrize("field", [0, 4])
def test_scores_that_are_no_numbers_do_not_reach_the_search(
    value: float, field: int, tmp_path: Path
) -> None:
    data = bytearray(CODE_POINTS.read_bytes())
    words, unigrams = 30, 376  # offset of the unigrams; 16 bytes: probability, back-off, pointer
    for word in range(words):
        start = unigrams + 16 * word + field
        data[start : start + 4] = np.float32(value).tobytes()
    scorer = load(bytes(data), tmp_path, UTF8Alphabet())
    results = ctc_beam_search_decoder(PROBS, UTF8Alphabet(), 50, scorer=scorer, num_results=5)
    assert results
    assert all(np.isfinite(result.confidence) for result in results)
