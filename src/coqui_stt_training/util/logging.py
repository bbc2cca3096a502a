"""The logging functions of early releases. As in later releases, they are in `util.config`."""

from __future__ import annotations

from .config import (
    create_progressbar,
    log_debug,
    log_error,
    log_info,
    log_progress,
    log_warn,
    prefix_print,
)

__all__ = [
    "create_progressbar",
    "log_debug",
    "log_error",
    "log_info",
    "log_progress",
    "log_warn",
    "prefix_print",
]
