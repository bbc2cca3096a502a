"""Small models of every architecture in all its variants, with clips for each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from coqui_stt_training.models.acoustic_model import AcousticModel, build
from coqui_stt_training.models.conformer.specification import ConformerEncoder
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.models.specification import Specification
from coqui_stt_training.models.streaming.specification import StreamingEncoder
from coqui_stt_training.models.wav2vec2.specification import Wav2Vec2Encoder
from coqui_stt_training.models.whisper.specification import WhisperEncoder

CLASSES = 5


@dataclass(frozen=True)
class Example:
    """A model and the sizes of its test clips.

    Attributes:
        specification: specification of the model.
        values: number of values in an input frame.
        frames: number of input frames of each clip, longest first; the last clip is the shortest
            that gives an output frame.
    """

    specification: Specification
    values: int
    frames: tuple[int, ...]

    def model(self, seed: int = 1) -> AcousticModel:
        """Return the model with random weights, in evaluation mode."""
        model = build(self.specification).eval()
        model.initialize(seed)
        return model

    def clips(self) -> list[Tensor]:
        """Return random clips, `[frames, values]` each."""
        generator = torch.Generator().manual_seed(0)
        return [torch.randn(count, self.values, generator=generator) for count in self.frames]

    def batch(self, more: int = 0) -> tuple[Tensor, Tensor]:
        """Return the clips, padded to `more` frames beyond the longest, and their lengths."""
        batch = torch.zeros(len(self.frames), max(self.frames) + more, self.values)
        for row, clip in zip(batch, self.clips(), strict=True):
            row[: len(clip)] = clip
        return batch, torch.tensor(self.frames)


def _wav2vec2(**parameters: object) -> Example:
    small = {
        "n_classes": CLASSES, "channels": (6, 6, 8), "kernels": (10, 3, 2), "strides": (5, 2, 2),
        "width": 12, "attention_heads": 2, "blocks": 3, "mlp_width": 20,
        "position_kernel": 6, "position_groups": 3,
    }  # fmt: skip
    specification = Wav2Vec2Encoder(**{**small, **parameters})  # type: ignore[arg-type]
    return Example(specification, 1, (400, 333, 87, 30))


def _whisper(**parameters: object) -> Example:
    small = {
        "n_classes": CLASSES, "mel_channels": 8, "width": 12, "attention_heads": 2, "blocks": 3,
        "positions": 8,
    }  # fmt: skip
    specification = WhisperEncoder(**{**small, **parameters})  # type: ignore[arg-type]
    # Clips of up to 16 frames fit into the 8 positions; longer ones are processed in pieces.
    return Example(specification, 8, (41, 25, 24, 17, 16, 13, 1))


def _conformer(**parameters: object) -> Example:
    small = {
        "n_classes": CLASSES, "mel_channels": 8, "reduction": 4, "stem_channels": 6, "width": 12,
        "attention_heads": 2, "blocks": 3, "mlp_width": 20, "kernel": 5,
    }  # fmt: skip
    specification = ConformerEncoder(**{**small, **parameters})  # type: ignore[arg-type]
    return Example(specification, specification.front_end.values, (50, 41, 17, 4, 1))


def _streaming(**parameters: object) -> Example:
    small = {
        "n_classes": CLASSES, "mel_channels": 8, "reduction": 4, "stem_channels": 6, "width": 12,
        "attention_heads": 2, "blocks": 3, "mlp_width": 20, "kernel": 5, "chunk_frames": 3,
        "left_frames": 4,
    }  # fmt: skip
    specification = StreamingEncoder(**{**small, **parameters})  # type: ignore[arg-type]
    return Example(specification, 8, (94, 57, 48, 17, specification.reduction))


_W2V_BERT = {
    "stem": "projection", "reduction": 2, "positions": "distances", "farthest_before": 6,
    "farthest_behind": 2, "convolution_norm": "layer", "causal": True, "convolution_bias": False,
    "scale_input": False,
}  # fmt: skip

EXAMPLES = {
    "deepspeech": Example(Geometry(n_hidden=8, n_classes=CLASSES), 26, (30, 17, 9, 1)),
    "deepspeech-norm": Example(
        Geometry(n_hidden=8, n_classes=CLASSES, layer_norm=True), 26, (30, 17, 9, 1)
    ),
    "whisper": _whisper(),
    "whisper-lstm": _whisper(head="lstm", head_layers=2, head_size=6),
    "whisper-mix": _whisper(head="lstm", head_size=6, head_blocks=3),
    "fastconformer": _conformer(),
    "fastconformer-lstm": _conformer(head="lstm", head_size=6, reduction=8, head_blocks=2),
    "fastconformer-without-biases": _conformer(
        bias=False, convolution_bias=False, scale_input=False, reduction=2
    ),
    "w2v-bert": _conformer(**_W2V_BERT),
    "w2v-bert-sinusoids": _conformer(**{**_W2V_BERT, "positions": "sinusoids"}),
    "streaming": _streaming(),
    "streaming-lstm": _streaming(head="lstm", head_size=6),
    "streaming-without-chunks": _streaming(chunk_frames=1, left_frames=7, reduction=2),
    "wav2vec2-base": _wav2vec2(),
    "wav2vec2-lstm": _wav2vec2(head="lstm", head_size=6, head_blocks=2),
    "mms": _wav2vec2(
        norm_first=True, convolution_norm="layer", convolution_bias=True, adapter_width=4
    ),
    "hubert": _wav2vec2(projection_norm=False, position_kernel=5),
    "wavlm-base": _wav2vec2(relative_buckets=8, relative_distance=12),
    "wavlm-large": _wav2vec2(
        relative_buckets=8, relative_distance=12, norm_first=True, convolution_norm="layer"
    ),
    "data2vec-audio": _wav2vec2(
        position_depth=3, position_norm=True, position_kernel=5, convolution_norm="layer"
    ),
}
