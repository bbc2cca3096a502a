"""Front ends: compute the input of an acoustic model from samples. Each is defined once."""

from __future__ import annotations

from .front_end import FrontEnd, describe_front_end, restore_front_end

__all__ = ["FrontEnd", "describe_front_end", "restore_front_end"]
