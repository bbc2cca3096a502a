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
