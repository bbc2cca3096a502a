import numpy as np
from numpy.typing import NDArray

def multiply_int8(
    weights: NDArray[np.int8],
    scale: float,
    x: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    peaks: NDArray[np.float32] | None,
    addends: NDArray[np.int32] | None,
    threads: int,
) -> NDArray[np.float32]: ...
def sum_int8(
    weights: NDArray[np.int8],
    x: NDArray[np.float32],
    peaks: NDArray[np.float32] | None,
    threads: int,
) -> NDArray[np.int32]: ...
def multiply_float(
    weights: NDArray[np.float32],
    x: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    threads: int,
) -> NDArray[np.float32]: ...
def hyperbolic_tangent(x: NDArray[np.float32]) -> NDArray[np.float32]: ...
def logistic(x: NDArray[np.float32]) -> NDArray[np.float32]: ...
def int8_kernels() -> list[str]: ...
def use_int8_kernel(name: str) -> None: ...
def float_kernels() -> list[str]: ...
def use_float_kernel(name: str) -> None: ...
