"""Every implementation of attention gives the same result."""

from __future__ import annotations

import pytest
import torch

from coqui_stt_training.models.attention import mix_in_parts


@pytest.mark.parametrize("mask", ["none", "bool", "float"])
def test_in_parts_it_is_pytorchs_own(mask: str) -> None:
    generator = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(2, 3, 7, 4, generator=generator) for _ in range(3))
    masks = {
        "none": None,
        "bool": (torch.arange(7) < torch.tensor([7, 4])[:, None])[:, None, None, :],
        "float": torch.randn(2, 3, 7, 7, generator=generator),
    }
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=masks[mask]
    )
    torch.testing.assert_close(mix_in_parts(query, key, value, masks[mask]), expected)
