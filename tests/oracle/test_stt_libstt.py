"""The runtime gives the results of libstt 1.4.0: probabilities, texts, tokens, times."""

import numpy as np
import pytest

import stt
from export_support import LITERT_TOLERANCE
from stt_models import ORACLE, SCORERS, libstt, needs_oracle, speech

pytestmark = needs_oracle

MODELS = ("cpu_n64_float", "cpu_n64_quant", "bytes_n64_quant")
CLIPS = ("LDC93S1", "newhome", "ru")


def scorer_of(model_name):
    name = "smoke_bytes.scorer" if model_name.startswith("bytes") else "smoke_word.scorer"
    return SCORERS / name


def load(name):
    model = stt.Model(ORACLE / f"tflite/{name}.tflite")
    model.setBeamWidth(libstt("results.json")[name]["beam_width"])
    return model


@pytest.mark.parametrize("name", MODELS)
def test_probabilities_are_libstts(name):
    geometry, precision = name.rsplit("_", 1)
    references = libstt(f"probs_{geometry}.npz")
    model = stt.Model(ORACLE / f"tflite/{name}.tflite", threads=1)
    for clip in CLIPS:
        if f"{precision}__{clip}" not in references:
            continue
        stream = model.create_acoustic_stream()
        heard = np.concatenate([stream.feed(speech(clip)), stream.finish()])
        expected = references[f"{precision}__{clip}"]
        assert heard.shape == expected.shape
        assert np.abs(heard - expected).max() < LITERT_TOLERANCE[precision]


@pytest.mark.parametrize("name", MODELS)
def test_defaults_are_libstts(name):
    model = stt.Model(ORACLE / f"tflite/{name}.tflite")
    expected = libstt("results.json")[name]
    assert model.beamWidth() == expected["default_beam_width"]
    assert model.sampleRate() == expected["sample_rate"]


@pytest.mark.parametrize("with_scorer", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_candidates_tokens_and_times_are_libstts(name, with_scorer):
    results = libstt("results.json")[name]
    model = load(name)
    key = "noscorer"
    if with_scorer:
        key = next(key for key in results if key.startswith("scorer"))
        model.enableExternalScorer(str(scorer_of(name)))
    for clip, expected in results[key].items():
        metadata = model.sttWithMetadata(speech(clip), 3)
        assert metadata.transcripts[0].text == expected["text"]
        for ours, theirs in zip(
            metadata.transcripts, expected["metadata"]["transcripts"], strict=True
        ):
            assert ours.confidence == pytest.approx(theirs["confidence"], abs=0.02)
            assert [(token.text, token.timestep) for token in ours.tokens] == [
                (token["text"], token["timestep"]) for token in theirs["tokens"]
            ]
            assert [token.start_time for token in ours.tokens] == pytest.approx(
                [token["start_time"] for token in theirs["tokens"]], abs=1e-5
            )


@pytest.mark.parametrize("name", ["cpu_n64_float", "cpu_n64_quant"])
def test_streaming_gives_libstts_intermediate_texts(name):
    expected = libstt("results.json")[name]["stream_chunk4000_LDC93S1"]
    model = load(name)
    model.enableExternalScorer(str(scorer_of(name)))
    samples, texts = speech(), []
    stream = model.createStream()
    for start in range(0, len(samples), 4000):
        stream.feedAudioContent(samples[start : start + 4000])
        texts.append(stream.intermediateDecode())
    assert texts == expected["intermediate"]
    assert stream.finishStream() == expected["final"]


def test_short_audio_gives_what_libstt_gives():
    model = load("cpu_n64_quant")
    for length, text in libstt("results.json")["cpu_n64_quant"]["short_audio"].items():
        assert model.stt(speech()[: int(length)]) == text


def test_beam_width_alpha_and_beta_act_as_in_libstt():
    model = load("cpu_n64_float")
    results = libstt("results.json")["cpu_n64_float"]
    for width, clips in results["noscorer_beam"].items():
        model.setBeamWidth(int(width))
        for clip, expected in clips.items():
            assert model.stt(speech(clip)) == expected["text"]
    model.setBeamWidth(500)
    model.enableExternalScorer(str(scorer_of("cpu_n64_float")))
    model.setScorerAlphaBeta(0, 0)
    assert model.stt(speech("newhome")) == results["alpha0_beta0_newhome"]
    model.setScorerAlphaBeta(2, 1)
    assert model.stt(speech("newhome")) == results["alpha2_beta1_newhome"]


def test_a_checkpoint_and_its_export_hear_the_same():
    pytest.importorskip("torch")
    checkpoint = stt.Model(ORACLE / "ckpt/cpu_n64")
    expected = libstt("probs_cpu_n64.npz")["float__newhome"]
    stream = checkpoint.create_acoustic_stream()
    streamed = np.concatenate([stream.feed(speech("newhome")), stream.finish()])
    (batched, short) = checkpoint.batch_probabilities([speech("newhome"), speech()[:700]])
    assert np.abs(streamed - expected).max() < 2e-5
    assert np.abs(batched - expected).max() < 2e-5
    assert len(short) == 2
