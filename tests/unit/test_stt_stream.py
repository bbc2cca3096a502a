"""Streams: the same transcript for pieces of any size, and errors on invalid use."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stt
from stt_models import SENTENCE, needs_oracle, noise, speech, trained, write_random_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = stt.Model(write_random_model(tmp_path_factory.mktemp("model")))
    model.setBeamWidth(20)
    return model


def probabilities(model, pieces):
    stream = model.create_acoustic_stream()
    return np.concatenate([*(stream.feed(piece) for piece in pieces), stream.finish()])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(length=st.integers(0, 30000), cuts=st.lists(st.integers(0, 30000), max_size=12))
def test_probabilities_do_not_depend_on_the_pieces(model, length, cuts):
    samples = noise(2)[:length]
    whole = probabilities(model, [samples])
    pieces = np.split(samples, sorted(min(cut, length) for cut in cuts))
    assert np.array_equal(whole, probabilities(model, pieces))
    assert len(whole) == 1 + max(0, (length - 512) // 320 + 1)


@pytest.mark.parametrize("chunk", [1000, 4096, 16000])
@needs_oracle
def test_streaming_gives_the_transcript_of_one_shot(chunk):
    samples = speech()
    stream = trained().createStream()
    for start in range(0, len(samples), chunk):
        stream.feedAudioContent(samples[start : start + chunk])
    assert stream.finishStreamWithMetadata(3) == trained().sttWithMetadata(samples, 3)


@needs_oracle
def test_single_samples_can_be_fed():
    samples = speech()[:3000]
    stream = trained().createStream()
    for sample in samples:
        stream.feedAudioContent(samples[:0])
        stream.feedAudioContent(np.array([sample]))
    assert stream.finishStream() == trained().stt(samples)


@needs_oracle
def test_flushing_tells_what_stt_would_and_leaves_the_stream_alone():
    samples = speech()
    stream = trained().createStream()
    for start in range(0, len(samples), 8000):
        stream.feedAudioContent(samples[start : start + 8000])
        flushed = stream.intermediateDecodeFlushBuffers()
        assert flushed == trained().stt(samples[: start + 8000])
        assert flushed == stream.intermediateDecodeWithMetadataFlushBuffers().transcripts[0].text
    assert stream.finishStream() == SENTENCE


def test_an_intermediate_result_takes_new_audio_only(model, monkeypatch):
    engine, calls = model._open_engine(), []
    run = engine.run
    monkeypatch.setattr(engine, "run", lambda *given: calls.append(1) or run(*given))
    stream = model.createStream()
    heard = []
    for second in range(40):
        stream.feedAudioContent(noise(1, seed=second))
        heard.append(len(calls))
        stream.intermediateDecode()
        assert len(calls) == heard[-1]
    assert max(np.diff(heard)) <= min(np.diff(heard)) + 1


def test_a_finished_stream_says_so(model):
    stream = model.createStream()
    stream.feedAudioContent(noise(0.5))
    stream.finishStream()
    for operation in (
        lambda: stream.feedAudioContent(noise(0.1)),
        stream.intermediateDecode,
        stream.intermediateDecodeWithMetadata,
        stream.intermediateDecodeFlushBuffers,
        stream.finishStream,
        stream.finishStreamWithMetadata,
        stream.freeStream,
    ):
        with pytest.raises(RuntimeError, match="Stream object is not valid"):
            operation()


def test_streams_are_freed_by_name_and_by_context(model):
    stream = model.createStream()
    stream.freeStream()
    with pytest.raises(stt.StreamError):
        stream.intermediateDecode()
    with model.createStream() as stream:
        stream.feedAudioContent(noise(0.5))
    with pytest.raises(stt.StreamError):
        stream.intermediateDecode()
    with model.createStream() as stream:  # finishing inside the block is allowed
        stream.finishStream()


def test_no_results_cannot_be_asked_for(model):
    stream = model.createStream()
    with pytest.raises(stt.StreamError, match="at least 1"):
        stream.intermediateDecodeWithMetadata(0)
    with pytest.raises(stt.StreamError, match="at least 1"):
        stream.finishStreamWithMetadata(-1)
    stream.finishStream()  # the error did not end the stream


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros(1000, np.float32), r"int16, not float32.*\* 32767"),
        (np.zeros(1000, np.float64), "int16, not float64"),
        (np.zeros((1000, 2), np.int16), r"mono.*\(1000, 2\).*mean"),
        (np.zeros(1000, np.int32), "int16, not int32"),
        (np.zeros(1000, np.uint16), "int16, not uint16"),
        (np.zeros(1000, np.uint8), "int16, not uint8"),
        (np.int16(3), "NumPy array"),
        ({1: 2}, "NumPy array of int16, not dict"),
        (None, "NoneType"),
        (b"abc", "3 bytes are not a whole number"),
    ],
)
def test_audio_of_another_kind_is_refused_and_harms_nothing(model, audio, message):
    with pytest.raises(stt.AudioBufferError, match=message):
        model.stt(audio)
    stream = model.createStream()
    with pytest.raises(TypeError):
        stream.feedAudioContent(audio)
    stream.feedAudioContent(noise(0.5))
    assert stream.finishStream() == model.stt(noise(0.5))


def test_audio_in_other_layouts_is_understood(model):
    samples = noise(1)
    expected = model.stt(samples)
    assert model.stt(samples.tobytes()) == expected
    assert model.stt(bytearray(samples.tobytes())) == expected
    assert model.stt(np.repeat(samples, 2)[::2]) == expected
    assert model.stt(samples.astype(">i2")) == expected


@pytest.mark.parametrize("samples", [0, 1, 511, 512, 513])
def test_short_audio_has_a_transcript(model, samples):
    assert isinstance(model.stt(noise(1)[:samples]), str)


@pytest.mark.parametrize("level", [0, 32767, -32768])
def test_silence_and_full_scale_have_a_transcript(model, level):
    assert isinstance(model.stt(np.full(16000, level, np.int16)), str)
