"""The interface of front ends: a description, and the function from samples to features.

The description is a frozen dataclass of plain values; checkpoints and exported models store it. The
function takes NumPy arrays or PyTorch tensors, and computes the same values for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from typing import Any, ClassVar, Protocol

from ..plain_values import restore

# kind -> module and class, imported on first use.
_HOMES = {
    "mfcc": "mfcc_config:FeatureConfig",
    "log_mel": "log_mel:LogMel",
    "normalized_log_mel": "normalized_log_mel:NormalizedLogMel",
    "causal_log_mel": "causal_log_mel:CausalLogMel",
    "fbank": "fbank:Fbank",
    "waveform": "waveform:Waveform",
}

_LARGEST_VALUE = 1 << 20  # of any number in a description: Hz, widths, milliseconds


PowerChange = Callable[[Any], Any]


class FrontEnd(Protocol):
    """Describes the input of an acoustic model: a frozen, hashable dataclass of JSON values."""

    kind: ClassVar[str]

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the audio."""
        ...

    @property
    def values(self) -> int:
        """Number of values of one frame."""
        ...

    @property
    def step_seconds(self) -> float:
        """Time from the start of one frame to that of the next."""
        ...

    def frame_count(self, sample_count: int) -> int:
        """Return the number of frames of `sample_count` samples."""
        ...

    def extractor(
        self, backend: Any, device: Any = None, on_power: PowerChange | None = None
    ) -> Callable[[Any], Any]:
        """Return the function from samples to features.

        Args:
            backend: module of the function's arrays: `numpy` or `torch`.
            device: device of the tensors, if `backend` is `torch`.
            on_power: function that changes the power spectrum `[frames, bins]` before features are
                computed from it. It may change the number of frames.

        Raises:
            FrontEndError: `on_power` is given, but the front end has no power spectrum.

        Returns:
            A function of one clip, from float32 `[samples]` to float32 `[frames, values]`.
        """
        ...


def describe_front_end(front_end: FrontEnd) -> dict[str, Any]:
    """Return a front end as JSON values; the inverse of `restore_front_end`."""
    return {"kind": front_end.kind, **asdict(front_end)}  # type: ignore[call-overload]


def restore_front_end(description: Mapping[str, Any]) -> FrontEnd:
    """Return the front end described by JSON values.

    Args:
        description: result of `describe_front_end`. In old files the kind is missing; it is MFCC.

    Raises:
        ValueError: the kind is unknown, or a value is out of range.
        TypeError: a name is unknown, or a value has another type.
    """
    if not isinstance(description, Mapping):
        raise TypeError(f"a front end is described by {description!r:.80}")
    values = dict(description)
    kind = values.pop("kind", "mfcc")
    if not isinstance(kind, str) or kind not in _HOMES:
        raise ValueError(f"unknown front end {str(kind)[:80]!r}; known are {', '.join(_HOMES)}")
    module, name = _HOMES[kind].split(":")
    home = getattr(import_module(f".{module}", __package__), name)
    front_end: FrontEnd = restore(home, values, _LARGEST_VALUE)
    return front_end
