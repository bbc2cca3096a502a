"""Alignment of a text with audio: the times of its units, words and characters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from coqui_stt_ctcdecoder.alignment import LabelTime, TextAligner, align
from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.engines import FloatArray, ModelInfo
from stt.metadata import TokenMetadata
from stt.words import Word, words_of

from ..errors import UserError
from .spelling import SpelledWord, TextUnit

FILLER_COST = 1.5  # in nats, for each frame of speech that is not in the text
SKIP_COST = 4.0  # in nats, for each unit that is not spoken
BEAM = 300.0  # in nats; enough to skip 75 units in a row
WORST_COST = 3.0  # in nats per label; units with a higher cost are probably not in the audio
_LEAST_FOUND = 0.2  # share of the labels; if fewer are found, the text is not that of the audio


@dataclass(frozen=True)
class Character:
    """A character in the model's spelling, with its times in seconds."""

    text: str
    start_time: float
    end_time: float


@dataclass(frozen=True)
class AlignedUnit:
    """A unit that was found in the audio.

    Attributes:
        index: index of the unit in the text.
        text: original text of the unit.
        words: words in the original spelling, with times in seconds.
        characters: characters in the model's spelling, with times in seconds.
        cost: mean cost of its labels, in nats; see `LabelTime`.
    """

    index: int
    text: str
    words: tuple[Word, ...]
    characters: tuple[Character, ...]
    cost: float

    @property
    def start_time(self) -> float:
        """Start of the first word, in seconds."""
        return self.words[0].start_time

    @property
    def end_time(self) -> float:
        """End of the last word, in seconds."""
        return self.words[-1].end_time


def align_clip(unit: TextUnit, posteriors: FloatArray, info: ModelInfo) -> AlignedUnit:
    """Align a clip with its transcript, which must be exactly what is spoken.

    Args:
        unit: transcript of the clip.
        posteriors: posteriors of the clip, float32 `[frames, classes]`, the blank last.
        info: description of the model.

    Raises:
        UserError: the model can write too few words of the text, or the text does not fit into the
            audio.
    """
    labels = unit.labels(info.alphabet.space_label)
    if not unit.is_spelled:
        raise UserError(f"{unit.text!r} has no characters that the model can write")
    times = align(labels, posteriors, info.alphabet)
    return _aligned(0, unit, {time.position: time for time in times}, info)


def align_recording(
    units: Sequence[TextUnit],
    posteriors: Iterable[FloatArray],
    info: ModelInfo,
    *,
    name: str = "the audio",
) -> list[AlignedUnit]:
    """Find the units of a text in a recording. Return those that are spoken, in order.

    Args:
        units: units of the text.
        posteriors: posteriors of the recording in pieces, float32 `[frames, classes]` each.
        info: description of the model.
        name: name of the recording, for messages.

    Raises:
        UserError: the text does not match the recording, or has nothing that the model can write.
    """
    space = info.alphabet.space_label
    spelled = [
        (index, unit, unit.labels(space)) for index, unit in enumerate(units) if unit.is_spelled
    ]
    if not spelled:
        raise UserError(
            "the text has no characters that the model can write; romanize it with --romanize "
            "true, or map its characters with --character_map"
        )
    labels = list(itertools.chain.from_iterable(labels for _, _, labels in spelled))
    aligner = TextAligner(
        labels, [len(labels) for _, _, labels in spelled], info.alphabet,
        filler_cost=FILLER_COST, skip_cost=SKIP_COST, beam=BEAM,
    )  # fmt: skip
    times = {time.position: time for time in _times(aligner, posteriors)}
    found = []
    said = begin = 0
    for index, unit, unit_labels in spelled:
        if begin in times:
            relative = {i: times[begin + i] for i in range(len(unit_labels))}
            one = _aligned(index, unit, relative, info)
            if one.cost <= WORST_COST:
                found.append(one)
                said += len(unit_labels)
        begin += len(unit_labels)
    if said < _LEAST_FOUND * len(labels):
        raise UserError(
            f"the text does not match {name}: only {said / len(labels):.0%} of it was found in "
            "the audio. Give the text of this recording; if it is, the model may not know its "
            "language or script"
        )
    return found


def _times(aligner: TextAligner, posteriors: Iterable[FloatArray]) -> Iterator[LabelTime]:
    for piece in posteriors:
        yield from aligner.feed(piece)
    yield from aligner.finish()


def _aligned(
    index: int, unit: TextUnit, times: Mapping[int, LabelTime], info: ModelInfo
) -> AlignedUnit:
    step, alphabet = info.step_seconds, info.alphabet
    tokens = []
    groups: list[tuple[SpelledWord, list[TokenMetadata]]] = []
    position = 0
    for number, word in enumerate(unit.words):
        if number and alphabet.space_label >= 0:
            tokens.append(_token(" ", times[position], step))
            position += 1
        word_tokens = [
            _token(_label_text(label, alphabet), times[position + i], step)
            for i, label in enumerate(word.labels)
        ]
        tokens += word_tokens
        groups.append((word, word_tokens))
        position += len(word_tokens)
    cost = sum(time.cost for time in times.values()) / len(times)
    return AlignedUnit(
        index,
        unit.text,
        _words(tokens, groups),
        tuple(Character(one.text, one.start_time, one.start_time + one.duration) for one in tokens),
        round(cost, 4),
    )


def _label_text(label: int, alphabet: Alphabet) -> str:
    return "*" if label < 0 else alphabet.decode([label])


def _token(text: str, time: LabelTime, step_seconds: float) -> TokenMetadata:
    return TokenMetadata(
        text,
        time.start_frame,
        time.start_frame * step_seconds,
        math.exp(time.log_prob),
        (time.end_frame - time.start_frame) * step_seconds,
    )


def _words(
    tokens: Sequence[TokenMetadata], groups: Sequence[tuple[SpelledWord, list[TokenMetadata]]]
) -> tuple[Word, ...]:
    """Return words in the original spelling, with the times that the runtime would give them."""
    timed = words_of(tokens)
    if len(timed) != len(groups):  # the text has spaces, but the alphabet has none
        timed = [words_of(word_tokens)[0] for _, word_tokens in groups]
        ends = [word_tokens[-1].start_time + word_tokens[-1].duration for _, word_tokens in groups]
    else:
        ends = [word.end_time for word in timed]
    return tuple(
        Word(word.text, one.start_time, end, one.confidence)
        for (word, _), one, end in zip(groups, timed, ends, strict=True)
    )
