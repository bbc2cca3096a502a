import numpy as np
from numpy.typing import NDArray

class Int8Matrix:
    def __init__(self, rows: int, columns: int) -> None: ...
    def fill(self, first: int, weights: NDArray[np.int8]) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...

def multiply_int8(
    weights: Int8Matrix | NDArray[np.int8],
    scale: float,
    x: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    peaks: NDArray[np.float32] | None,
    addends: NDArray[np.int32] | None,
    threads: int,
) -> NDArray[np.float32]: ...
def sum_int8(
    weights: Int8Matrix | NDArray[np.int8],
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
def lstm_int8(
    x_weights: Int8Matrix,
    h_weights: Int8Matrix,
    scale: float,
    bias: NDArray[np.float32] | None,
    x: NDArray[np.float32],
    h: NDArray[np.float32],
    c: NDArray[np.float32],
    threads: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
def lstm_float(
    x_weights: NDArray[np.float32],
    h_weights: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    x: NDArray[np.float32],
    h: NDArray[np.float32],
    c: NDArray[np.float32],
    threads: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
def hyperbolic_tangent(x: NDArray[np.float32]) -> NDArray[np.float32]: ...
def logistic(x: NDArray[np.float32]) -> NDArray[np.float32]: ...
def int8_kernels() -> list[str]: ...
def use_int8_kernel(name: str) -> None: ...
def float_kernels() -> list[str]: ...
def use_float_kernel(name: str) -> None: ...
def activation_kernels() -> list[str]: ...
def use_activation_kernel(name: str) -> None: ...
