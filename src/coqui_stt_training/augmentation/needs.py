"""Requirements of augmentations: optional libraries, and compatible front ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from stt.frontends import FrontEnd
from stt.frontends.waveform import Waveform

from .kinds import FEATURES, SPECTROGRAM
from .specification import Augmentation

# The library that each kind needs, and the extra that installs it.
_LIBRARIES = {"codec": ("av", "augment"), "room": ("pyroomacoustics", "augment")}
_STRETCH = ("python_stretch", "augment")
_BANDS = ("frequency_mask", "specaugment", "specaugment-lowresource")


def find_problems(augmentations: Sequence[Augmentation], front_end: FrontEnd) -> Iterator[str]:
    """Yield an error message for each unmet requirement."""
    on_samples = isinstance(front_end, Waveform)
    for one in augmentations:
        library = None if one.texts.get("source") else _LIBRARIES.get(one.name)
        if on_samples and one.name in ("pitch", "tempo"):
            library = _STRETCH
        if library and find_spec(library[0]) is None:
            yield (
                f"--augment {one.name}: needs the package {library[0]}; install it with: pip "
                f"install coqui-stt[{library[1]}]"
            )
        if on_samples and one.name == "warp":
            yield (
                "--augment warp: warps a spectrogram, but the model takes samples; use tempo or "
                "speed instead"
            )
        if on_samples and one.name in _BANDS and one.domain == FEATURES:
            yield (
                f"--augment {one.name}: the model takes samples, which have no bands to mask; use "
                "domain=hidden instead" + (f" or {SPECTROGRAM}" * (one.name == "frequency_mask"))
            )
