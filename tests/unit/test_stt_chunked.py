"""Engines that compute chunk by chunk with a state, on whole clips and live."""

from __future__ import annotations

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet
from stt.engines import FloatArray
from stt.engines.chunked import ChunkedEngine, ChunkedInfo
from stt.engines.windowed import State
from stt.frontends.causal_log_mel import CausalLogMel

STEP, CHUNK, REDUCTION = 160, 6, 2
INFO = ChunkedInfo(Alphabet.from_labels("ab"), CausalLogMel(4, 50), CHUNK, REDUCTION, beam_width=8)


class Adder(ChunkedEngine):
    """An engine whose frames give their number and the sum of all features so far."""

    info = INFO

    def __init__(self) -> None:
        self.calls: list[int] = []

    def initial_state(self) -> State:
        return (np.zeros(2, np.float32),)

    def run(self, features: FloatArray, state: State) -> tuple[FloatArray, State]:
        self.calls.append(len(features))
        assert len(features) % REDUCTION == 0
        count, total = state[0]
        rows = []
        for start in range(0, len(features), REDUCTION):
            count, total = count + 1, total + features[start : start + REDUCTION].mean()
            rows.append([count, total, 0])
        return np.array(rows, np.float32), (np.array([count, total], np.float32),)

    def close(self) -> None:
        pass


def audio(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).integers(-(2**15), 2**15, samples).astype(np.int16)


@pytest.mark.parametrize("samples", [1, 159, 160, 5000, 12345, 100_000])
@pytest.mark.parametrize("piece", [7 * 160 + 3, 100_000])
def test_pieces_are_the_whole(samples: int, piece: int) -> None:
    engine, content = Adder(), audio(samples)
    whole = engine.posteriors(content)
    frames = INFO.front_end.frame_count(samples) // REDUCTION
    np.testing.assert_array_equal(whole[:, 0], np.arange(1, frames + 1))
    expected = INFO.front_end.extractor(np)(content.astype(np.float32) / 32768)
    pairs = expected[: frames * REDUCTION].reshape(frames, -1).mean(axis=1)
    np.testing.assert_allclose(whole[:, 1], np.cumsum(pairs), rtol=1e-4, atol=1e-4)
    stream = engine.open_stream()
    parts = [stream.feed(content[i : i + piece]) for i in range(0, samples, piece)]
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), whole, rtol=1e-5)


def test_no_frame_is_heard_twice() -> None:
    engine = Adder()
    stream = engine.open_stream()
    for start in range(0, 50_000, 100):
        stream.feed(audio(50_000)[start : start + 100])
    assert sum(engine.calls) * STEP <= 50_000
    assert max(engine.calls) == CHUNK


def test_what_is_due_comes_when_it_is_said_to() -> None:
    stream = Adder().open_stream()
    for _ in range(3):
        due = stream.samples_until_due
        assert due == CHUNK * STEP
        assert len(stream.feed(audio(due - 1))) == 0
        assert stream.samples_until_due == 1
        assert len(stream.feed(audio(1))) == CHUNK // REDUCTION


def test_a_copy_goes_its_own_way() -> None:
    stream = Adder().open_stream()
    stream.feed(audio(5000))
    copy = stream.copy()
    rest = copy.finish()
    np.testing.assert_array_equal(stream.finish(), rest)


def test_nothing_is_said_of_nothing() -> None:
    engine = Adder()
    assert engine.posteriors(audio(0)).shape == (0, 3)
    assert engine.open_stream().finish().shape == (0, 3)
