from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

kernel: str

class Scorer:
    def __init__(
        self, path: str, labels: list[bytes], space: int, is_bytes: bool, alphabet_hash: bytes
    ) -> None: ...
    @property
    def is_utf8(self) -> bool: ...
    @property
    def order(self) -> int: ...
    @property
    def alpha(self) -> float: ...
    @property
    def beta(self) -> float: ...
    @property
    def has_alphabet_hash(self) -> bool: ...
    @property
    def parameters_offset(self) -> int: ...
    def knows(self, word: bytes) -> bool: ...
    def spells(self, labels: Sequence[int]) -> bool: ...
    def log_cond_prob(self, words: Sequence[bytes], from_start: bool) -> float: ...

class HotPhrase:
    def __init__(self, labels: Sequence[int], boost: float) -> None: ...

class DecoderOptions:
    classes: int
    blank: int
    beam_size: int
    cutoff_prob: float
    cutoff_top_n: int
    alpha: float
    beta: float
    ignored: list[bool]
    hot_words: Sequence[tuple[bytes, float]]
    hot_phrases: list[HotPhrase]
    space: int
    is_bytes: bool

class Hypothesis:
    @property
    def confidence(self) -> float: ...
    @property
    def tokens(self) -> list[int]: ...
    @property
    def timesteps(self) -> list[int]: ...

class BeamSearch:
    def __init__(self, options: DecoderOptions, scorer: Scorer | None) -> None: ...
    @property
    def frames(self) -> int: ...
    def feed(self, probs: NDArray[np.float32] | NDArray[np.float64], classes: int) -> None: ...
    def decode(self, num_results: int) -> list[Hypothesis]: ...
    def copy(self) -> BeamSearch: ...

def decode_batch(
    probs: NDArray[np.float32] | NDArray[np.float64],
    lengths: Sequence[int],
    options: DecoderOptions,
    scorer: Scorer | None,
    num_results: int,
    threads: int,
) -> list[list[Hypothesis]]: ...
