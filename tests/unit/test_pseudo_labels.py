"""Pseudo-labels: cutting of recordings, and the transcripts that are kept, with the reasons."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from coqui_stt_training.errors import UserError
from coqui_stt_training.pseudo_labels.labels import (
    Bounds,
    LeftOut,
    PseudoLabel,
    Reason,
    disputed,
    judge,
)
from coqui_stt_training.pseudo_labels.measured import MeasuredAudio
from coqui_stt_training.pseudo_labels.pieces import Cutter
from coqui_stt_training.pseudo_labels.recordings import UnlabelledRecording
from coqui_stt_training.pseudo_labels.transcriber import ClipTranscript, RecordingTranscript
from stt.audio.pcm import Pcm
from stt.audio.reference import AudioReference
from stt.decoding import path_confidence

RATE_HZ = 16000
BOUNDS = Bounds(least_confidence=0.5, least_rate=1, most_rate=20, longest_seconds=20)
NOTHING = MeasuredAudio({}, {})


def voice(seconds: float) -> Pcm:
    """Return samples that pass for speech: a modulated buzz with the formant of a vowel."""
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = sum(
        np.exp(-(((harmonic * 120 - 600) / 500) ** 2)) * np.sin(2 * np.pi * harmonic * 120 * time)
        for harmonic in range(1, 20)
    )
    return (3000 * sound * (1 + 0.5 * np.sin(2 * np.pi * 4 * time))).astype(np.int16)


def quiet(seconds: float) -> Pcm:
    return np.zeros(int(seconds * RATE_HZ), np.int16)


def blocks(*parts: Pcm) -> Iterator[Pcm]:
    samples = np.concatenate(parts)
    yield from (samples[at : at + 100_000] for at in range(0, len(samples), 100_000))


def test_a_short_recording_is_one_clip_as_it_is() -> None:
    pytest.importorskip("webrtcvad")
    sound = np.concatenate([quiet(1), voice(2), quiet(5)])
    cutter = Cutter(10.0, 2)
    (clip,) = cutter("a.wav", blocks(sound), RATE_HZ)
    assert (clip.start_milliseconds, clip.end_milliseconds) == (0, 8000)
    np.testing.assert_array_equal(clip.samples, sound)
    assert list(cutter("nothing.wav", iter([quiet(0)]), RATE_HZ)) == []


def test_a_long_recording_is_cut_at_pauses_and_joined_over_breaths() -> None:
    pytest.importorskip("webrtcvad")
    parts = [quiet(2), voice(2), quiet(0.8), voice(2), quiet(4), voice(3), quiet(1)]
    sound = np.concatenate(parts)
    cutter = Cutter(10.0, 2)
    first, second = cutter("a.wav", blocks(*parts), RATE_HZ)
    assert first.start_milliseconds == pytest.approx(1800, abs=400)
    assert first.end_milliseconds == pytest.approx(6900, abs=500)
    assert second.start_milliseconds == pytest.approx(10700, abs=400)
    for clip in (first, second):  # each clip's samples are those at its position
        begin = clip.start_milliseconds * RATE_HZ // 1000
        there = sound[begin : begin + len(clip.samples)]
        np.testing.assert_array_equal(clip.samples[: len(there)], there)
        assert not clip.samples[len(there) :].any()
    assert len(list(Cutter(3.0, 2)("a.wav", blocks(*parts), RATE_HZ))) == 3


def test_hours_of_silence_take_no_memory() -> None:
    pytest.importorskip("webrtcvad")
    pause = quiet(10)
    tracemalloc.start()
    found = list(Cutter(20.0, 2)("a.wav", (pause for _ in range(60)), RATE_HZ))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == []
    assert most < 12e6  # ten minutes of samples take 19 MB


def test_digests_tell_recordings_from_others() -> None:
    cutter = Cutter(60.0, 2)
    for name, samples in (("a", voice(1)), ("b", voice(1)), ("c", voice(1.1))):
        list(cutter(name, blocks(samples), RATE_HZ))
    assert cutter.digests["a"] == cutter.digests["b"] != cutter.digests["c"]


def recording(name: str, start: float = 0.0, end: float | None = None) -> UnlabelledRecording:
    return UnlabelledRecording(
        AudioReference(Path(name), start_seconds=start, end_seconds=end), f"{name}:1"
    )


def reasons(
    transcripts: dict[UnlabelledRecording, RecordingTranscript | UserError], measured: MeasuredAudio
) -> list[Reason]:
    by_audio = {one.audio: found for one, found in transcripts.items()}
    return [
        one.reason
        for one in judge(list(transcripts), by_audio, measured, BOUNDS)
        if isinstance(one, LeftOut)
    ]


def transcripts(digest: str, *passages: tuple[float, float, str, float]) -> RecordingTranscript:
    return RecordingTranscript(digest, tuple(ClipTranscript(*one) for one in passages))


@pytest.mark.parametrize(
    ("passage", "reason"),
    [
        ((0, 2, "abc def", 0.4), Reason.UNSURE),
        ((0, 2, "a", 0.9), Reason.RATE),
        ((0, 1, "a" * 30, 0.9), Reason.RATE),
        ((0, 0, "a", 0.9), Reason.RATE),
        ((0, 2, " ", 0.9), Reason.EMPTY),
        ((0, 30, "abc def" * 9, 0.9), Reason.LONG),
    ],
)
def test_what_speaks_against_a_transcript(
    passage: tuple[float, float, str, float], reason: Reason
) -> None:
    assert reasons({recording("a"): transcripts("1", passage)}, NOTHING) == [reason]


def test_recordings_without_speech_unreadable_ones_and_repeated_ones() -> None:
    good = (0.0, 2.0, "abc def", 0.9)
    found = {
        recording("a"): transcripts("1", good),
        recording("b"): transcripts("2"),
        recording("c"): UserError("c: no such file"),
        recording("d"): transcripts("1", good),
    }
    assert reasons(found, NOTHING) == [Reason.EMPTY, Reason.UNREADABLE, Reason.REPEATED]


def test_what_is_measured_on_is_left_out_by_digest_and_by_place() -> None:
    good = (0.0, 2.0, "abc def", 0.9)
    later = (12.0, 14.0, "abc def", 0.9)
    piece = AudioReference(Path("book.mp3"), start_seconds=13.0, end_seconds=16.0)
    container = (Path("book.mp3").resolve(), "\0" + "0")
    measured = MeasuredAudio({"7": "test.csv:3"}, {container: [(piece, "test.csv:4")]})
    found = {
        recording("renamed"): transcripts("7", good),
        recording("book.mp3"): transcripts("8", good, later),
        recording("other"): transcripts("9", good, later),
    }
    by_audio = {one.audio: what for one, what in found.items()}
    judged = list(judge(list(found), by_audio, measured, BOUNDS))
    assert [isinstance(one, LeftOut) for one in judged] == [True, False, True, False, False]
    assert isinstance(judged[0], LeftOut)
    assert judged[0].detail == "the same audio as test.csv:3"


def test_clips_are_pieces_of_their_recording_and_whole_recordings_are_not() -> None:
    one, many = recording("a"), recording("b", 100.0, 200.0)
    found = {
        one.audio: transcripts("1", (0, 2, "abc def", 0.9)),
        many.audio: transcripts("2", (1, 3, "abc def", 0.9), (5, 8, "abc def", 0.9)),
    }
    labels = [
        label
        for label in judge([one, many], found, NOTHING, BOUNDS)
        if isinstance(label, PseudoLabel)
    ]
    assert [str(label.audio) for label in labels] == [
        "a", "b (101 s to 103 s)", "b (105 s to 108 s)"
    ]  # fmt: skip


def test_two_models_must_nearly_agree() -> None:
    label = PseudoLabel(recording("a"), recording("a").audio, 2.0, "abcdefghij", 0.9)
    for text, kept in (("abcdefghij", True), ("abcdefghi", True), ("abcdefg", False), ("", False)):
        found = disputed(label, transcripts("", (0, 2, text, 0.1)), 0.2)
        assert isinstance(found, PseudoLabel) is kept


def test_confidence_counts_what_may_be_missing_too() -> None:
    sure = np.array([[0.9, 0.05, 0.05], [0.05, 0.05, 0.9], [0.05, 0.9, 0.05]], np.float32)
    assert path_confidence(sure) == pytest.approx((0.9**3) ** (1 / 2))
    doubtful = sure.copy()
    doubtful[1] = [0.45, 0.0, 0.55]  # a label or the blank
    assert path_confidence(doubtful) < path_confidence(sure)
    held = np.repeat(sure[:1], 3, axis=0)
    assert path_confidence(held) == pytest.approx(0.9**3)  # one label
    assert path_confidence(sure[:0]) == path_confidence(sure[1:2]) == 0.0
