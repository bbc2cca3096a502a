"""The effect of augmentations on samples and spectra, in the numbers of their documentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coqui_stt_training.augmentation.chance import Draw, draw_augmentations
from coqui_stt_training.augmentation.level import peak_dbfs
from coqui_stt_training.augmentation.needs import find_problems
from coqui_stt_training.augmentation.room import room_response
from coqui_stt_training.augmentation.samples import Recording, change_samples
from coqui_stt_training.augmentation.specification import parse_augmentations
from coqui_stt_training.augmentation.spectrogram import (
    Spectrum,
    change_spectrum,
    change_spectrum_of_samples,
)
from coqui_stt_training.batches.audio_source import open_source, open_sources
from coqui_stt_training.errors import CorpusError
from stt.frontends import FrontEnd
from stt.frontends.causal_log_mel import CausalLogMel
from stt.frontends.fbank import Fbank
from stt.frontends.log_mel import LogMel
from stt.frontends.mfcc_config import FeatureConfig
from stt.frontends.normalized_log_mel import NormalizedLogMel
from stt.frontends.waveform import Waveform

RATE_HZ = 16000
Samples = NDArray[np.float32]


def draws(text: str, key: object = 1, clock: float = 0.0) -> tuple[Draw, ...]:
    return draw_augmentations(parse_augmentations([text]), clock, key)


def change(samples: Samples, text: str, key: object = 1, **known: object) -> Samples:
    recording = Recording(RATE_HZ, **known)  # type: ignore[arg-type]
    return change_samples(samples, draws(text, key), recording)


def tone(hertz: float, seconds: float = 1.0, level: float = 0.3) -> Samples:
    time = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    return np.asarray(level * np.sin(2 * np.pi * hertz * time), np.float32)


def loudest_hertz(samples: Samples) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE_HZ / len(samples))


def noise(seconds: float, seed: int = 1, level: float = 0.1) -> Samples:
    rng = np.random.default_rng(seed)
    return np.asarray(level * rng.standard_normal(int(seconds * RATE_HZ)), np.float32)


@settings(deadline=None, max_examples=30)
@given(st.floats(-60, 3), st.floats(0, 20), st.integers(0, 1 << 30))
def test_volume_sets_the_level_of_the_loudest_sample(dbfs: float, r: float, key: int) -> None:
    level = peak_dbfs(change(tone(300), f"volume[dbfs={dbfs:.3f}~{r:.3f}]", key))
    assert dbfs - r - 0.01 <= level <= min(3.0103, dbfs + r) + 0.01


def test_full_scale_is_the_default_volume() -> None:
    assert np.abs(change(tone(300), "volume")).max() == pytest.approx(1.0, abs=1e-4)


@settings(deadline=None, max_examples=25)
@given(st.floats(-10, 40), st.integers(1, 4), st.integers(0, 1 << 30))
def test_an_overlay_has_the_ratio_that_was_asked_for(snr: float, layers: int, key: int) -> None:
    clip, others = tone(440, 2.0), [noise(0.7, 1), noise(1.3, 2), noise(0.1, 3)]
    text = f"overlay[source=s,snr={snr:.2f},layers={layers}]"
    heard = change(clip, text, key, sources={"s": others})
    assert len(heard) == len(clip)
    assert peak_dbfs(heard) == pytest.approx(peak_dbfs(clip), abs=1e-3)
    # The mixture contains the clip with some gain; the rest is the overlay.
    basis = np.stack([clip, np.roll(clip, 9)]).astype(np.float64)
    gains = np.linalg.lstsq(basis.T, heard.astype(np.float64), rcond=None)[0]
    rest = heard - gains @ basis
    ratio = peak_dbfs(gains[0] * clip) - peak_dbfs(rest)
    assert ratio == pytest.approx(snr, abs=1.0)


def test_another_clip_gets_another_overlay() -> None:
    clip, others = tone(440), [noise(3.0, seed) for seed in range(4)]
    one, two = (change(clip, "overlay[source=s]", key, sources={"s": others}) for key in (1, 2))
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(one, change(clip, "overlay[source=s]", 1, sources={"s": others}))


@pytest.mark.parametrize("delay", [20.0, 55.0])
def test_the_first_echo_comes_when_and_as_loud_as_asked(delay: float) -> None:
    impulse = np.zeros(RATE_HZ, np.float32)
    impulse[100] = 0.5
    heard = change(impulse, f"reverb[delay={delay},decay=10]")
    assert len(heard) == len(impulse)
    echo = 100 + int(delay * RATE_HZ / 1000)
    direct = heard[100]
    assert np.abs(heard[101:echo]).max() == 0
    # The direct sound is six impulses; the echo comes from one comb filter.
    assert 20 * np.log10(heard[echo] * 6 / direct) == pytest.approx(-10.0, abs=0.01)
    second = heard[2 * echo - 100]
    assert 20 * np.log10(second * 6 / direct) == pytest.approx(-20.0, abs=0.01)


@pytest.mark.parametrize("bitrate", [3200, 12000, 48000])
def test_a_codec_keeps_length_and_time_and_loses_some(bitrate: int) -> None:
    rng = np.random.default_rng(1)
    clip = np.convolve(rng.standard_normal(RATE_HZ * 2), np.hanning(20), "same").astype(np.float32)
    clip *= 0.3 / np.abs(clip).max()
    heard = change(clip, f"codec[bitrate={bitrate}]")
    assert len(heard) == len(clip)
    shifts = range(-200, 201)
    like = [float(np.dot(clip[400:-400], np.roll(heard, shift)[400:-400])) for shift in shifts]
    assert abs(shifts[int(np.argmax(like))]) <= 32  # 2 ms
    assert not np.allclose(clip, heard, atol=1e-3)


def test_more_bits_lose_less() -> None:
    clip = noise(2.0)
    losses = [float(np.abs(change(clip, f"codec[bitrate={rate}]") - clip).mean())
              for rate in (6000, 24000, 128000)]  # fmt: skip
    assert losses[0] > losses[1] > losses[2]


@settings(deadline=None, max_examples=20)
@given(st.integers(101, 399), st.floats(-0.002, 0.002))
def test_speed_changes_time_and_pitch(step: int, beside: float) -> None:
    clip = tone(440, 2.0)
    heard = change(clip, f"speed[factor={step / 200 + beside:.4f}]")
    factor = step / 200  # factors are rounded to these, for which filters are fast to make
    assert len(heard) == pytest.approx(len(clip) / factor, rel=1e-3)
    assert loudest_hertz(heard) == pytest.approx(440 * factor, rel=0.01)


def test_a_clip_stays_as_long_as_its_labels_need() -> None:
    clip = tone(440)
    for kind in ("speed[factor=2]", "tempo[factor=2]"):
        heard = change(clip, kind, fits=lambda count: count > 9000)
        np.testing.assert_array_equal(heard, clip)


@pytest.mark.parametrize("rt60", [0.25, 0.4, 0.6])
def test_rooms_have_the_reverberation_that_was_asked_for(rt60: float) -> None:
    times = []
    for number in range(8):
        response = room_response(number, rt60, RATE_HZ)
        assert np.abs(response).argmax() == 0
        left = np.cumsum(response[::-1].astype(np.float64) ** 2)[::-1]
        decibels = 10 * np.log10(left / left[0] + 1e-12)
        begin, end = np.argmax(decibels < -5), np.argmax(decibels < -20)
        times.append(4 * (end - begin) / RATE_HZ)
    assert np.median(times) == pytest.approx(rt60, rel=0.35)


def test_a_room_keeps_length_and_level() -> None:
    clip = noise(1.0)
    response = np.array([0, 1, 0.5], np.float32)
    for text in ("room", "room[source=s]"):
        heard = change(clip, text, sources={"s": [response]})
        assert len(heard) == len(clip)
        assert peak_dbfs(heard) == pytest.approx(peak_dbfs(clip), abs=1e-3)
        assert not np.allclose(heard, clip)


def test_signal_domain() -> None:
    clip = np.ones(RATE_HZ, np.float32)
    masked = change(clip, "time_mask[domain=signal,n=1,size=250]")
    assert (masked == 0).sum() == RATE_HZ // 4
    assert change(clip, "add[domain=signal,stddev=0.1]").std() == pytest.approx(0.1, rel=0.05)


# Spectrograms.


def plane(frames: int = 100, bins: int = 257) -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    return np.asarray(rng.uniform(1, 2, (frames, bins)), np.float32)


def changed_plane(
    text: str, power: NDArray[np.float32] | None = None, least: int = 0
) -> NDArray[np.float32]:
    spectrum = Spectrum(20.0, lambda count: count >= least)
    return change_spectrum(plane() if power is None else power, draws(text), spectrum)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.5, 3.0))
def test_tempo_changes_the_number_of_frames(factor: float) -> None:
    heard = changed_plane(f"tempo[factor={factor:.4f}]")
    assert heard.shape == (int(100 / float(f"{factor:.4f}")), 257)


def test_tempo_has_bounds() -> None:
    assert changed_plane("tempo[factor=4]", least=60).shape[0] == 60
    assert changed_plane("tempo[factor=0.5,max_time=2400]").shape[0] == 120


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25, 2.0])
def test_pitch_moves_frequencies(factor: float) -> None:
    power = np.zeros((10, 257), np.float32)
    power[:, 100] = 1.0
    heard = changed_plane(f"pitch[pitch={factor}~0]", power)
    assert heard.shape == power.shape
    assert heard[5].argmax() == pytest.approx(100 * factor, abs=1.5)
    if factor < 1:
        assert (heard[:, int(257 * factor) + 1 :] == 0).all()


def test_warp_moves_inner_points_and_no_edges() -> None:
    power = np.zeros((100, 65), np.float32)
    power[::10] = 1.0
    same = changed_plane("warp[nt=2,wt=0,wf=0]", power)
    np.testing.assert_allclose(same, power, atol=1e-3)
    moved = changed_plane("warp[nt=2,nf=1,wt=1,wf=0]", power)
    assert moved.shape == power.shape
    assert np.abs(moved[20:80] - power[20:80]).max() > 0.5
    np.testing.assert_allclose(moved[0], power[0], atol=1e-3)


def test_masks_of_spectra() -> None:
    blank = changed_plane("frequency_mask[n=1,size=20]") == 0
    assert blank.all(0).sum() == 20
    blank = changed_plane("time_mask[n=1,size=400]") == 0
    assert blank.all(1).sum() == 20
    assert (changed_plane("dropout[rate=0.3]") == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert changed_plane("add[domain=spectrogram,stddev=5]").min() >= 0


FRONT_ENDS = [FeatureConfig(), LogMel(), NormalizedLogMel(), Fbank(), CausalLogMel()]


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda one: one.kind)
def test_every_front_end_with_a_spectrum_lets_it_be_changed(front_end: FrontEnd) -> None:
    clip = noise(2.0)
    plain = front_end.extractor(np)(clip)
    same = front_end.extractor(np, on_power=lambda power: power)(clip)
    np.testing.assert_array_equal(plain, same)

    def faster(power: NDArray[np.float64]) -> NDArray[np.float64]:
        return change_spectrum(power, draws("tempo[factor=2]"), Spectrum(20, lambda count: True))

    half = front_end.extractor(np, on_power=faster)(clip)
    assert half.dtype == np.float32
    assert half.shape[1] == plain.shape[1]
    assert len(half) == pytest.approx(len(plain) / 2, abs=1)
    assert np.isfinite(half).all()


def test_spectra_of_samples() -> None:
    clip = noise(1.0)
    same = change_spectrum_of_samples(clip, draws("dropout[rate=0]"), RATE_HZ)
    np.testing.assert_allclose(same[600:-600], clip[600:-600], atol=1e-4)
    masked = change_spectrum_of_samples(clip, draws("time_mask[n=1,size=300]"), RATE_HZ)
    assert len(masked) == len(clip)
    silent = np.abs(masked) < 1e-3
    assert 0.25 < silent.mean() < 0.36


def test_tempo_and_pitch_of_samples() -> None:
    clip = tone(440, 2.0)
    slower = change(clip, "tempo[factor=0.8]")
    assert len(slower) == pytest.approx(len(clip) / 0.8, abs=2)
    assert loudest_hertz(slower) == pytest.approx(440, rel=0.02)
    higher = change(clip, "pitch[pitch=1.25~0]")
    assert len(higher) == len(clip)
    assert loudest_hertz(higher) == pytest.approx(550, rel=0.02)
    burst = np.zeros(2 * RATE_HZ, np.float32)
    burst[RATE_HZ : RATE_HZ + 3200] = tone(440, 0.2)
    heard = np.flatnonzero(np.abs(change(burst, "tempo[factor=2]")) > 0.15)
    assert heard[0] == pytest.approx(RATE_HZ / 2, abs=400)


# Sources of overlays.


def test_sources_are_files_folders_and_lists(tmp_path: Path) -> None:
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", noise(0.5, number), RATE_HZ)
    listed = tmp_path / "noise.csv"
    listed.write_text("wav_filename,wav_filesize,transcript\n0.wav,,\n1.wav,,\n")
    for name, count in ((tmp_path, 3), (listed, 2), (tmp_path / "2.wav", 1)):
        source = open_source(str(name), 8000)
        source.check()
        assert len(source) == count
        assert len(source[count - 1]) == 4000


def test_bad_sources_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "silent").mkdir()
    soundfile.write(tmp_path / "silent" / "b.wav", np.zeros(1000), RATE_HZ)
    names = ["gone.csv", "empty", "broken", "silent"]
    asked = parse_augmentations([f"overlay[source={tmp_path / name}]" for name in names])
    with pytest.raises(CorpusError) as caught:
        open_sources(asked, RATE_HZ, check=True)
    for name in names:
        assert f"--augment overlay[source={tmp_path / name}]: " in str(caught.value)
    assert "silent" in str(caught.value)


def test_what_does_not_go_with_models_of_samples_is_said() -> None:
    asked = parse_augmentations(["warp", "specaugment[domain=features]", "frequency_mask", "speed"])
    problems = list(find_problems(asked, Waveform()))
    assert len(problems) == 2
    assert "tempo or speed instead" in problems[0]
    assert "domain=hidden" in problems[1]
    assert not list(find_problems(asked, LogMel()))


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coqui_stt_training.augmentation.needs.find_spec", lambda name: None)
    asked = parse_augmentations(["codec", "room", "room[source=x]"])
    problems = list(find_problems(asked, LogMel()))
    assert len(problems) == 2
    assert all("pip install coqui-stt[augment]" in one for one in problems)
