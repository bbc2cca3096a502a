"""Choice of the native kernels, so that tests also run those this processor would not choose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from coqui_stt_ctcdecoder import _native as decoder
from stt import _native as runtime


@dataclass(frozen=True)
class Kernels:
    """Implementations of the same arithmetic for different instruction sets.

    Attributes:
        names: function that returns the kernels this processor can run, fastest first.
        use: function that switches to the kernel of a name.
    """

    names: Callable[[], list[str]]
    use: Callable[[str], None]
    _usual: list[str] = field(default_factory=list)  # at most one name, set by `make_usual`

    def make_usual(self, name: str) -> bool:
        """Make a kernel the default of all tests; return False if this processor cannot run it."""
        if name not in self.names():
            return False
        self._usual[:] = [name]
        self.use(name)
        return True

    @contextmanager
    def using(self, name: str) -> Iterator[None]:
        """Use the kernel of this name until the context ends."""
        self.use(name)
        try:
            yield
        finally:
            self.use((self._usual or self.names())[0])


DECODER = Kernels(decoder.kernels, decoder.use_kernel)
INT8 = Kernels(runtime.int8_kernels, runtime.use_int8_kernel)
FLOAT = Kernels(runtime.float_kernels, runtime.use_float_kernel)
ACTIVATION = Kernels(runtime.activation_kernels, runtime.use_activation_kernel)
ALL = (DECODER, INT8, FLOAT, ACTIVATION)
