"""Audio files that are broken, or whose headers claim too much."""

from __future__ import annotations

import io
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from coqui_stt_training.corpus.audio_scan import AudioScan, scan_audio
from stt.audio.bounds import Allowance
from stt.audio.file import read_audio, summarise_audio
from stt.audio.reference import AudioReference
from stt.audio.source import read_pcm, read_pcm_blocks
from stt.errors import AudioError

NOISE = np.random.default_rng(0).normal(0, 0.1, (48_000, 2)).astype(np.float32)


def refused(path: Path, match: str) -> None:
    """Assert that every audio reader refuses a file with an error that names it."""
    for read in (lambda: read_audio(path, 16000), lambda: read_pcm(path, 16000)):
        with pytest.raises(AudioError, match=match) as caught:
            read()
        assert path.name in str(caught.value)
    (scan,) = scan_audio([AudioReference(path)]).values()
    assert isinstance(scan, AudioError)
    assert path.name in str(scan)


def test_hundreds_of_channels(tmp_path: Path) -> None:
    path = tmp_path / "many.ogg"
    soundfile.write(path, np.zeros((96_000, 255), np.float32), 192_000, format="OGG")
    peak_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    refused(path, "has 255 channels")
    assert time.perf_counter() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kilobytes < 50_000


@pytest.mark.parametrize("rate_hz", [1, 999, 768_001])
def test_rates_that_are_none_of_sound(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "rate.wav"
    soundfile.write(path, NOISE, rate_hz)
    refused(path, f"the sample rate is {rate_hz} Hz")


def test_kilobytes_that_decode_to_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stt.audio.bounds._VALUES_OF_ANY_FILE", 1 << 20)
    path = tmp_path / "bomb.ogg"
    with soundfile.SoundFile(path, "w", 96_000, 16, "VORBIS", format="OGG") as file:
        for _ in range(15):
            file.write(np.zeros((96_000, 16), np.float32))
    decoded: list[int] = []
    with pytest.raises(AudioError, match="decodes to far more audio than"):
        decoded.extend(map(len, read_pcm_blocks(path, 96_000)))
    assert 0 < sum(decoded) < 15 * 96_000


def test_what_a_file_may_decode_to_grows_with_it() -> None:
    hour = Allowance("an hour of speech in Opus", 48_000, 2, file_bytes=3_000_000)
    hour.take(3600 * 48_000)
    day = Allowance("a day of phone calls", 8000, 1, file_bytes=24 * 3600 * 60)
    day.take(24 * 3600 * 8000)
    with pytest.raises(AudioError, match="decodes to far more"):
        Allowance("80 KB", 1000, 1, file_bytes=80_000).take(24 * 3600 * 1000)
    with pytest.raises(AudioError, match="longer than 3600 seconds"):
        Allowance("long", 16_000, 1, 10**9, longest_seconds=3600).take(3601 * 16_000)


def test_blocks_are_the_same_samples_as_the_whole(tmp_path: Path) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, (700_000, 3)).astype(np.float32)
    for name in ("a.wav", "a.flac", "a.ogg", "a.mp3"):
        path = tmp_path / name
        soundfile.write(path, sound[:, :2] if name == "a.mp3" else sound, 44_100)
        whole, _ = soundfile.read(path, dtype="float32", always_2d=True)
        mono = whole.mean(axis=1, dtype=np.float32)
        np.testing.assert_array_equal(read_audio(path, 44_100), mono)
        summary = summarise_audio(path)
        assert summary.sample_count == len(mono)
        assert summary.peak_to_peak == float(mono.max() - mono.min())


def test_flac_of_unknown_length(tmp_path: Path) -> None:
    path = tmp_path / "streamed.flac"
    soundfile.write(path, NOISE, 16000)
    content = bytearray(path.read_bytes())
    known = read_audio(path, 16000)
    content[21] &= 0xF0
    content[22:26] = bytes(4)  # the number of samples: 0, unknown
    path.write_bytes(content)
    np.testing.assert_array_equal(read_audio(path, 16000), known)
    assert len(read_pcm(path, 16000)) == len(known)
    (scan,) = scan_audio([AudioReference(path)]).values()
    assert isinstance(scan, AudioScan)
    assert scan.sample_count == len(known)


@pytest.mark.parametrize("value", [3e38, -3e38, np.inf, np.nan])
def test_values_that_are_no_sound(tmp_path: Path, value: float) -> None:
    path = tmp_path / "values.wav"
    sound = NOISE.copy()
    sound[20_000] = value
    soundfile.write(path, sound, 16000, subtype="FLOAT")
    refused(path, "samples that are NaN, infinite or far out of range")


def test_training_data_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    [found] = scan_audio([AudioReference(path)]).values()
    assert "cut off; its header says 1.00 s, but only 0.50 s can be decoded" in str(found)
    path.write_bytes(whole[:40] + b"\xff" * 4 + whole[44:])  # as programs write it to a pipe
    assert isinstance(next(iter(scan_audio([AudioReference(path)]).values())), AudioScan)


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_whole_numbers_that_were_written_as_floats_are_told(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "unscaled.wav"
    scale = 2 ** (bits - 1)
    sound = NOISE.mean(axis=1).clip(-1, 1) * np.float32(scale)
    soundfile.write(path, sound, 16000, subtype="FLOAT")
    refused(path, f"as large as {np.abs(sound).max():.0f}, where full scale is 1")
    refused(path, f"divide them by {scale}, and write the file anew")


def test_float_audio_may_be_somewhat_above_full_scale(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, 8 * NOISE, 16000, subtype="FLOAT")
    assert np.abs(read_audio(path, 16000)).max() > 2
    assert read_pcm(path, 16000).max() == 32767  # samples beyond full scale are clipped


def test_what_is_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    refused(pipe, "not a regular file")
    with pytest.raises(AudioError, match="not a regular file but a device"):
        read_pcm("/dev/zero", 16000)
    with pytest.raises(AudioError, match="NUL"):
        read_pcm("a\0b.wav", 16000)


# The title in the returned file is not valid UTF-8.
def _with_av(suffix: str, codec: str, rate_hz: int = 48_000) -> bytes:
    av = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=suffix) as container:
        container.metadata["title"] = "Z" * 20
        stream = container.add_stream(codec, rate=rate_hz, layout="stereo")
        pcm = np.ascontiguousarray((NOISE.T * 20_000).astype(np.int16))
        frame = av.AudioFrame.from_ndarray(pcm, format="s16p", layout="stereo")
        frame.sample_rate = rate_hz
        for part in (frame, None):
            for packet in stream.encode(part):
                container.mux(packet)
    content = buffer.getvalue()
    assert b"Z" * 20 in content
    return content.replace(b"Z" * 20, b"\xff\xe4" * 10)


FORMATS = {
    "m4a": ("ipod", "aac"),
    "webm": ("webm", "libopus"),
    "avi": ("avi", "mp2"),
    "mka": ("matroska", "aac"),
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_tags_in_any_encoding(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tagged.{suffix}"
    path.write_bytes(_with_av(*FORMATS[suffix]))
    samples = read_audio(path, 48_000)
    assert abs(len(samples) - len(NOISE)) < 5000
    assert samples.std() > 0.02
    assert len(read_pcm(io.BytesIO(path.read_bytes()), 16000)) > 14_000


def _sound_file(kind: str, subtype: str | None = None) -> Callable[[], bytes]:
    def make() -> bytes:
        buffer = io.BytesIO()
        soundfile.write(buffer, NOISE[:8000], 16000, subtype, format=kind)
        return buffer.getvalue()

    return make


SEEDS: dict[str, Callable[[], bytes]] = {
    "wav": _sound_file("WAV"),
    "flac": _sound_file("FLAC"),
    "ogg": _sound_file("OGG"),
    "opus": _sound_file("OGG", "OPUS"),
    "mp3": _sound_file("MP3"),
    **{suffix: (lambda made=made: _with_av(*made)) for suffix, made in FORMATS.items()},  # type: ignore[misc]
}


@pytest.mark.parametrize("kind", SEEDS)
def test_mutated_files_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    content = SEEDS[kind]()
    path = tmp_path / f"mutant.{kind}"
    for seed in range(60):
        random = np.random.default_rng(seed)
        mutant = bytearray(content)
        for position in random.integers(0, min(len(mutant), 600), random.integers(1, 6)):
            mutant[position] = random.integers(0, 256)
        path.write_bytes(mutant[: random.integers(len(mutant) // 2, len(mutant) + 1)])
        assert path.name in (refusal(path) or path.name)


def refusal(path: Path) -> str | None:
    try:
        read_pcm(path, 16000)
    except AudioError as error:
        return str(error)
    return None
