"""Models: settings, hot words, scorers, threads, engines."""

import array
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import stt
from stt_models import (
    ORACLE,
    SCORERS,
    SENTENCE,
    needs_oracle,
    noise,
    random_deployment,
    speech,
    trained,
    write_random_model,
)

SCORER = SCORERS / "smoke_word.scorer"


@pytest.fixture
def model():
    if not ORACLE.is_dir():
        pytest.skip(f"no reference data in {ORACLE}")
    with stt.Model(ORACLE / "tflite/cpu_n64_quant.tflite") as model:
        yield model


def test_version_is_a_version():
    assert stt.version()[0].isdigit()


def test_both_spellings_answer(model):
    assert model.beam_width() == model.beamWidth() == 500
    assert model.setBeamWidth(100) == 0
    assert model.beam_width() == 100
    assert model.sample_rate() == model.sampleRate() == 16000
    assert model.stt(speech()) == SENTENCE
    assert model.stt_with_metadata(speech()) == model.sttWithMetadata(speech())


def test_a_beam_of_no_width_is_refused(model):
    with pytest.raises(stt.SttError, match="beam width is 0; it must be at least 1"):
        model.setBeamWidth(0)


def test_metadata_spells_the_text_and_is_confident(model):
    metadata = model.sttWithMetadata(speech(), num_results=5)
    assert 1 <= len(metadata.transcripts) <= 5
    best = metadata.transcripts[0]
    assert "".join(token.text for token in best.tokens) == best.text == SENTENCE
    assert all(0 <= token.confidence <= 1 for token in best.tokens)
    assert np.mean([token.confidence for token in best.tokens]) > 0.8
    timesteps = [token.timestep for token in best.tokens]
    assert timesteps == sorted(timesteps)
    confidences = [transcript.confidence for transcript in metadata.transcripts]
    assert confidences == sorted(confidences, reverse=True)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [("addHotWord", ("word", 1.0)), ("eraseHotWord", ("word",)), ("clearHotWords", ())],
)
def test_hot_words_need_a_scorer(model, operation, arguments):
    with pytest.raises(RuntimeError, match=r"0x2004.*enableExternalScorer") as caught:
        getattr(model, operation)(*arguments)
    assert caught.value.code == 0x2004


def test_upstreams_status_numbers_and_the_same_as_errors(model):
    assert model.disableExternalScorer() == 0x2004
    assert model.setScorerAlphaBeta(1, 1) == 0x2004
    with pytest.raises(stt.ScorerNotEnabledError):
        model.disable_external_scorer()
    with pytest.raises(stt.ScorerNotEnabledError):
        model.set_scorer_alpha_beta(1, 1)
    model.enableExternalScorer(str(SCORER))
    assert model.setScorerAlphaBeta(1, 2) == 0
    assert model.scorer_alpha_beta() == (1, 2)
    assert model.disableExternalScorer() == 0


def test_hot_words_act_and_are_forgotten(model):
    model.enableExternalScorer(str(SCORER))
    plain = model.stt(speech("newhome"))
    model.addHotWord("had", 20.0)
    boosted = model.stt(speech("newhome"))
    assert boosted.split().count("had") > plain.split().count("had")
    with pytest.raises(stt.HotWordError, match="'had' is already a hot word"):
        model.addHotWord("had", 1.0)
    model.eraseHotWord("had")
    with pytest.raises(stt.HotWordError, match="'had' is not a hot word; hot words: none"):
        model.eraseHotWord("had")
    model.addHotWord("had", 20.0)
    model.clearHotWords()
    assert model.stt(speech("newhome")) == plain


def test_a_hot_word_that_cannot_be_written_has_no_effect_and_a_warning(model, caplog):
    model.enableExternalScorer(str(SCORER))
    plain = model.sttWithMetadata(speech("newhome"))
    model.addHotWord("слово", 20.0)
    assert model.sttWithMetadata(speech("newhome")) == plain
    (record,) = caplog.records
    assert "слово" in record.getMessage()
    assert record.getMessage().endswith("it has no effect")
    with pytest.raises(stt.HotWordError, match="no characters"):
        model.addHotWord(" ", 1.0)
    model.eraseHotWord("слово")


def test_metadata_has_lists(model):
    metadata = model.sttWithMetadata(speech())
    assert isinstance(metadata.transcripts, list)
    tokens = metadata.transcripts[0].tokens
    assert isinstance(tokens, list)
    assert "".join(token.text for token in tokens[2:]) == metadata.transcripts[0].text[2:]


@pytest.mark.parametrize(
    "convert",
    [list, tuple, np.ndarray.tobytes, bytearray, memoryview,
     lambda samples: memoryview(samples.tobytes()), lambda samples: array.array("h", samples),
     lambda samples: samples.tolist(), lambda samples: memoryview(samples.repeat(2))[::2]],
)  # fmt: skip
def test_samples_may_be_in_whatever_holds_them(model, convert):
    samples = speech()
    assert model.stt(convert(samples)) == model.stt(samples)


def test_no_samples_are_samples_too(model):
    for nothing in ([], b"", array.array("h")):
        assert model.stt(nothing) == model.stt(np.zeros(0, np.int16))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [([0, 40000], "sample 1 is 40000"), ([0.5], "not float64"), (["a"], "not list"),
     ([[1], [1, 2]], "not list"), ([[1, 2]], "mono"), (None, "not NoneType"), ("text", "not str"),
     (array.array("f", [0.5]), "not float32"), (array.array("i", [1]), "not int32"),
     ([2**70], "not list"), ([True], "not list"), (b"abc", "even")],
)  # fmt: skip
def test_what_holds_no_samples_is_refused(model, wrong, message):
    with pytest.raises(stt.AudioBufferError, match=message):
        model.stt(wrong)


def test_upstreams_functions_answer_with_codes(model, tmp_path, caplog):
    from stt import impl

    status, made = impl.CreateModel(str(tmp_path / "missing.tflite"))
    assert (status, made) == (impl.STT_ERR_FAIL_INIT_MMAP, None)
    assert impl.ErrorCodeToErrorMessage(status) == "Failed to initialize memory mapped model."
    assert "missing.tflite" in caplog.text
    assert impl.SetScorerAlphaBeta(model, 1.0, 1.0) == impl.ERR_SCORER_NOT_ENABLED == 0x2004
    assert impl.EnableExternalScorer(model, str(SCORER)) == impl.STT_ERR_OK == 0
    assert impl.AddHotWord(model, "had", 5.0) == 0
    assert impl.AddHotWord(model, "had", 5.0) == impl.STT_ERR_FAIL_INSERT_HOTWORD
    assert impl.ClearHotWords(model) == 0
    status, stream = impl.CreateStream(model)
    impl.FeedAudioContent(stream, speech())
    assert impl.FinishStream(stream) == impl.SpeechToText(model, speech()) == model.stt(speech())
    assert impl.Version() == stt.version()
    assert "Unknown error" in impl.ErrorCodeToErrorMessage(1)


def test_scorers_that_are_missing_or_garbage_are_refused_and_change_nothing(model, tmp_path):
    garbage = tmp_path / "garbage.scorer"
    garbage.write_bytes(bytes(range(256)) * 10)
    for path in (tmp_path / "missing.scorer", garbage):
        with pytest.raises(RuntimeError, match=r"EnableExternalScorer failed.*0x2002") as caught:
            model.enableExternalScorer(str(path))
        assert path.name in str(caught.value)
    assert model.stt(speech()) == SENTENCE


def test_a_scorer_of_another_alphabet_is_refused(model):
    with pytest.raises(RuntimeError, match="0x2002"):
        model.enableExternalScorer(str(SCORERS / "ru3.scorer"))


def test_streams_keep_the_settings_they_were_made_with(model):
    model.enableExternalScorer(str(SCORER))
    with_scorer = model.stt(speech("newhome"))
    stream = model.createStream()
    model.disableExternalScorer()
    stream.feedAudioContent(speech("newhome"))
    assert stream.finishStream() == with_scorer != model.stt(speech("newhome"))


def test_one_model_serves_many_threads(model):
    clips = [speech(), speech("newhome"), speech()[:20000]] * 4
    expected = [model.stt(clip) for clip in clips]
    barrier = threading.Barrier(6)

    def work(clip):
        if barrier.n_waiting < barrier.parties:
            barrier.wait(timeout=30)
        stream = model.createStream()
        for start in range(0, len(clip), 3000):
            stream.feedAudioContent(clip[start : start + 3000])
            stream.intermediateDecode()
        return stream.finishStream()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, clips)) == expected


def test_a_closed_model_says_so(tmp_path):
    model = stt.Model(write_random_model(tmp_path))
    model.close()
    model.close()
    with pytest.raises(stt.ModelError, match="closed"):
        model.stt(noise(1))


def test_onnx_and_tflite_files_of_one_model_hear_the_same(tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    from coqui_stt_training.exporting.deepspeech.onnx_writer import batch_model, streaming_model

    deployment = random_deployment(beam_width=77, language="en")
    onnx.save(streaming_model(deployment), tmp_path / "model.onnx")
    onnx.save(batch_model(deployment), tmp_path / "batch.onnx")
    models = [stt.Model(tmp_path / "model.onnx")]
    models.append(stt.Model(write_random_model(tmp_path, beam_width=77, language="en")))
    heard = []
    for model in models:
        assert (model.beamWidth(), model.language) == (77, "en")
        stream = model.create_acoustic_stream()
        heard.append(np.concatenate([stream.feed(noise(2.3)), stream.finish()]))
    assert np.abs(heard[0] - heard[1]).max() < 1e-4
    with pytest.raises(stt.ModelError, match="the batch graph of an export; give the streaming"):
        stt.Model(tmp_path / "batch.onnx")


def test_a_language_that_nobody_filled_in_is_none(tmp_path):
    """If the flag is not given, Coqui STT exports its help text as the language."""
    placeholder = "<language the model was trained on - IETF BCP 47 language tag>"
    assert stt.Model(write_random_model(tmp_path, language=placeholder)).language == ""


@needs_oracle
def test_importing_and_running_needs_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, stt, numpy, stt.client, stt.transcriber\n"
        f"stt.Model({str(ORACLE / 'tflite/cpu_n64_quant.tflite')!r}).stt(numpy.zeros(999, 'i2'))\n"
        "assert not {'torch', 'tensorboard', 'onnxruntime', 'fastapi'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_oracle
def test_bytes_models_have_tokens_of_whole_characters():
    transcript = trained("bytes_n64_quant").sttWithMetadata(speech()).transcripts[0]
    assert all(len(token.text) == 1 for token in transcript.tokens)
