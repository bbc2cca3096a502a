"""Whisper's encoder gives the results of transformers, and of CTranslate2 with real weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.models.whisper.specification import WhisperEncoder
from stt.audio.source import read_pcm
from stt.frontends.log_mel import LogMel

from .transformers_models import TOLERANCE, assert_same, ours, randomised, saved

SHARED = Path(__file__).parents[2] / "../shared"
REFERENCE = SHARED / "models/whisper-base/reference.npz"
WINDOW_SAMPLES = 30 * 16000  # Whisper was trained only on windows of 30 seconds


def test_a_full_window_is_the_same_as_in_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip(
        "transformers", reason="needs transformers, which the extra `test` installs"
    )
    config = transformers.WhisperConfig(
        d_model=24, encoder_layers=3, encoder_attention_heads=4, encoder_ffn_dim=96,
        decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=16, num_mel_bins=10,
        max_source_positions=40, vocab_size=20, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1,
    )  # fmt: skip
    model = randomised(transformers.WhisperForConditionalGeneration(config))
    source = saved(model, tmp_path)
    assert source.specification == WhisperEncoder(
        mel_channels=10, width=24, attention_heads=4, blocks=3, positions=40
    )
    encoder = model.model.encoder
    window = torch.randn(80, 10, generator=torch.Generator().manual_seed(1))
    assert_same(
        ours(source), lambda x: encoder(x.transpose(1, 2)).last_hidden_state, [window], last=4
    )


@pytest.mark.skipif(not REFERENCE.is_file(), reason="../shared/models/whisper-base is not here")
@pytest.mark.parametrize("name", ["an4", "ukrainian"])
@torch.no_grad()
def test_real_weights_on_real_clips(name: str) -> None:
    with np.load(REFERENCE) as reference:
        clip, log_mel, expected = (
            reference[f"{name}/{part}"] for part in ("clip", "log_mel", "encoder_out")
        )
    samples = read_pcm(SHARED / "data" / str(clip), 16000).astype(np.float32) / 32768
    window = np.pad(samples, (0, WINDOW_SAMPLES - len(samples)))
    features = LogMel(80).extractor(np)(window)
    np.testing.assert_allclose(features[: log_mel.shape[1]].T, log_mel, atol=1e-4)
    # The clip without padding has the same frames, except those of the silence after it.
    alone = LogMel(80).extractor(np)(samples)
    np.testing.assert_allclose(alone, features[: len(alone)], atol=1e-6)

    model = ours(load_source(REFERENCE.parent))
    layers = len(model.specification.layers) - 1
    x, _ = model.run(torch.from_numpy(features)[None], torch.tensor([len(features)]), last=layers)
    difference = np.abs(x[0, : len(expected)].numpy() - expected).max()
    assert difference < TOLERANCE * np.abs(expected).max()
