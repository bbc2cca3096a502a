"""Verification of exported files: compare their posteriors with those of the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stt.audio.file import read_audio
from stt.audio.pcm import scaled, to_pcm
from stt.frontends import FrontEnd
from stt.frontends.mfcc import Mfcc
from stt.frontends.mfcc_config import FeatureConfig

from ..corpus import Clip
from ..errors import ExportError
from ..scoring.decoding import BestPathDecoder
from ..scoring.metrics import score_sample, score_set
from .deployment import Deployment
from .encoder.deployment import EncoderDeployment

Posteriors = NDArray[np.float32]  # [frames, classes]

# Float exports differ from the checkpoint only in the order of additions: 1e-6 in practice.
FLOAT_TOLERANCE = 1e-3
# Logits of less probable classes do not affect decoding, and differ mostly by rounding.
_RELEVANT_PROBABILITY = 1e-3
_BATCH_CLIPS = 8


@dataclass(frozen=True)
class ProbeClip:
    """A clip to verify on.

    Attributes:
        samples: int16 `[samples]` at the model's sample rate.
        transcript: reference transcript, or None if unknown.
    """

    samples: NDArray[np.int16]
    transcript: str | None = None


@dataclass(frozen=True)
class Verification:
    """Differences between an exported file and its checkpoint.

    Attributes:
        file_name: name of the exported file.
        size_bytes: size of the exported file.
        checkpoint_bytes: size of the weights in the checkpoint.
        clip_count: number of clips compared.
        duration_seconds: total duration of the clips.
        logit_difference: largest difference of a log probability, where the checkpoint's
            probability is at least 0.001 or the largest of its frame.
        probability_difference: largest difference of a probability.
        frame_agreement: share of frames in which both have the same most probable class.
        checkpoint_wer: word error rate of the checkpoint's best path, None without transcripts.
        exported_wer: word error rate of the exported file's best path, None without transcripts.
    """

    file_name: str
    size_bytes: int
    checkpoint_bytes: int
    clip_count: int
    duration_seconds: float
    logit_difference: float
    probability_difference: float
    frame_agreement: float
    checkpoint_wer: float | None = None
    exported_wer: float | None = None

    def describe(self) -> str:
        """Return the comparison in one line."""
        text = (
            f"{self.file_name}: {self.size_bytes / 1e6:.2f} MB (weights of the checkpoint: "
            f"{self.checkpoint_bytes / 1e6:.2f} MB); maximum logit difference "
            f"{self.logit_difference:.2g}, probability difference "
            f"{self.probability_difference:.2g}; same best label in {self.frame_agreement:.2%} of "
            "frames"
        )
        if self.checkpoint_wer is None or self.exported_wer is None:
            return text
        change = self.exported_wer - self.checkpoint_wer
        return (
            f"{text}; WER without scorer {self.exported_wer:.4f} "
            f"(checkpoint {self.checkpoint_wer:.4f}, change {change:+.4f})"
        )


def read_probe_clips(clips: Sequence[Clip], front_end: FrontEnd) -> list[ProbeClip]:
    """Read clips of a corpus, at the sample rate of the front end.

    Raises:
        AudioError: a clip cannot be read.
    """
    return [
        ProbeClip(to_pcm(read_audio(clip.audio, front_end.sample_rate_hz)), clip.transcript or None)
        for clip in clips
    ]


def noise_clips(front_end: FrontEnd, seed: int) -> list[ProbeClip]:
    """Return three clips of 2 s with bursts of coloured noise, to verify on without recordings."""
    random = np.random.default_rng(seed)
    length = 2 * front_end.sample_rate_hz
    clips = []
    for _ in range(3):
        spectrum = np.fft.rfft(random.normal(size=length))
        colour = np.interp(np.linspace(0, 1, len(spectrum)), np.linspace(0, 1, 9), random.random(9))
        loudness = np.interp(np.linspace(0, 1, length), np.linspace(0, 1, 17), random.random(17))
        noise = np.fft.irfft(spectrum * colour, length) * loudness**3
        clips.append(ProbeClip(to_pcm((0.5 * noise / np.abs(noise).max()).astype(np.float32))))
    return clips


def checkpoint_posteriors(
    deployment: Deployment | EncoderDeployment, clips: Sequence[ProbeClip]
) -> list[Posteriors]:
    """Return the checkpoint's posteriors of clips, which are padded as a runtime pads them."""
    import torch

    if isinstance(deployment, EncoderDeployment):
        return _encoder_posteriors(deployment, clips)
    from ..models.deepspeech.model import DeepSpeech

    model = DeepSpeech(deployment.geometry)
    model.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in deployment.tensors.items()}
    )
    mfcc = Mfcc(deployment.features)
    results = []
    with torch.inference_mode():
        for clip in clips:
            features = torch.from_numpy(mfcc(_runtime_samples(clip, deployment.features)))
            emissions = model(features[None], torch.tensor([len(features)]))
            results.append(emissions.posteriors()[0])
    return results


def _encoder_posteriors(
    deployment: EncoderDeployment, clips: Sequence[ProbeClip]
) -> list[Posteriors]:
    from ..models.acoustic_model import build
    from ..models.tensors import load_weights
    from ..scoring.engine import model_engine

    model = build(deployment.specification).eval()
    load_weights(model, deployment.tensors)
    engine = model_engine(model, deployment.features, deployment.alphabet)
    return [engine.posteriors(clip.samples) for clip in clips]


def exported_posteriors(path: Path, clips: Sequence[ProbeClip]) -> list[Posteriors]:
    """Return an exported file's posteriors of clips, computed by our runtime.

    Raises:
        ModelError: the file cannot be loaded.
    """
    from stt.engines import open_engine

    engine = open_engine(path, threads=1, parallel=1)
    results = [engine.posteriors(clip.samples) for clip in clips]
    engine.close()
    return results


def batch_posteriors(path: Path, clips: Sequence[ProbeClip]) -> list[Posteriors]:
    """Return a batch model's (`.batch.onnx`) posteriors of clips, computed by ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    results = []
    for start in range(0, len(clips), _BATCH_CLIPS):
        results += _run_batch(session, clips[start : start + _BATCH_CLIPS])
    return results


def _run_batch(session: Any, clips: Sequence[ProbeClip]) -> list[Posteriors]:
    counts = np.array([len(clip.samples) for clip in clips], np.int64)
    samples = np.zeros((len(clips), counts.max()), np.float32)
    for row, clip in zip(samples, clips, strict=True):
        row[: len(clip.samples)] = scaled(clip.samples)
    posteriors, frames = session.run(
        ["probabilities", "frame_counts"], {"samples": samples, "sample_counts": counts}
    )
    return [rows[:count] for rows, count in zip(posteriors, frames, strict=True)]


def compare(
    path: Path,
    deployment: Deployment | EncoderDeployment,
    clips: Sequence[ProbeClip],
    expected: Sequence[Posteriors],
    found: Sequence[Posteriors],
    *,
    exact: bool,
) -> Verification:
    """Compare the posteriors of an exported file with those of its checkpoint.

    Args:
        path: path of the exported file.
        deployment: model of the checkpoint.
        clips: clips that both were run on.
        expected: the checkpoint's posteriors of each clip.
        found: the file's posteriors of each clip.
        exact: whether both should be equal except for rounding: true for float32.

    Raises:
        ExportError: the shapes differ, a value is not finite, or `exact` is true and the values
            differ by more than rounding.
    """
    for wanted, have in zip(expected, found, strict=True):
        if wanted.shape != have.shape or not np.isfinite(have).all():
            raise ExportError(
                f"{path.name}: the exported model returns {list(have.shape)} values but the "
                f"checkpoint {list(wanted.shape)}, or some that are not numbers; this is a bug, "
                "please report it"
            )
    wanted, have = np.concatenate(expected), np.concatenate(found)
    # The most probable class of a frame always counts: with thousands of classes, all may be below.
    relevant = wanted >= np.minimum(_RELEVANT_PROBABILITY, wanted.max(axis=1, keepdims=True))
    logits = np.log(np.maximum(have[relevant], 1e-30)) - np.log(wanted[relevant])
    verification = Verification(
        file_name=path.name,
        size_bytes=path.stat().st_size,
        checkpoint_bytes=sum(tensor.nbytes for tensor in deployment.tensors.values()),
        clip_count=len(clips),
        duration_seconds=sum(len(c.samples) for c in clips) / deployment.features.sample_rate_hz,
        logit_difference=float(np.abs(logits).max()),
        probability_difference=float(np.abs(have - wanted).max()),
        frame_agreement=float((have.argmax(axis=1) == wanted.argmax(axis=1)).mean()),
        checkpoint_wer=_word_error_rate(deployment, clips, expected),
        exported_wer=_word_error_rate(deployment, clips, found),
    )
    if exact and verification.probability_difference > FLOAT_TOLERANCE:
        raise ExportError(
            f"{path.name}: the exported model differs from the checkpoint by "
            f"{verification.probability_difference:.2g} in a probability, which is more than "
            f"rounding ({FLOAT_TOLERANCE:g}); this is a bug, please report it"
        )
    return verification


def _word_error_rate(
    deployment: Deployment | EncoderDeployment,
    clips: Sequence[ProbeClip],
    posteriors: Sequence[Posteriors],
) -> float | None:
    decode = BestPathDecoder(deployment.alphabet)
    samples = [
        score_sample("", clip.transcript, decode(rows[None], [len(rows)])[0], 0.0)
        for clip, rows in zip(clips, posteriors, strict=True)
        if clip.transcript is not None
    ]
    return score_set(samples).wer if samples else None


def _runtime_samples(clip: ProbeClip, config: FeatureConfig) -> NDArray[np.float32]:
    """Pad audio as runtimes do: to all complete frames, and one more for the remaining samples."""
    frames = config.frame_count(len(clip.samples)) + 1
    padding = config.sample_count(frames) - len(clip.samples)
    return np.pad(scaled(clip.samples), (0, max(0, padding)))
