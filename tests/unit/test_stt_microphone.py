"""`stt --mic`, with a stand-in for the sound card."""

import sys
import types

import numpy as np
import pytest

import stt
from stt.microphone import transcribe_microphone
from stt_models import SENTENCE, needs_oracle, speech, trained

pytestmark = needs_oracle


class PortAudioError(Exception):
    pass


def sound_card(samples=None):
    """Return a stand-in for `sounddevice`; without samples it has no microphone."""

    class RawInputStream:
        def __init__(self, rate_hz, block_samples, channels, dtype, callback):
            if samples is None:
                raise PortAudioError("Error querying device -1")
            assert (rate_hz, channels, dtype) == (16000, 1, "int16")
            for start in range(0, len(samples), block_samples):
                callback(memoryview(samples[start : start + block_samples].tobytes()), 0, 0, 0)
            callback(np.zeros(0, np.int16).tobytes(), 0, 0, 0)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    return types.SimpleNamespace(RawInputStream=RawInputStream, PortAudioError=PortAudioError)


def test_what_is_spoken_is_printed_when_the_speaker_ends_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sounddevice", sound_card(speech()))

    def show(live, block):  # the empty block is the last one
        if not len(block):
            raise KeyboardInterrupt
        list(live.feed(block))

    monkeypatch.setattr("stt.microphone._show", show)
    transcribe_microphone(trained())
    printed = capsys.readouterr()
    assert SENTENCE in printed.out
    assert "left out" not in printed.err


def test_audio_that_a_slow_model_cannot_keep_up_with_is_left_out_and_told(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sounddevice", sound_card(np.zeros(16000 * 60, np.int16)))

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("stt.microphone._show", interrupt)
    transcribe_microphone(trained())
    assert "30 s were lost" in capsys.readouterr().err


def test_what_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(stt.StreamError, match=r"pip install '\.\[mic\]'"):
        transcribe_microphone(trained())
    monkeypatch.setitem(sys.modules, "sounddevice", sound_card())
    with pytest.raises(stt.StreamError, match="no microphone can be opened"):
        transcribe_microphone(trained())


def test_a_missing_portaudio_is_told(monkeypatch, tmp_path):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(stt.StreamError, match="apt install libportaudio2"):
        transcribe_microphone(trained())
