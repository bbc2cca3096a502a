"""The C++ module, or an error that says how to get it."""

from __future__ import annotations

import sys

from .errors import NotBuiltError

try:
    from . import _native
except ImportError as error:
    # Absent, there is nothing to add; present and broken, the linker's words help.
    reason = "" if "cannot import name" in str(error) else f" ({error})"
    raise NotBuiltError(
        "the C++ part of this program is not built for Python "
        f"{sys.version_info.major}.{sys.version_info.minor}{reason}; in the folder with its "
        "sources run: pip install ."
    ) from None

__all__ = ["_native"]
