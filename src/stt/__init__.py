"""The runtime: speech to text with a trained model, without PyTorch.

Names, defaults and units are those of upstream's `stt` package; every method also has a name in
snake case.
"""

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


def version() -> str:
    """Return the version of this package."""
    from importlib import metadata  # late: it takes longer to import than all of this package

    try:
        return metadata.version("coqui-stt")
    except metadata.PackageNotFoundError:  # run from a source tree that was never installed
        return "0.0.0"
