"""A page on which people hear and see the effect of augmentations."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..augmentation.variant import Variant
from .page import Html, document, in_script, section, tag

_STYLE = """
.clips {
  display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr));
}
.clips figure { margin: 0; }
.clips img { width: 100%; height: 10rem; display: block; }
.clips audio { width: 100%; margin-top: .4rem; }
.clips figcaption { font-size: .9rem; overflow-wrap: anywhere; margin-bottom: .4rem; }
"""
_MOST_WIDE = 1200


@dataclass(frozen=True)
class Preview:
    """A recording and its augmented variants.

    Attributes:
        name: name of the recording.
        original: variant without augmentation.
        variants: augmented variants.
    """

    name: str
    original: Variant
    variants: tuple[Variant, ...]


def preview_page(previews: Sequence[Preview], asked: Sequence[str], rate_hz: int) -> str:
    """Return the HTML page.

    Args:
        previews: preview of each recording.
        asked: augmentations, in the syntax of `--augment`.
        rate_hz: sample rate of the audio.
    """
    sections = []
    for number, preview in enumerate(previews):
        reach = _reach(preview.original.bands)
        shown = [_figure("original", preview.original, reach, rate_hz)]
        for variant in preview.variants:
            names = ", ".join(draw.augmentation.name for draw in variant.draws)
            shown.append(_figure(names or "nothing applied", variant, reach, rate_hz))
        sections.append(
            section(in_script(preview.name), tag("div", *shown, class_="clips"),
                    anchor=f"clip-{number}")
        )  # fmt: skip
    return document(
        "Augmentation",
        sections,
        subtitle=tag("code", " ".join(asked)) if asked else "without augmentation",
        footer=(
            "Pictures show log-mel energies: frequency from bottom to top, energy from dark to "
            "bright. They also show augmentations of hidden features (domain=hidden)."
        ),
        style=_STYLE,
    )


def _reach(bands: NDArray[np.float32]) -> tuple[float, float]:
    """Return the values to show as dark and as bright."""
    return (float(bands.min()), float(bands.max())) if bands.size else (0.0, 1.0)


def _figure(title: str, variant: Variant, reach: tuple[float, float], rate_hz: int) -> Html:
    seconds = len(variant.samples) / rate_hz
    return tag(
        "figure",
        tag("figcaption", f"{title} · {seconds:.2f} s"),
        tag("img", src=_picture(variant.bands, reach), alt=f"Spectrogram, {title}"),
        tag("audio", controls=True, preload="metadata", src=_sound(variant.samples, rate_hz)),
    )


def _picture(bands: NDArray[np.float32], reach: tuple[float, float]) -> str:
    """Return a PNG of `[frames, bands]` as a data URL."""
    from matplotlib import image  # takes a moment to import

    file = io.BytesIO()
    step = max(1, -(-len(bands) // _MOST_WIDE))
    shown = bands[::step].T[::-1] if bands.size else np.zeros((1, 1), np.float32)
    low, high = reach
    image.imsave(file, shown, vmin=low, vmax=max(high, low + 1e-6), cmap="magma", format="png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _sound(samples: NDArray[np.float32], rate_hz: int) -> str:
    """Return a WAV file as a data URL."""
    file = io.BytesIO()
    soundfile.write(file, samples.clip(-1, 1), rate_hz, format="WAV", subtype="PCM_16")
    return f"data:audio/wav;base64,{base64.b64encode(file.getvalue()).decode()}"
