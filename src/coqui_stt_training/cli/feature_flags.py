"""The flags that say what a model hears of audio."""

from __future__ import annotations

from dataclasses import dataclass

from stt.errors import FrontEndError
from stt.frontends.mfcc_config import FeatureConfig

from ..errors import FlagError
from .flags import flag, positive

# The flags that say each value of `FeatureConfig`.
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
        """Return the feature definition these flags ask for.

        Raises:
            FlagError: a window or step is no whole number of samples.
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
    """Return features by the values of their flags.

    Raises:
        FlagError: they are impossible; names the flags.
    """
    try:
        return FeatureConfig(sample_rate_hz, window_milliseconds, step_milliseconds)
    except FrontEndError as error:
        text = str(error)
        for name, flag_name in FEATURE_FLAGS.items():
            text = text.replace(name, f"--{flag_name}")
        raise FlagError(text) from None
