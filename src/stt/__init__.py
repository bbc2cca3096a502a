"""The runtime: speech to text with a trained model, without PyTorch.

Names, defaults and units are those of upstream's `stt` package; every method also has a name in
snake case.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .installation import OWN_DISTRIBUTION, warn_of_foreign_distributions

if TYPE_CHECKING:
    from .errors import (
        AudioBufferError,
        ErrorCode,
        HotWordError,
        ModelError,
        ScorerNotEnabledError,
        StreamError,
        SttError,
    )
    from .metadata import CandidateTranscript, Metadata, TokenMetadata
    from .model import Model
    from .stream import Stream

DISTRIBUTION = OWN_DISTRIBUTION  # `installation.py` reads it to recognise files of other packages

__all__ = [
    "AudioBufferError",
    "CandidateTranscript",
    "ErrorCode",
    "HotWordError",
    "Metadata",
    "Model",
    "ModelError",
    "ScorerNotEnabledError",
    "Stream",
    "StreamError",
    "SttError",
    "TokenMetadata",
    "version",
]

_HOMES = {"Model": "model", "Stream": "stream"} | dict.fromkeys(
    ("CandidateTranscript", "Metadata", "TokenMetadata"), "metadata"
)


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that importing only `stt.errors` is fast."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)
    globals()[name] = found
    return found


def version() -> str:
    """Return the version of this package."""
    from importlib import metadata  # imported late: it is slower to import than this package

    try:
        return metadata.version("coqui-stt")
    except metadata.PackageNotFoundError:  # run from sources without installation
        return "0.0.0"


warn_of_foreign_distributions(Path(__file__).parents[1])
