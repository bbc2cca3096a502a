"""Imports the C++ module, or raises an error that says how to build it."""

from __future__ import annotations

import sys

from .errors import NotBuiltError

try:
    from . import _native
except ImportError as error:
    # If the module exists but cannot be loaded, the linker's message says why.
    reason = "" if "cannot import name" in str(error) else f" ({error})"
    raise NotBuiltError(
        "the C++ part of this program is not built for Python "
        f"{sys.version_info.major}.{sys.version_info.minor}{reason}; in the folder with its "
        "sources run: pip install ."
    ) from None

__all__ = ["_native"]
