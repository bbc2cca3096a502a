"""The C++ module, or an error that says how to get it."""

from __future__ import annotations

import sys

from .errors import NotBuiltError

try:
    from . import _native
except ImportError as error:
    raise NotBuiltError(
        "the C++ part of this program is not there for Python "
        f"{sys.version_info.major}.{sys.version_info.minor} ({error}); in the folder with its "
        "sources run: pip install ."
    ) from None

__all__ = ["_native"]
