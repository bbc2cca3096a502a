"""Choosing the native kernels, so that tests reach those that this processor would pass over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def kernel_in_use(module: ModuleType, name: str) -> Iterator[None]:
    """Let a native module use the kernel of this name for a while."""
    module.use_kernel(name)
    try:
        yield
    finally:
        module.use_kernel(module.kernels()[0])
