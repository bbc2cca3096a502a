"""Measure word times against known ones: those that eSpeak NG tells of the speech it makes.

    apt-get install espeak-ng
    python benchmarks/word_times.py --model MODEL

MODEL is one that understands eSpeak's English, such as the tour's (examples/tour): an exported
file, or a checkpoint folder. Phrases that the model gets right count. Printed are the mean and the
median of the absolute error of starts and ends, and the median error itself, in milliseconds: of
our word times, and of upstream's (a word begins with its first token, and ends with the space after
it, or with its last token).
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import random
from pathlib import Path

import numpy as np
import soxr

import stt
from stt.words import words_of

RATE_HZ = 16000
AUDIBLE = 0.01  # of full scale
TEST_CSV = Path(__file__).parents[1] / "examples/tour/english/test.csv"
VOICES = ("m6", "f3", "edward", "Annie", "max", "belinda")
Times = list[tuple[float, float]]  # start and end of each word, in seconds


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_LIST_ENDS, _WORD = 0, 1
_SYNCHRONOUS, _UTF8, _RATE = 2, 1, 1


class Synthesiser:
    """eSpeak NG, as a library, because its command does not tell when a word begins."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
        self._callback = _Callback(self._receive)  # kept, or it is collected
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_SetParameter(_RATE, 150, 0)
        self._samples: list[np.ndarray] = []
        self._starts: list[float] = []

    def _receive(self, samples, count, events) -> int:
        if samples and count:
            self._samples.append(np.ctypeslib.as_array(samples, (count,)).copy())
        number = 0
        while events[number].type != _LIST_ENDS:
            if events[number].type == _WORD:
                self._starts.append(events[number].audio_position / 1000)
            number += 1
        return 0

    def speak(self, text: str, voice: str, noise: np.random.Generator) -> tuple[np.ndarray, Times]:
        """Return speech, int16 at 16 kHz, and when each word is said."""
        self._samples.clear()
        self._starts.clear()
        self._library.espeak_SetVoiceByName(f"en-us+{voice}".encode())
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        speech = np.concatenate(self._samples) / np.float32(32768)
        speech = soxr.resample(speech, self._rate_hz, RATE_HZ)
        last_sound = np.flatnonzero(np.abs(speech) > AUDIBLE)[-1] / RATE_HZ
        ends = [*self._starts[1:], last_sound]
        speech = 0.5 * speech / np.abs(speech).max() + 10 ** (-55 / 20) * noise.normal(
            size=len(speech)
        )
        return (speech * 32767).astype(np.int16), list(zip(self._starts, ends, strict=True))


def upstream_times(tokens: tuple[stt.TokenMetadata, ...]) -> Times:
    """Start and end of words as upstream's client computes them."""
    times, start = [], None
    for number, token in enumerate(tokens):
        if token.text != " " and start is None:
            start = token.start_time
        if token.text == " " or number == len(tokens) - 1:
            if start is not None:
                times.append((start, token.start_time))
            start = None
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--phrases", type=int, default=200)
    parser.add_argument("--beam_width", type=int, default=64)
    flags = parser.parse_args()
    model = stt.Model(flags.model)
    model.set_beam_width(flags.beam_width)
    with TEST_CSV.open(encoding="utf-8") as file:
        phrases = [row["transcript"] for row in csv.DictReader(file)]
    draw, noise, synthesiser = random.Random(0), np.random.default_rng(0), Synthesiser()
    errors: dict[str, list[tuple[float, float]]] = {"ours": [], "upstream's": []}
    right = 0
    for _ in range(flags.phrases):
        text = draw.choice(phrases)
        audio, known = synthesiser.speak(text, draw.choice(VOICES), noise)
        best = model.sttWithMetadata(audio).transcripts[0]
        if best.text.strip() != text or len(known) != len(text.split()):
            continue
        right += 1
        ours = [(word.start_time, word.end_time) for word in words_of(best.tokens)]
        for name, found in (("ours", ours), ("upstream's", upstream_times(best.tokens))):
            errors[name] += [
                (start - known_start, end - known_end)
                for (start, end), (known_start, known_end) in zip(found, known, strict=True)
            ]
    print(f"{right} of {flags.phrases} phrases were understood")
    for name, differences in errors.items():
        table = 1000 * np.array(differences).reshape(-1, 2)
        for part, column in zip(("start", "end"), table.T, strict=True):
            print(
                f"{name:11} {part:5}: mean error {np.abs(column).mean():4.0f} ms, "
                f"median {np.median(np.abs(column)):4.0f} ms, bias {np.median(column):+4.0f} ms"
            )


if __name__ == "__main__":
    main()
