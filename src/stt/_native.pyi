import numpy as np
from numpy.typing import NDArray

def multiply(
    weights: NDArray[np.int8],
    scale: float,
    x: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    threads: int,
) -> NDArray[np.float32]: ...
def kernels() -> list[str]: ...
def use_kernel(name: str) -> None: ...
