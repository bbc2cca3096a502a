"""The flags of feature extraction."""

from __future__ import annotations

from dataclasses import dataclass

from stt.errors import FrontEndError
from stt.frontends.mfcc_config import FeatureConfig

from ..errors import FlagError
from .flags import flag, positive

# The flag for each attribute of `FeatureConfig`.
FEATURE_FLAGS = {
    "sample_rate_hz": "audio_sample_rate",
    "window_milliseconds": "feature_win_len",
    "step_milliseconds": "feature_win_step",
}


@dataclass(frozen=True)
class AudioFlags:
    """Features (for TensorFlow checkpoints, which do not store them)."""

    audio_sample_rate: int = flag(16000, "sample rate in Hz that the model expects", check=positive)
    feature_win_len: int = flag(32, "feature window length in milliseconds", check=positive)
    feature_win_step: int = flag(20, "step between feature windows in milliseconds", check=positive)

    def __post_init__(self) -> None:
        self.to_config()

    def to_config(self) -> FeatureConfig:
        """Return the feature configuration.

        Raises:
            FlagError: a value is invalid; the message names the flag.
        """
        return features_of(self.audio_sample_rate, self.feature_win_len, self.feature_win_step)


@dataclass(frozen=True)
class FeatureFlags(AudioFlags):
    """Features."""

    normalize_sample_rate: bool = flag(
        True, "resample audio that has another sample rate; false: report such clips as bad rows"
    )


def features_of(
    sample_rate_hz: int, window_milliseconds: int, step_milliseconds: int
) -> FeatureConfig:
    """Return the feature configuration for the values of the flags.

    Raises:
        FlagError: the values are invalid; the message names the flags.
    """
    try:
        return FeatureConfig(sample_rate_hz, window_milliseconds, step_milliseconds)
    except FrontEndError as error:
        text = str(error)
        for name, flag_name in FEATURE_FLAGS.items():
            text = text.replace(name, f"--{flag_name}")
        raise FlagError(text) from None
