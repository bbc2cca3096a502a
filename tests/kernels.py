"""Choosing the native kernels, so that tests reach those that this processor would pass over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from coqui_stt_ctcdecoder import _native as decoder
from stt import _native as runtime


@dataclass(frozen=True)
class Kernels:
    """Implementations of the same arithmetic.

    Attributes:
        names: what this processor runs, fastest first.
        use: runs another one from now on.
    """

    names: Callable[[], list[str]]
    use: Callable[[str], None]

    @contextmanager
    def using(self, name: str) -> Iterator[None]:
        """Use the kernel of this name for a while."""
        self.use(name)
        try:
            yield
        finally:
            self.use(self.names()[0])


DECODER = Kernels(decoder.kernels, decoder.use_kernel)
INT8 = Kernels(runtime.int8_kernels, runtime.use_int8_kernel)
FLOAT = Kernels(runtime.float_kernels, runtime.use_float_kernel)
