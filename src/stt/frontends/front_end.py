"""What a front end is to the rest: a description, and the function it describes.

A description is a frozen dataclass of plain values, which checkpoints and exported models keep. The
function runs where the samples are: on NumPy arrays or on PyTorch tensors, with the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from typing import Any, ClassVar, Protocol

from ..plain_values import restore

# The class of each kind of front end; imported when one is needed.
_HOMES = {
    "mfcc": "mfcc_config:FeatureConfig",
    "log_mel": "log_mel:LogMel",
    "normalized_log_mel": "normalized_log_mel:NormalizedLogMel",
    "causal_log_mel": "causal_log_mel:CausalLogMel",
    "fbank": "fbank:Fbank",
    "waveform": "waveform:Waveform",
}

_LARGEST_VALUE = 1 << 20  # of what describes one: rates in Hz, widths, milliseconds


PowerChange = Callable[[Any], Any]


class FrontEnd(Protocol):
    """Describes what an acoustic model takes; a frozen dataclass, hashable, of JSON values."""

    kind: ClassVar[str]

    @property
    def sample_rate_hz(self) -> int:
        """Of the audio."""
        ...

    @property
    def values(self) -> int:
        """Values of one frame."""
        ...

    @property
    def step_seconds(self) -> float:
        """From the start of one frame to that of the next."""
        ...

    def frame_count(self, sample_count: int) -> int:
        """Return the number of frames of so many samples."""
        ...

    def extractor(
        self, backend: Any, device: Any = None, on_power: PowerChange | None = None
    ) -> Callable[[Any], Any]:
        """Return the function from samples to features.

        Args:
            backend: the module whose arrays it takes and gives: `numpy` or `torch`.
            device: of the tensors, where that is `torch`.
            on_power: changes the power spectrum `[frames, bins]`, the number of frames too, before
                features are made of it; None: it stays. Samples themselves have none.

        Raises:
            FrontEndError: `on_power` where there is no spectrum.

        Returns:
            A function of one clip, float32 `[samples]` to float32 `[frames, values]`.
        """
        ...


def describe_front_end(front_end: FrontEnd) -> dict[str, Any]:
    """Return a front end as JSON values, for `restore_front_end`."""
    return {"kind": front_end.kind, **asdict(front_end)}  # type: ignore[call-overload]


def restore_front_end(description: Mapping[str, Any]) -> FrontEnd:
    """Return the front end that JSON values describe.

    Args:
        description: what `describe_front_end` gave; without a kind it is of MFCC, as all were once.

    Raises:
        ValueError: it describes none: an unknown kind, or values that are none of it.
        TypeError: names that are none of it, or values of another type.
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
