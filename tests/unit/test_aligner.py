"""The native aligner, on posteriors with a known path."""

from __future__ import annotations

import math

import numpy as np
import pytest

from coqui_stt_ctcdecoder.errors import DecodeError
from coqui_stt_ctcdecoder.native import _native

A, B, C, SPACE, BLANK = range(5)
CLASSES = 5


def posteriors(path: list[int], sharpness: float = 0.96) -> np.ndarray:
    """Return float32 `[frames, classes]` in which `path` lists the most likely classes."""
    probs = np.full((len(path), CLASSES), (1 - sharpness) / (CLASSES - 1), np.float32)
    probs[np.arange(len(path)), path] = sharpness
    return probs


def make(labels, units=None, **settings):
    options = _native.AlignerOptions()
    options.classes, options.space = CLASSES, SPACE
    for name, value in settings.items():
        setattr(options, name, value)
    return _native.Aligner(options, labels, units or [len(labels)])


def spans(aligner, path, chunk: int = 7) -> list[tuple[int, int, int]]:
    probs = posteriors(path)
    found = []
    for start in range(0, len(probs), chunk):
        found += aligner.feed(probs[start : start + chunk])
    found += aligner.finish()
    return [(span.position, span.start_frame, span.end_frame) for span in found]


def test_labels_lie_where_they_are_said() -> None:
    path = [BLANK, A, A, BLANK, BLANK, A, SPACE, B, BLANK]
    assert spans(make([A, A, SPACE, B]), path) == [(0, 1, 3), (1, 5, 6), (2, 6, 7), (3, 7, 8)]


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_a_unit_that_is_not_said_is_left_out_and_strange_speech_falls_into_gaps(chunk: int) -> None:
    strange = [C, BLANK] * 20
    path = [*strange, A, BLANK, B, BLANK, *strange, B, BLANK, A, BLANK]
    aligner = make([A, B, C, C, C, B, A], [2, 3, 2], filler_cost=1.0, skip_cost=4.0, beam=300.0)
    # The middle unit fits either stretch of Cs; it is found at most once, and in one piece.
    found = spans(aligner, path, chunk)
    first, last = found[:2], found[-2:]
    assert first == [(0, 40, 41), (1, 42, 43)]
    assert last == [(5, 84, 85), (6, 86, 87)]
    missing = make([A, B, A, A, A, B, A], [2, 3, 2], filler_cost=1.0, skip_cost=4.0, beam=300.0)
    assert [position for position, _, _ in spans(missing, path, chunk)] == [0, 1, 5, 6]


def test_the_same_is_found_with_a_beam_and_little_memory() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 3000).tolist()
    path = [BLANK]
    for label in labels:
        path += [label] * int(generator.integers(1, 3)) + [BLANK] * int(generator.integers(1, 5))
    units = [30] * 100
    whole = spans(make(labels, units, filler_cost=1.0, skip_cost=4.0), path, 500)
    bounded = spans(make(labels, units, filler_cost=1.0, skip_cost=4.0, beam=100.0), path, 500)
    forced = make(
        labels, units, filler_cost=1.0, skip_cost=4.0, beam=100.0, most_states=500, most_memory=0
    )
    assert len(whole) == len(labels)
    assert bounded == whole
    assert spans(forced, path, 500) == whole


def test_frames_that_are_decided_are_forgotten() -> None:
    labels = np.random.default_rng(2).integers(0, 3, 4000).tolist()
    aligner = make(labels, [20] * 200, filler_cost=1.0, skip_cost=4.0, beam=100.0)
    most = 0
    for start in range(0, len(labels), 40):
        said = [one for label in labels[start : start + 40] for one in (label, BLANK)]
        aligner.feed(posteriors(said))
        most = max(most, aligner.kept_frames)
    assert most < 1500


def test_anything_stands_for_any_speech() -> None:
    path = [BLANK, A, C, BLANK, C, C, B, BLANK]
    found = spans(make([A, -1, B]), path)
    assert found[0] == (0, 1, 2)
    assert found[-1] == (2, 6, 7)


@pytest.mark.parametrize(
    ("labels", "units", "settings", "complaint"),
    [
        ([], [], {}, "0 labels"),
        ([A, B], [1], {}, "do not add up"),
        ([A], [1 << 62], {}, "do not add up"),
        ([BLANK], [1], {}, "none of the model's"),
        ([A], [1], {"classes": 1}, "two classes"),
        ([A], [1], {"blank": 9}, "blank is class 9"),
        ([A], [1], {"space": 9}, "space is class 9"),
        ([A], [1], {"beam": math.nan}, "greater than 0"),
        ([A], [1], {"most_states": 0}, "room"),
    ],
)
def test_what_does_not_fit_is_refused(labels, units, settings, complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        make(labels, units, **settings)


def test_too_little_audio_and_what_are_no_posteriors_are_refused() -> None:
    with pytest.raises(DecodeError, match="does not fit into the audio"):
        spans(make([A, A]), [A, A])
    with pytest.raises(DecodeError, match="5"):
        make([A]).feed(np.ones((1, 3), np.float32))
    for bad in (np.nan, np.inf, -1.0):
        probs = posteriors([A])
        probs[0, 0] = bad
        with pytest.raises(DecodeError, match="not a distribution"):
            make([A]).feed(probs)
