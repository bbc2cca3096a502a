"""The flags of a model that is trained from scratch: its architecture and its sizes."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import FlagError
from .flags import at_most, flag, positive

DEEPSPEECH, STREAMING = "deepspeech", "streaming_conformer"
FRAME_MILLISECONDS = (20, 40, 80)


@dataclass(frozen=True)
class GeometryFlags:
    """Model geometry (a model to start from brings its own)."""

    architecture: str = flag(
        DEEPSPEECH,
        "of a model from scratch: that of DeepSpeech, which exports to .tflite for every client, "
        "or a small causal Conformer that hears in chunks, for which minutes of speech are too few",
        choices=(DEEPSPEECH, STREAMING),
    )
    n_hidden: int = flag(2048, "width of the layers", check=positive)
    layer_norm: bool = flag(False, "layer normalisation after the dense layers 1, 2, 3 and 5")
    relu_clip: float = flag(20.0, "upper bound of the dense layers' activations", check=positive)
    encoder_width: int = flag(
        144, f"width of the blocks of --architecture {STREAMING}", check=at_most(1 << 14)
    )
    encoder_blocks: int = flag(8, "how many of them", check=at_most(1 << 8))
    encoder_heads: int = flag(4, "attention heads of each", check=at_most(1 << 8))
    frame_milliseconds: int = flag(
        40, "of a frame of its output; a frame writes one character at most", check=positive
    )
    chunk_milliseconds: int = flag(
        320, "that it hears at a time; a live stream is so much late", check=positive
    )
    left_milliseconds: int = flag(
        2560, "before a chunk that its attention looks at", check=positive
    )

    def __post_init__(self) -> None:
        problems = []
        if self.encoder_width % self.encoder_heads:
            problems.append(
                f"--encoder_width {self.encoder_width} cannot be shared among --encoder_heads "
                f"{self.encoder_heads}"
            )
        if self.frame_milliseconds not in FRAME_MILLISECONDS:
            known = ", ".join(map(str, FRAME_MILLISECONDS))
            problems.append(f"--frame_milliseconds {self.frame_milliseconds}: {known} are possible")
        for name in ("chunk_milliseconds", "left_milliseconds"):
            if getattr(self, name) % self.frame_milliseconds:
                problems.append(
                    f"--{name} {getattr(self, name)} is no multiple of --frame_milliseconds "
                    f"{self.frame_milliseconds}"
                )
        if problems:
            raise FlagError("; ".join(problems))
