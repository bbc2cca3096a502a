import numpy as np
from numpy.typing import NDArray

def multiply_int8(
    weights: NDArray[np.int8],
    scale: float,
    x: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    peaks: NDArray[np.float32] | None,
    threads: int,
) -> NDArray[np.float32]: ...
def multiply_float(
    weights: NDArray[np.float32],
    x: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    threads: int,
) -> NDArray[np.float32]: ...
def int8_kernels() -> list[str]: ...
def use_int8_kernel(name: str) -> None: ...
def float_kernels() -> list[str]: ...
def use_float_kernel(name: str) -> None: ...
