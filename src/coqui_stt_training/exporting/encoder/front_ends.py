"""Front ends as ONNX operators: from samples to an encoder's input, with the results of `stt`.

    samples [n]  ->  steps [frames + 2, 160]  ->  frames [frames, 480]  ->  power [frames, bins]

The Fourier transform is a matrix product, in float64 as in `stt.frontends`. A frame consists of
three consecutive steps of 10 ms. Linear operations within a frame, such as its window, are part of
the matrix.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from stt.frontends import FrontEnd
from stt.frontends.fbank import Fbank, kaldi_mel_filters
from stt.frontends.log_mel import LogMel, slaney_mel_filters
from stt.frontends.normalized_log_mel import NormalizedLogMel
from stt.frontends.waveform import Waveform

from ..onnx_graph import GraphBuilder

_STEP, _WINDOW, _FRAME = 160, 400, 480  # in samples; a frame is a window in whole steps
_TO_END = np.iinfo(np.int64).max


def features(builder: GraphBuilder, samples: str, front_end: FrontEnd) -> str:
    """Return features, float32 `[frames, values]`, of samples `[n]`.

    Raises:
        TypeError: the front end is not supported.
    """
    if isinstance(front_end, LogMel):
        return _log_mel(builder, samples, front_end)
    if isinstance(front_end, NormalizedLogMel):
        return _normalized_log_mel(builder, samples, front_end)
    if isinstance(front_end, Fbank):
        return _fbank(builder, samples, front_end)
    if isinstance(front_end, Waveform):
        return _waveform(builder, samples, front_end)
    raise TypeError(f"no operators are known for {front_end}")


def whole(builder: GraphBuilder, rows: str, size: int) -> str:
    """Cut rows `[n, ...]` to a multiple of `size`."""
    count = builder.emit("Shape", rows, start=0, end=1)
    groups = builder.emit("Div", count, builder.integers(size))
    end = builder.emit("Mul", groups, builder.integers(size))
    return builder.emit("Slice", rows, builder.integers(0), end)


def _log_mel(builder: GraphBuilder, samples: str, front_end: LogMel) -> str:
    half = _WINDOW // 2
    # The padding gives two more steps than frames. There are ceil(n / 160) frames.
    padded = _pad(builder, samples, 0, _FRAME - 1 - half)
    mirrored = builder.emit(
        "Slice", padded, *(builder.integers(value) for value in (half, 0, 0, -1))
    )
    centred = builder.emit("Concat", mirrored, padded, axis=0)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    filters = slaney_mel_filters(front_end.sample_rate_hz, _WINDOW, front_end.mel_channels)
    mel = _mel(builder, centred, np.diag(window), _WINDOW, filters)
    log = builder.emit("Log", builder.emit("Max", mel, _double(builder, "mel_floor", 1e-10)))
    most = builder.emit("ReduceMax", log, keepdims=1)
    range_ = _double(builder, "dynamic_range", 8.0 * math.log(10.0))
    log = builder.emit("Max", log, builder.emit("Sub", most, range_))
    scaled = builder.emit("Mul", log, _double(builder, "scale", 0.25 / math.log(10.0)))
    scaled = builder.emit("Add", scaled, _double(builder, "shift", 1.0))
    return builder.emit("Cast", scaled, to=TensorProto.FLOAT)


def _normalized_log_mel(builder: GraphBuilder, samples: str, front_end: NormalizedLogMel) -> str:
    before = builder.emit("Slice", samples, builder.integers(0), builder.integers(-1))
    before = _pad(builder, before, 1, 0)
    emphasis = builder.constant("emphasis", np.float32(0.97))
    emphasised = builder.emit("Sub", samples, builder.emit("Mul", before, emphasis))
    padded = _pad(builder, emphasised, _WINDOW // 2, _FRAME - _WINDOW // 2 - _STEP)
    filters = slaney_mel_filters(front_end.sample_rate_hz, 512, front_end.mel_channels)
    mel = _mel(builder, padded, np.diag(np.hanning(_WINDOW)), 512, filters)
    log = builder.emit("Log", builder.emit("Add", mel, _double(builder, "mel_floor", 2.0**-24)))
    return _normalized(builder, log, 1e-5, inside=False)


def _fbank(builder: GraphBuilder, samples: str, front_end: Fbank) -> str:
    padded = _pad(builder, samples, 0, _FRAME - _WINDOW)
    without_mean = np.eye(_WINDOW) - 1.0 / _WINDOW
    emphasis = np.eye(_WINDOW) - 0.97 * np.eye(_WINDOW, k=1)
    emphasis[0, 0] -= 0.97  # the sample before the first one counts as equal to it
    window = np.diag(np.hanning(_WINDOW) ** 0.85)
    filters = kaldi_mel_filters(front_end.sample_rate_hz, 512, front_end.mel_channels)
    mel = _mel(builder, padded, 32768.0 * without_mean @ emphasis @ window, 512, filters)
    log = builder.emit("Log", builder.emit("Max", mel, _double(builder, "mel_floor", 2.0**-23)))
    normalized = _normalized(builder, log, 1e-7, inside=True)
    stacked = whole(builder, normalized, front_end.stacked)
    return builder.emit("Reshape", stacked, builder.integers(-1, front_end.values))


def _waveform(builder: GraphBuilder, samples: str, front_end: Waveform) -> str:
    if front_end.normalize:
        wide = builder.emit("Cast", samples, to=TensorProto.DOUBLE)
        deviation = builder.emit("Sub", wide, builder.emit("ReduceMean", wide, keepdims=1))
        square = builder.emit("Mul", deviation, deviation)
        variance = builder.emit("ReduceMean", square, keepdims=1)
        variance = builder.emit("Add", variance, _double(builder, "variance_floor", 1e-7))
        wide = builder.emit("Div", deviation, builder.emit("Sqrt", variance))
        samples = builder.emit("Cast", wide, to=TensorProto.FLOAT)
    return builder.emit("Reshape", samples, builder.integers(-1, 1))


def _pad(builder: GraphBuilder, samples: str, before: int, after: int) -> str:
    return builder.emit("Pad", samples, builder.integers(before, after))


def _double(builder: GraphBuilder, name: str, value: float) -> str:
    return builder.constant(name, np.float64(value))


def _mel(
    builder: GraphBuilder,
    samples: str,
    window: NDArray[np.float64],
    fft_length: int,
    filters: NDArray[np.float64],
) -> str:
    """Return mel energies, float64 `[frames, channels]`.

    Args:
        builder: graph builder.
        samples: float32 `[n]`; frame i starts at sample `160 i`, and all frames are complete.
        window: float64 `[400, 400]`, matrix that each frame is multiplied by before the transform.
        fft_length: number of points of the Fourier transform.
        filters: mel filters, float64 `[bins, channels]`.
    """
    steps = builder.emit("Reshape", whole(builder, samples, _STEP), builder.integers(-1, _STEP))
    shifted = [
        builder.emit("Slice", steps, builder.integers(start), builder.integers(end))
        for start, end in ((0, -2), (1, -1), (2, _TO_END))
    ]
    frames = builder.emit("Concat", *shifted, axis=1)
    frames = builder.emit("Cast", frames, to=TensorProto.DOUBLE)
    fourier = builder.constant("fourier_matrix", _fourier(window, fft_length))
    spectrum = builder.emit("MatMul", frames, fourier)
    power = builder.emit("Mul", spectrum, spectrum)  # real and imaginary parts, side by side
    both = builder.constant("mel_filters", np.vstack([filters, filters]))
    return builder.emit("MatMul", power, both)


def _fourier(window: NDArray[np.float64], fft_length: int) -> NDArray[np.float64]:
    """Return the matrix of the window and the Fourier transform, float64 `[480, 2 * bins]`."""
    bins = np.arange(fft_length // 2 + 1)
    turns = np.outer(np.arange(_WINDOW), bins) % fft_length  # exact integers
    angles = 2 * np.pi / fft_length * turns
    matrix = window @ np.hstack([np.cos(angles), np.sin(angles)])
    return np.pad(matrix, ((0, _FRAME - _WINDOW), (0, 0)))


def _normalized(builder: GraphBuilder, rows: str, floor: float, *, inside: bool) -> str:
    """Normalise each column of float64 rows to mean 0 and deviation 1, like `normalized_over_time`.

    `floor` is added to the variance if `inside`, otherwise to the deviation.
    """
    over_time = builder.integers(0)
    deviation = builder.emit("Sub", rows, builder.emit("ReduceMean", rows, over_time, keepdims=1))
    square = builder.emit("Mul", deviation, deviation)
    total = builder.emit("ReduceSum", square, over_time, keepdims=1)
    count = builder.emit("Shape", rows, start=0, end=1)
    count = builder.emit(
        "Max", builder.emit("Sub", count, builder.integers(1)), builder.integers(1)
    )
    variance = builder.emit("Div", total, builder.emit("Cast", count, to=TensorProto.DOUBLE))
    least = _double(builder, "variance_floor", floor)
    if inside:
        scale = builder.emit("Sqrt", builder.emit("Add", variance, least))
    else:
        scale = builder.emit("Add", builder.emit("Sqrt", variance), least)
    scaled = builder.emit("Div", deviation, scale)
    return builder.emit("Cast", scaled, to=TensorProto.FLOAT)
