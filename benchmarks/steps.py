"""A training step of any architecture, as the trainer does it, and the arithmetic it cannot spare.

Counted are the products of matrices, of attention and of convolutions (`torch.utils.flop_counter`),
and those of LSTMs, which that leaves out. What a step takes beyond them is overhead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.models.acoustic_model import Emissions, build
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.models.specification import Specification
from coqui_stt_training.models.wav2vec2.specification import Wav2Vec2Encoder
from coqui_stt_training.models.whisper.specification import WhisperEncoder
from coqui_stt_training.runs.machine import has_fast_bfloat16
from coqui_stt_training.scoring.ctc import ctc_losses
from coqui_stt_training.training.optimizer import Adam
from coqui_stt_training.training.precision import Precision
from stt.frontends.mfcc_config import FeatureConfig

from .measuring import Effort, Result, best_cpu_seconds, best_wall_seconds

_CLASSES = 29
_SECONDS = 5  # of each clip
_LABELS = 60
_UPSTREAM = {("DeepSpeech 2048", 8): 78.7}  # CPU seconds of Coqui STT 1.4 on TensorFlow 1.15
_aten = torch.ops.aten


@dataclass(frozen=True)
class Step:
    """What is trained, and on how much at once.

    Attributes:
        name: of the model.
        specification: of it.
        clips: of a batch.
        frozen: whether the encoder is, and what it gives is kept: the head alone is trained.
        mixed: whether it computes in 16 bits.
    """

    name: str
    specification: Specification
    clips: int
    frozen: bool = False
    mixed: bool = False

    def title(self, precision: str) -> str:
        """Return what the table calls it."""
        clips = f"{self.clips} clip" if self.clips == 1 else f"{self.clips} clips"
        return f"step: {self.name}, {clips}, {precision}"

    def prepare(self, device: torch.device) -> Callable[[], None]:
        """Return what trains a new model on a batch, once more with every call."""
        model = build(self.specification)
        model.initialize(1)
        model.to(device)
        batch = _random_batch(self.specification, self.clips)
        x, lengths, first = batch.features.to(device), batch.lengths, 0
        precision = Precision(self.mixed, device)
        if self.frozen:
            first = next(
                number
                for number, layer in enumerate(self.specification.layers)
                if layer in ("head_1", "output")
            )
            frozen = self.specification.layers[:first]
            for layer, members in model.layer_parameters().items():
                for _, parameter in members:
                    parameter.requires_grad_(layer not in frozen)
            with torch.no_grad(), precision.forward():
                x, lengths = model.run(x, lengths, last=first)
            x = x.float()
        optimizer = Adam(model, 1e-4, 0.9, 0.999, 1e-8)

        def step() -> None:
            optimizer.zero_grad()
            with precision.forward():
                emissions = Emissions(*model.run(x, lengths, first=first))
            precision.backward(ctc_losses(emissions, batch).mean())
            precision.step(optimizer)
            if device.type == "cuda":
                torch.cuda.synchronize()

        return step


def training(effort: Effort) -> Iterator[Result]:
    """Measure steps on one core in CPU time; on a GPU, where there is one, in wall time."""
    torch.set_num_threads(1)
    for step in _on_cpu(effort):
        yield _measure(step, torch.device("cpu"), "bfloat16" if step.mixed else "float32", effort)
    if torch.cuda.is_available():
        yield from _on_gpu(effort)


def _on_cpu(effort: Effort) -> Iterator[Step]:
    for n_hidden in effort.sizes:
        geometry = Geometry(n_hidden, _CLASSES)
        for clips in (1, 8, 32) if n_hidden == 512 else (1, 8):
            yield Step(f"DeepSpeech {n_hidden}", geometry, clips)
    precisions = (False, True) if has_fast_bfloat16() else (False,)
    for name, specification, clips in _encoders(effort):
        for mixed in precisions:
            yield Step(f"{name}, frozen", specification, 8, frozen=True, mixed=mixed)
        for mixed in precisions:
            yield Step(name, specification, clips, mixed=mixed)


def _on_gpu(effort: Effort) -> Iterator[Result]:
    models: list[tuple[str, Specification]] = [
        (f"DeepSpeech {n_hidden}", Geometry(n_hidden, _CLASSES)) for n_hidden in effort.sizes
    ]
    models += [(name, specification) for name, specification, _ in _encoders(effort)]
    for name, specification in models:
        for clips in (1, 8, 64, 256):
            for precision in ("float32", "tf32", "16 bits"):
                torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
                step = Step(name, specification, clips, mixed=precision == "16 bits")
                yield _measure(step, torch.device("cuda"), f"GPU, {precision}", effort)
    torch.set_float32_matmul_precision("highest")


def _encoders(effort: Effort) -> list[tuple[str, Specification, int]]:
    """Return those to measure, and how many clips a step of the whole of each has on a CPU."""
    head = {"head": "lstm", "n_classes": _CLASSES}
    if max(effort.sizes) < 512:  # quickly
        small = {"width": 64, "attention_heads": 2, "blocks": 2, "head_size": 64}
        return [("small Whisper", WhisperEncoder(**small, **head), 2)]  # type: ignore[arg-type]
    return [
        ("Whisper base", WhisperEncoder(**head), 8),  # type: ignore[arg-type]
        ("wav2vec 2.0 base", Wav2Vec2Encoder(**head), 2),  # type: ignore[arg-type]
    ]


def _measure(step: Step, device: torch.device, precision: str, effort: Effort) -> Result:
    run = step.prepare(device)
    operations = count_operations(run)
    seconds = _best_seconds(device)(run, max(1, effort.rounds // 2))
    rate = products_a_second(device, torch.bfloat16 if step.mixed else torch.float32, precision)
    by = f"{precision.removeprefix('GPU, ')} products"
    upstream = _UPSTREAM.get((step.name, step.clips)) if device.type == "cpu" else None
    return Result(step.title(precision), seconds, "step", operations / rate, by, upstream)


@cache
def products_a_second(device: torch.device, dtype: torch.dtype, precision: str) -> float:
    """Return how many operations a second PyTorch's products of large matrices reach.

    Args:
        device: to compute on.
        dtype: of the matrices.
        precision: a name of the settings, which count in the answer.
    """
    size = 8192 if device.type == "cuda" else 1024
    a = torch.full((size, size), 0.5, dtype=dtype, device=device)

    def multiply() -> None:
        a @ a
        if device.type == "cuda":
            torch.cuda.synchronize()

    return 2 * size**3 / _best_seconds(device)(multiply, 9)


def _best_seconds(device: torch.device) -> Callable[[Callable[[], object], int], float]:
    """Return what measures work on a device: a CPU's own time, and the wait for a GPU."""
    return best_wall_seconds if device.type == "cuda" else best_cpu_seconds


def count_operations(run: Callable[[], object]) -> int:
    """Return the additions and multiplications in what a call multiplies."""
    counter = FlopCounterMode(display=False, custom_mapping=_OPERATIONS)
    with counter:
        run()
    return counter.get_total_flops()


def _of_lstm_layer(
    x: Any, inputs: Any, recurrent: Any, *_: Any, backward: bool = False, **__: Any
) -> int:
    """Count one direction of a layer; arguments are shapes, `x` is `[frames, batch, values]`."""
    frames, batch, _values = x
    products = frames * batch * (math.prod(inputs) + math.prod(recurrent))
    return (4 if backward else 2) * products


def _of_cudnn(x: Any, weights: Any, *_: Any, backward: bool = False, **__: Any) -> int:
    """Count all layers of an RNN of cuDNN; arguments are shapes."""
    frames, batch, _values = x
    matrices = sum(math.prod(one) for one in weights if len(one) == 2)
    return (4 if backward else 2) * frames * batch * matrices


def _of_attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    batch, heads, frames, values = query
    return 2 * batch * heads * frames * key[-2] * (values + value[-1])


def _of_attention_backward(_: Any, query: Any, key: Any, value: Any, *__: Any, **___: Any) -> int:
    """Count five products, with the weights computed anew, to the two of the way forward."""
    return _of_attention(query, key, value) * 5 // 2


_OPERATIONS = {
    _aten.mkldnn_rnn_layer: _of_lstm_layer,
    _aten.mkldnn_rnn_layer_backward: partial(_of_lstm_layer, backward=True),
    _aten._cudnn_rnn: _of_cudnn,
    _aten._cudnn_rnn_backward: partial(_of_cudnn, backward=True),
    _aten._scaled_dot_product_flash_attention_for_cpu: _of_attention,
    _aten._scaled_dot_product_flash_attention_for_cpu_backward: _of_attention_backward,
}


def _random_batch(specification: Specification, clips: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    front_end = getattr(specification, "front_end", FeatureConfig())  # an encoder has its own
    frames = front_end.frame_count(_SECONDS * front_end.sample_rate_hz)
    features = torch.randn(clips, frames, front_end.values, generator=generator)
    labels = torch.randint(_CLASSES - 1, (clips * _LABELS,), generator=generator)
    return Batch((), features, torch.full((clips,), frames), labels, torch.full((clips,), _LABELS))
