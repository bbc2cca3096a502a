"""Encoding and decoding with Opus, at any bit rate."""

from __future__ import annotations

import io

import numpy as np
import soxr
from numpy.typing import NDArray

from stt.audio.file import read_audio

Samples = NDArray[np.float32]
_RATES_HZ = (8000, 12000, 16000, 24000, 48000)  # the sample rates of Opus


def opus_and_back(samples: Samples, rate_hz: int, bits_per_second: int) -> Samples:
    """Encode samples, float32 `[samples]`, with Opus and decode them; the length is the same."""
    import av

    coded_hz = next((rate for rate in _RATES_HZ if rate >= rate_hz), _RATES_HZ[-1])
    wide = soxr.resample(samples, rate_hz, coded_hz) if coded_hz != rate_hz else samples
    file = io.BytesIO()
    wide = np.pad(wide, (0, coded_hz // 10))  # so that the end is not cut off with the beginning
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=coded_hz, layout="mono")
        stream.bit_rate = bits_per_second
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(wide[None], np.float32), format="flt", layout="mono"
        )
        frame.sample_rate = coded_hz
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    file.seek(0)
    late = stream.codec_context.extradata[10:12]  # of the header: samples at 48 kHz to leave out
    back = read_audio(file, rate_hz)[int.from_bytes(late, "little") * rate_hz // 48_000 :]
    return np.pad(back[: len(samples)], (0, max(0, len(samples) - len(back))))
