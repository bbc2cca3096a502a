"""Loads batches of clips that are changed, each in each epoch as seed, epoch and clip decide.

Only features of clips that nothing changes come from the store; those of changed ones are computed
anew each time and never kept. Masks over frames are drawn here and carried out where the model is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stt.frontends import FrontEnd
from stt.frontends.fbank import Fbank
from stt.frontends.waveform import Waveform

from ..augmentation.chance import Draw, draw_augmentations, within
from ..augmentation.frames import FrameChange, cepstrum_of
from ..augmentation.kinds import CLIPS, FEATURES, HIDDEN, SAMPLES, SIGNAL, SPECTROGRAM
from ..augmentation.samples import Recording, Recordings, change_samples
from ..augmentation.specification import Augmentation
from ..augmentation.spectrogram import Spectrum, change_like_spectrogram, change_spectrum
from ..corpus import Clip
from ..corpus.row_check import frames_needed
from .batch import Batch, View, collate
from .feature_cache import Features
from .loader import BatchLoader

_BEFORE_FEATURES = (CLIPS, SAMPLES, SIGNAL, SPECTROGRAM)
_BEFORE_THE_MODEL = (*_BEFORE_FEATURES, FEATURES)


@dataclass(frozen=True)
class Moment:
    """When a batch is trained on.

    Attributes:
        epoch: counted from 0.
        clock: how far all of training is, 0 to 1.
        reuses: whether the outputs of frozen layers are cached, so that versions are of use.
    """

    epoch: int
    clock: float
    reuses: bool = True


class _Changed(NamedTuple):
    """A clip as the augmentations of a moment change it."""

    draws: tuple[Draw, ...]
    labels: list[int]
    features: Features


@dataclass(frozen=True)
class AugmentedLoader:
    """Turns groups of clips into batches, as the augmentations of an epoch change them.

    Attributes:
        loader: of the same clips without augmentation.
        augmentations: in the order in which they act within a domain.
        seed: of the run.
        output_length: how many frames the model makes of so many of the front end.
        sources: recordings that augmentations draw from, by name.
        clips: all training clips, for those that others are joined with.
        variants: number of versions of a batch before it enters the model, which epochs with frozen
            layers use in turn; 0: a new version in each epoch.
        views: how many views there are of a batch, which differ in what masks hide.
    """

    loader: BatchLoader
    augmentations: tuple[Augmentation, ...]
    seed: int
    output_length: Callable[[int], int]
    sources: Mapping[str, Recordings] = field(default_factory=dict)
    clips: Sequence[Clip] = ()
    variants: int = 0
    views: int = 1

    @property
    def _front_end(self) -> FrontEnd:
        return self.loader.store.front_end

    @cached_property
    def _cepstrum(self) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        return cepstrum_of(self._front_end)

    def load(self, clips: Sequence[Clip], moment: Moment) -> Batch:
        """Return one batch.

        Raises:
            AudioError: see `BatchLoader.load`.
        """
        made = self.loader.each(lambda clip: self._changed(clip, moment), clips)
        clips = [clip for clip, _ in made]
        draws = [one.draws for _, one in made]
        features = [one.features for _, one in made]
        seconds = tuple(len(one) * self._front_end.step_seconds for one in features)

        def change(domain: str, view: int) -> FrameChange:
            of_clips = tuple(_of_view(within(drawn, domain), view) for drawn in draws)
            return FrameChange(of_clips, seconds, self._cepstrum if domain == FEATURES else None)

        def make_view(view: int) -> View:
            version = self._version(draws, moment, view)
            return View(change(FEATURES, view), change(HIDDEN, view), version)

        return replace(
            collate(clips, features, [one.labels for _, one in made]),
            augmented=any(within(drawn, *_BEFORE_FEATURES) for drawn in draws),
            views=tuple(map(make_view, range(self.views))),
        )

    def _changed(self, clip: Clip, moment: Moment) -> _Changed:
        draws = self._draw(clip, moment)
        together = self._joined(clip, draws)
        labels = self._labels(together)
        return _Changed(draws, labels, self._features(together, draws, labels))

    def longest_seconds(self, seconds: float) -> float:
        """Return how long a clip of some length may become."""
        for one in self.augmentations:
            if one.probability and one.name == "join":
                seconds = max(seconds, _most(one, "longest") / 1000)
        for one in self.augmentations:
            if one.probability and one.name in ("speed", "tempo"):
                factor = one.ranges["factor"]
                slowest = max(0.1, min(factor.start, factor.end) - factor.r)
                seconds /= min(1.0, slowest)
        return seconds

    def _draw(self, clip: Clip, moment: Moment) -> tuple[Draw, ...]:
        # What a clip is and not where it lies: a run goes on the same elsewhere.
        who = (clip.transcript, clip.duration_seconds, clip.size_bytes)

        def draw(moment: Moment) -> tuple[Draw, ...]:
            return draw_augmentations(
                self.augmentations, moment.clock, self.seed, moment.epoch, *who
            )

        drawn = draw(moment)
        if not self.variants or not moment.reuses:
            return drawn
        turn = moment.epoch % self.variants
        early = draw(Moment(turn, turn / self.variants))
        return (*within(early, *_BEFORE_THE_MODEL), *within(drawn, HIDDEN))

    def _version(self, draws: Sequence[Sequence[Draw]], moment: Moment, view: int) -> int | None:
        if not any(within(drawn, *_BEFORE_THE_MODEL) for drawn in draws):
            return 0
        if not self.variants or not moment.reuses:
            return None
        turn = moment.epoch % self.variants
        differs = any(within(drawn, FEATURES) for drawn in draws)
        return 1 + turn + self.variants * view * differs

    def _joined(self, clip: Clip, draws: Sequence[Draw]) -> list[tuple[Clip, float]]:
        """Return the clips that are spoken as one, each with the seconds of silence before it."""
        together = [(clip, 0.0)]
        if not clip.transcript:  # what is said in it would be that of the others
            return together
        for draw in within(draws, CLIPS):
            values = draw.values()
            gap_seconds = values.pick("gap") / 1000
            left_seconds = values.pick("longest") / 1000 - clip.duration_seconds
            for _ in range(values.count("n") - 1):
                other = self.clips[int(values.chance.integers(len(self.clips)))]
                left_seconds -= gap_seconds + other.duration_seconds
                if left_seconds < 0:
                    break
                together.append((other, gap_seconds))
        return together

    def _labels(self, together: Sequence[tuple[Clip, float]]) -> list[int]:
        alphabet = self.loader.alphabet
        between = "" if alphabet.unknown_characters(" ") else " "
        return list(alphabet.encode(between.join(clip.transcript for clip, _ in together)))

    def _features(
        self, together: Sequence[tuple[Clip, float]], draws: Sequence[Draw], labels: Sequence[int]
    ) -> Features:
        if not within(draws, *_BEFORE_FEATURES):
            return self.loader.store(together[0][0])
        rate_hz = self._front_end.sample_rate_hz
        needed = frames_needed(labels)

        def fits(frames: int) -> bool:
            return self.output_length(frames) >= needed

        samples = self._samples(together)
        recording = Recording(
            rate_hz, lambda count: fits(self._front_end.frame_count(count)), self.sources
        )
        samples = change_samples(samples, within(draws, SAMPLES, SIGNAL), recording)
        of_spectrum = within(draws, SPECTROGRAM)
        if isinstance(self._front_end, Waveform):
            samples = change_like_spectrogram(samples, of_spectrum, recording)
            of_spectrum = ()
        # Some front ends put several frames of the spectrum into one.
        stacked = self._front_end.stacked if isinstance(self._front_end, Fbank) else 1
        spectrum = Spectrum(
            1000 * self._front_end.step_seconds / stacked, lambda frames: fits(frames // stacked)
        )
        extract = self._front_end.extractor(
            np,
            on_power=(lambda power: change_spectrum(power, of_spectrum, spectrum))
            if of_spectrum
            else None,
        )
        features: Features = extract(samples)
        return features

    def _samples(self, together: Sequence[tuple[Clip, float]]) -> NDArray[np.float32]:
        rate_hz = self._front_end.sample_rate_hz
        pieces = []
        for clip, gap_seconds in together:
            if gap_seconds:
                pieces.append(np.zeros(int(gap_seconds * rate_hz), np.float32))
            pieces.append(self.loader.store.samples(clip))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _of_view(draws: tuple[Draw, ...], view: int) -> tuple[Draw, ...]:
    """Return the draws of another view: the same changes, with values of their own."""
    if view == 0:
        return draws
    return tuple(replace(draw, key=f"{draw.key}\0view {view}") for draw in draws)


def _most(one: Augmentation, name: str) -> float:
    value = one.ranges[name]
    return max(value.start, value.end) + value.r
