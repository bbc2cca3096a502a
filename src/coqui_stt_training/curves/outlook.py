"""The curves of both error rates, and predictions for more data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..experiments.trainings import nothing_learned
from .power_law import PowerLaw, Prediction, fit, predict
from .record import CurveMeasurement

FACTORS = (1.0, 2.0, 5.0, 10.0)
_LEAST_RATE = 1e-4  # instead of 0, which no power law reaches; it means that test clips are few
_BAND_STEPS = 48
_WORTH_IT = 0.1  # relative reduction of the error with twice the data


@dataclass(frozen=True)
class Ahead:
    """Predicted error rates with a multiple of the data."""

    factor: float
    cer: Prediction
    wer: Prediction


@dataclass(frozen=True)
class Outlook:
    """Conclusions from the measurements.

    Attributes:
        cer: curve of the character error rate by number of clips.
        wer: curve of the word error rate by number of clips.
        ahead: predictions for more data.
        band: curve of the CER with its interval, over all amounts of data.
        level: probability that an interval contains the next training.
        seconds_a_clip: mean length of the clips.
    """

    cer: PowerLaw
    wer: PowerLaw
    ahead: tuple[Ahead, ...]
    band: tuple[Prediction, ...]
    level: float
    seconds_a_clip: float

    @property
    def verdict(self) -> str:
        """The conclusion in a sentence."""
        now, twice = self.ahead[0].cer, self.ahead[1].cer
        if message := nothing_learned(now.error, "what more data would give"):
            return message
        gain = 1 - twice.error / now.error
        if twice.high < now.error and gain >= _WORTH_IT:
            return f"More data is worth it: twice as much reduces the CER by about {gain:.0%}."
        if gain >= _WORTH_IT:
            return (
                "More data is probably worth it: twice as much reduces the CER by about "
                f"{gain:.0%}, but the intervals are wide; more --seeds make them narrower."
            )
        return (
            "More of the same data helps little: twice as much reduces the CER by about "
            f"{max(gain, 0.0):.0%}. Different speech, a better source or another recipe may help "
            "more."
        )

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "law": "error = a + b * clips ** -c",
            "cer": asdict(self.cer),
            "wer": asdict(self.wer),
            "interval": self.level,
            "seconds_a_clip": round(self.seconds_a_clip, 3),
            "predictions": [asdict(one) for one in self.ahead],
            "verdict": self.verdict,
        }


def look_ahead(
    measured: Sequence[CurveMeasurement], clips: int, seconds_a_clip: float, level: float
) -> Outlook:
    """Fit curves to measurements, and predict the error rates with more data.

    Args:
        measured: measurements on at least three different parts of the data.
        clips: number of clips in all the data.
        seconds_a_clip: mean length of the clips.
        level: probability that an interval contains the next training.
    """
    amounts = [float(one.clips) for one in measured]
    cers = [max(one.cer, _LEAST_RATE) for one in measured]
    wers = [max(one.wer, _LEAST_RATE) for one in measured]
    wanted = [factor * clips for factor in FACTORS]
    ahead = zip(
        FACTORS,
        predict(amounts, cers, wanted, level=level),
        predict(amounts, wers, wanted, level=level),
        strict=True,
    )
    least, most = min(amounts), FACTORS[-1] * clips
    grid = [least * (most / least) ** (step / _BAND_STEPS) for step in range(_BAND_STEPS + 1)]
    return Outlook(
        fit(amounts, cers),
        fit(amounts, wers),
        tuple(Ahead(factor, cer, wer) for factor, cer, wer in ahead),
        tuple(predict(amounts, cers, grid, level=level)),
        level,
        seconds_a_clip,
    )
