"""The flags about the architecture and sizes of a model that is trained from scratch."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import FlagError
from .flags import at_most, flag, positive

DEEPSPEECH, STREAMING = "deepspeech", "streaming_conformer"
FRAME_MILLISECONDS = (20, 40, 80)


@dataclass(frozen=True)
class GeometryFlags:
    """Model architecture (for training from scratch)."""

    architecture: str = flag(
        DEEPSPEECH,
        "model to train from scratch: DeepSpeech, which exports to .tflite for all clients, or a "
        "small causal Conformer that works on chunks of audio and needs more than minutes of "
        "speech",
        choices=(DEEPSPEECH, STREAMING),
    )
    n_hidden: int = flag(2048, "width of DeepSpeech's layers", check=positive)
    layer_norm: bool = flag(False, "layer normalization after dense layers 1, 2, 3 and 5")
    relu_clip: float = flag(20.0, "upper bound of the activations of dense layers", check=positive)
    encoder_width: int = flag(
        144, f"width of the blocks of --architecture {STREAMING}", check=at_most(1 << 14)
    )
    encoder_blocks: int = flag(8, "number of blocks", check=at_most(1 << 8))
    encoder_heads: int = flag(4, "attention heads in each block", check=at_most(1 << 8))
    frame_milliseconds: int = flag(
        40, "duration of an output frame; each frame writes at most one character", check=positive
    )
    chunk_milliseconds: int = flag(
        320, "chunk length, which is also the latency of live transcription", check=positive
    )
    left_milliseconds: int = flag(2560, "attention context to the left of a chunk", check=positive)

    def __post_init__(self) -> None:
        problems = []
        if self.encoder_width % self.encoder_heads:
            problems.append(
                f"--encoder_width {self.encoder_width} must be a multiple of --encoder_heads "
                f"{self.encoder_heads}"
            )
        if self.frame_milliseconds not in FRAME_MILLISECONDS:
            known = ", ".join(map(str, FRAME_MILLISECONDS))
            problems.append(
                f"--frame_milliseconds {self.frame_milliseconds}: must be one of {known}"
            )
        for name in ("chunk_milliseconds", "left_milliseconds"):
            if getattr(self, name) % self.frame_milliseconds:
                problems.append(
                    f"--{name} {getattr(self, name)}: must be a multiple of --frame_milliseconds "
                    f"{self.frame_milliseconds}"
                )
        if problems:
            raise FlagError("; ".join(problems))
