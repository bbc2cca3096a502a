"""Audio by reference: files, bytes of an archive, parts of recordings."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stt.audio.file import read_audio, read_sample_rate, summarise_audio
from stt.audio.opus_packets import ogg_of_packets, packets_of_ogg, pre_skip_of_ogg
from stt.audio.reference import AudioReference
from stt.audio.source import read_pcm
from stt.errors import AudioError

RAMP = np.arange(-16000, 16000, dtype=np.int16)  # 2 s of distinct samples


def _encoded(kind: str, samples: np.ndarray = RAMP, rate_hz: int = 16000) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(
        buffer, samples, rate_hz, format=kind, subtype="OPUS" if kind == "OGG" else None
    )
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_bytes_of_an_archive_are_a_file(tmp_path: Path, kind: str) -> None:
    content = _encoded(kind)
    archive = tmp_path / "a.tar"
    archive.write_bytes(b"x" * 77 + content + b"y" * 99)
    audio = AudioReference(archive, "b.wav", 77, len(content))
    assert str(audio) == f"{archive}:b.wav"
    assert np.array_equal(read_pcm(audio, 16000), RAMP)
    assert read_sample_rate(audio) == 16000


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_a_piece_is_that_part_of_the_samples(tmp_path: Path, kind: str) -> None:
    content = _encoded(kind)
    (tmp_path / "whole").write_bytes(b"1" + content)
    (tmp_path / "long.wav").write_bytes(content)
    for where in (
        AudioReference(tmp_path / "long.wav", start_seconds=0.25, end_seconds=1.0),
        AudioReference(
            tmp_path / "whole", "long", 1, len(content), start_seconds=0.25, end_seconds=1.0
        ),
    ):
        assert np.array_equal(read_pcm(where, 16000), RAMP[4000:16000])
        assert str(where).endswith("(0.25 s to 1 s)")
    rest = AudioReference(tmp_path / "long.wav", start_seconds=1.5)
    assert np.array_equal(read_pcm(rest, 16000), RAMP[24000:])
    assert summarise_audio(rest).sample_count == 8000


def test_a_piece_of_what_only_av_reads(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.mka"), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(RAMP[None], format="s16", layout="mono")
        frame.sample_rate = 16000
        for part in (frame, None):
            container.mux(stream.encode(part))
    audio = AudioReference(tmp_path / "a.mka", start_seconds=0.5, end_seconds=0.75)
    assert np.array_equal(read_pcm(audio, 16000), RAMP[8000:12000])


def test_a_piece_beyond_the_end_and_a_member_cut_off_are_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", RAMP, 16000)
    with pytest.raises(AudioError, match=r"a\.wav \(5 s to 6 s\): .*shorter"):
        read_audio(AudioReference(tmp_path / "a.wav", start_seconds=5, end_seconds=6), 16000)
    with pytest.raises(AudioError, match=r"a\.wav:m: cut off; 999999 bytes are expected"):
        read_audio(AudioReference(tmp_path / "a.wav", "m", 10, 999999), 16000)
    with pytest.raises(AudioError, match="no such file"):
        read_audio(AudioReference(tmp_path / "none.tar", "m", 10, 9), 16000)


def test_the_hour_that_is_held_in_memory_counts_the_piece_alone(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "day.wav", np.zeros(3700 * 1000, np.int16), 1000)
    with pytest.raises(AudioError, match="longer than 3600 seconds"):
        read_audio(AudioReference(tmp_path / "day.wav"), 1000)
    piece = AudioReference(tmp_path / "day.wav", start_seconds=3650, end_seconds=3651)
    assert len(read_audio(piece, 1000)) == 1000


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
@pytest.mark.parametrize("seconds", [0.05, 1.234, 12])
def test_opus_packets_have_exactly_the_samples_of_their_header(
    tmp_path: Path, rate_hz: int, seconds: float
) -> None:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    tone = (8000 * np.sin(2 * np.pi * 300 * time)).astype(np.int16)
    ogg = _encoded("OGG", tone, rate_hz)
    skipped = pre_skip_of_ogg(ogg) * rate_hz // 48000
    content = packets_of_ogg(ogg, len(tone) + skipped, rate_hz, 1)
    (tmp_path / "x.sdb").write_bytes(content)
    audio = AudioReference(tmp_path / "x.sdb", "0", 0, len(content), "opus packets")
    heard = read_pcm(audio, rate_hz)
    assert len(heard) == len(tone) + skipped
    expected, _ = soundfile.read(io.BytesIO(ogg), dtype="int16")
    settled = 2000 * rate_hz // 48000  # decoders differ at the start
    assert np.abs(heard[skipped:][settled:] - expected[settled:].astype(int)).max() <= 400


def test_packets_that_are_cut_off_or_impossible_are_refused() -> None:
    content = packets_of_ogg(_encoded("OGG"), 32000, 16000, 1)
    for bad, why in (
        (content[:5], "no header"),
        (content[:-3], "cut off"),
        (content[:2000], "cut off"),
        (b"\xff\xff\xff\xff" + content[4:], "cut off; its header says"),
        (content[:4] + b"\0\0\0\x01" + content[8:], "its header says 1 Hz"),
    ):
        with pytest.raises(AudioError, match=f"x: .*{why}"):
            ogg_of_packets(bad, "x")
