"""The parameters of MFCC features.

NumPy is not imported before features are computed, so that `--help` is fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import FrontEndError
from .front_end import PowerChange

if TYPE_CHECKING:
    from .mfcc import Mfcc

MFCC_COEFFICIENTS = 26


@dataclass(frozen=True)
class FeatureConfig:
    """Parameters of MFCC features.

    Attributes:
        sample_rate_hz: sample rate of the audio.
        window_milliseconds: length of one frame (`--feature_win_len`).
        step_milliseconds: time from the start of one frame to the next (`--feature_win_step`).

    Raises:
        FrontEndError: a value is not a positive integer, or the window or step is not a whole
            number of samples.
    """

    kind: ClassVar[str] = "mfcc"

    sample_rate_hz: int = 16000
    window_milliseconds: int = 32
    step_milliseconds: int = 20

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) is not int or value <= 0:
                raise FrontEndError(f"{name} is {value!r}; it must be a positive whole number")
        for name in ("window_milliseconds", "step_milliseconds"):
            samples = getattr(self, name) * self.sample_rate_hz / 1000
            if samples % 1:
                raise FrontEndError(
                    f"{name} {getattr(self, name)} at sample_rate_hz {self.sample_rate_hz} is "
                    f"{samples} samples; it must be a whole number, so change one of the two"
                )

    @property
    def values(self) -> int:
        """Number of values of one frame."""
        return MFCC_COEFFICIENTS

    def extractor(
        self, backend: Any, device: Any = None, on_power: PowerChange | None = None
    ) -> Mfcc:
        """Return the function from samples to features; see `FrontEnd.extractor`."""
        from .mfcc import Mfcc

        return Mfcc(self, backend, device, on_power)

    @property
    def window_samples(self) -> int:
        """Number of samples of one frame."""
        return self.window_milliseconds * self.sample_rate_hz // 1000

    @property
    def step_samples(self) -> int:
        """Number of samples from the start of one frame to that of the next."""
        return self.step_milliseconds * self.sample_rate_hz // 1000

    @property
    def step_seconds(self) -> float:
        """Time from the start of one frame to that of the next."""
        return self.step_milliseconds / 1000

    @property
    def fft_length(self) -> int:
        """Smallest power of two that is at least the length of a frame."""
        return 1 << (self.window_samples - 1).bit_length()

    def frame_count(self, sample_count: int) -> int:
        """Number of complete frames in `sample_count` samples."""
        if sample_count < self.window_samples:
            return 0
        return 1 + (sample_count - self.window_samples) // self.step_samples

    def sample_count(self, frame_count: int) -> int:
        """Smallest number of samples that has `frame_count` complete frames."""
        return (
            0 if frame_count == 0 else self.window_samples + (frame_count - 1) * self.step_samples
        )
