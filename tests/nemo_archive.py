"""A small Conformer with random weights, in the format of NVIDIA's NeMo."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from coqui_stt_training.models.conformer import names

CONFIG: dict[str, Any] = {
    "sample_rate": 16000,
    "preprocessor": {
        "sample_rate": "${sample_rate}", "normalize": "per_feature", "features": 16, "n_fft": 512,
    },
    "encoder": {
        "n_layers": 2, "d_model": 24, "subsampling": "dw_striding", "subsampling_factor": 4,
        "subsampling_conv_channels": 6, "ff_expansion_factor": 2, "n_heads": 4,
        "self_attention_model": "rel_pos", "conv_kernel_size": 5, "conv_norm_type": "batch_norm",
    },
    "decoder": {"vocabulary": [" ", "a", "b"]},
}  # fmt: skip
_STEM = ("conv.0", "conv.2", "conv.3", "out")
_BLOCK = (
    "norm_feed_forward1", "feed_forward1.linear1", "feed_forward1.linear2", "norm_conv",
    "conv.pointwise_conv1", "conv.depthwise_conv", "conv.batch_norm", "conv.pointwise_conv2",
    "norm_self_att", "self_attn.linear_q", "self_attn.linear_k", "self_attn.linear_v",
    "self_attn.linear_out", "norm_feed_forward2", "feed_forward2.linear1", "feed_forward2.linear2",
    "norm_out",
)  # fmt: skip


def nemo_tensors() -> dict[str, torch.Tensor]:
    """Return tensors under NeMo's names; the output layer has 3 labels and the blank."""
    parts = [f"pre_encode.{part}" for part in _STEM]
    parts += [f"layers.{number}.{part}" for number in range(2) for part in _BLOCK]
    found = [f"encoder.{part}.{end}" for part in parts for end in ("weight", "bias")]
    for number in range(2):
        attention = f"encoder.layers.{number}.self_attn"
        found += [f"{attention}.linear_pos.weight"]
        found += [f"{attention}.pos_bias_u", f"{attention}.pos_bias_v"]
        norm = f"encoder.layers.{number}.conv.batch_norm"
        found += [f"{norm}.running_mean", f"{norm}.running_var"]
    found += [f"decoder.decoder_layers.0.{end}" for end in ("weight", "bias")]
    specification = names.specification_of_nemo(CONFIG).with_classes(4)
    random = np.random.default_rng(0)
    tensors = {}
    for name in found:
        shape = specification.tensor_shapes()[str(names.our_name(name, specification))]
        is_product = "pointwise" in name or "decoder_layers" in name
        shape = (*shape, 1) if is_product and name.endswith("weight") else shape
        tensors[name] = torch.from_numpy(random.random(shape).astype(np.float32))
    tensors["encoder.layers.0.conv.batch_norm.num_batches_tracked"] = torch.tensor(7)
    tensors["preprocessor.featurizer.fb"] = torch.ones(1, 16, 257)
    return tensors


def write_nemo(
    path: Path,
    config: Mapping[str, Any] = CONFIG,
    tensors: Mapping[str, Any] | None = None,
    *,
    leave_out: str = "",
    mode: str = "w:",
) -> Path:
    """Write a `.nemo` file, without the member `leave_out` if that is given."""
    weights = io.BytesIO()
    torch.save(nemo_tensors() if tensors is None else tensors, weights)
    files = {
        "./model_config.yaml": yaml.safe_dump(dict(config)).encode(),
        "./model_weights.ckpt": weights.getvalue(),
    }
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            if name != f"./{leave_out}":
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path
