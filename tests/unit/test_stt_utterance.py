"""Engines of whole clips, on short clips, on long ones in pieces, and live."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import stt
from coqui_stt_ctcdecoder import Alphabet
from stt.engines import FloatArray
from stt.engines.utterance import Pieces, UtteranceEngine, UtteranceInfo, UtteranceStream

RATE_HZ, HOP = 1000, 20
INFO = UtteranceInfo(
    Alphabet.from_labels("ab"), RATE_HZ, HOP / RATE_HZ, beam_width=8, live=Pieces(0.2, 0.4, 0.1)
)


class Loudness(UtteranceEngine):
    """An engine whose frame n gives the loudness of samples n * 20 to n * 20 + 40."""

    info = INFO

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def run_clips(self, clips: Sequence[FloatArray]) -> list[FloatArray]:
        self.lengths += [len(clip) for clip in clips]
        results = []
        for clip in clips:
            padded = np.pad(np.abs(clip), (0, 2 * HOP))
            frames = range(-(-len(clip) // HOP))
            loud = np.array([padded[n * HOP : n * HOP + 2 * HOP].mean() for n in frames])
            results.append(np.stack([loud / 2, loud / 2, 1 - loud], axis=1).astype(np.float32))
        return [result.reshape(-1, 3) for result in results]

    def close(self) -> None:
        pass


def audio(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).integers(-(2**15), 2**15, samples).astype(np.int16)


@pytest.mark.parametrize("samples", [0, 1, 19, 20, 500, 1234, 5000])
@pytest.mark.parametrize("chunk", [7, 160, 10_000])
def test_pieces_are_the_whole(samples: int, chunk: int) -> None:
    engine, content = Loudness(), audio(samples)
    whole = engine.posteriors(content)
    stream = engine.open_stream()
    parts = [stream.feed(content[i : i + chunk]) for i in range(0, samples, chunk)]
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), whole, atol=1e-6)


@pytest.mark.parametrize(("seconds", "times"), [(0.4, 4), (1.2, 2.7), (4.0, 2.2)])
def test_the_later_a_stream_may_be_the_less_often_it_hears(seconds: float, times: float) -> None:
    engine, content = Loudness(), audio(20_000)
    whole = engine.posteriors(content)
    engine.set_live_latency(seconds)
    engine.lengths.clear()
    stream, late = engine.open_stream(), []
    parts, told = [], 0
    for start in range(0, len(content), 100):
        parts.append(stream.feed(content[start : start + 100]))
        told += HOP * len(parts[-1])
        late.append(start + 100 - told)
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), whole, atol=1e-6)
    assert max(late) / RATE_HZ <= seconds
    assert sum(engine.lengths) / len(content) == pytest.approx(times, rel=0.15)


def test_what_latencies_there_are() -> None:
    model = stt.Model.from_engine(Loudness())
    for seconds in (0.1, 21.0, float("nan")):
        with pytest.raises(ValueError, match=r"seconds: must be from 0.4 to 20"):
            model.set_live_latency(seconds)


def test_a_stream_hears_no_more_than_it_must() -> None:
    engine = Loudness()
    stream = engine.open_stream()
    for start in range(0, 5000, 50):
        stream.feed(audio(5000)[start : start + 50])
    assert max(engine.lengths) <= 700  # 0.4 s of context, 0.2 s new, 0.1 s ahead
    assert len(engine.lengths) == 24


def test_what_is_due_comes_when_it_is_said_to() -> None:
    stream = Loudness().open_stream()
    for _ in range(5):
        due = stream.samples_until_due
        assert len(stream.feed(audio(due - 1))) == 0
        assert len(stream.feed(audio(1))) == 10


def test_a_copy_goes_its_own_way() -> None:
    stream = Loudness().open_stream()
    stream.feed(audio(390))
    copy = stream.copy()
    rest = copy.finish()
    np.testing.assert_array_equal(stream.finish(), rest)


def test_long_utterances_are_heard_in_pieces() -> None:
    engine, content = Loudness(), audio(70_010)
    rows = engine.posteriors(content)
    assert len(rows) == 3501
    assert max(engine.lengths) <= 30_000
    reference = UtteranceStream(engine, Pieces(1000, 0, 0))
    assert len(reference.feed(content)) == 0
    np.testing.assert_allclose(rows, reference.finish(), atol=1e-6)


def test_a_model_transcribes_with_it() -> None:
    model = stt.Model.from_engine(Loudness())
    assert model.sample_rate() == RATE_HZ
    assert model.step_seconds == pytest.approx(0.02)
    assert model.takes_batches
    content = audio(900)
    assert len(model.batch_probabilities([content, content[:100]])) == 2
    with model.create_stream() as stream:
        stream.feed_audio_content(content)
        assert stream.finish_stream() == model.stt(content)
    with pytest.raises(stt.StreamError, match="at least 1 reading"):
        model.stt_with_metadata(content, 0)
