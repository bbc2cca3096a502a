"""Checkpoints in fairseq's format give the same results as the same models in transformers."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.errors import CheckpointError

from .test_transformers_wav2vec2 import MODELS, make
from .transformers_models import CLASSES, saved

# Names in fairseq, by names in transformers.
THEIRS = {
    "encoder.pos_conv_embed.conv.parametrizations.weight.original0": "encoder.pos_conv.0.weight_g",
    "encoder.pos_conv_embed.conv.parametrizations.weight.original1": "encoder.pos_conv.0.weight_v",
    "encoder.pos_conv_embed.conv.": "encoder.pos_conv.0.",
    "feature_projection.projection": "post_extract_proj",
    "feature_projection.layer_norm": "layer_norm",
    "lm_head": "proj",
    "masked_spec_embed": "mask_emb",
}
IN_LAYERS = {
    "attention.rel_attn_embed": "self_attn.relative_attention_bias",
    "attention.gru_rel_pos_linear": "self_attn.grep_linear",
    "attention.gru_rel_pos_const": "self_attn.grep_a",
    "attention.": "self_attn.",
    "feed_forward.intermediate_dense": "fc1",
    "feed_forward.output_dense": "fc2",
    ".layer_norm.": ".self_attn_layer_norm.",
}


def fairseq_name(name: str, model: Any) -> str:
    """Return fairseq's name of a tensor, given its name in transformers."""
    _, _, bare = name.partition(f"{model.base_model_prefix}.")
    bare = bare or name
    if bare.startswith("encoder.layers."):
        for theirs, ours in IN_LAYERS.items():
            bare = bare.replace(theirs, ours, 1) if theirs in bare else bare
            if bare != name and ours.startswith("self_attn.") and ours in bare:
                break
        return bare
    if bare.startswith("feature_extractor"):
        norm = ".2." if has_group_norm(model) else ".2.1."
        return bare.replace(".conv.", ".0.").replace(".layer_norm.", norm)
    if bare.startswith("encoder.pos_conv_embed.layers."):
        return bare.replace("pos_conv_embed.layers", "pos_conv").replace(".conv.", ".0.")
    for theirs, ours in THEIRS.items():
        if bare.startswith(theirs):
            return bare.replace(theirs, ours)
    return bare


def has_group_norm(model: Any) -> bool:
    return getattr(model.config, "feat_extract_norm", "layer") == "group"


def settings(model: Any) -> dict[str, Any]:
    config = model.config
    layers = zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True)
    is_data2vec = config.model_type == "data2vec-audio"
    found = {
        "extractor_mode": "default" if has_group_norm(model) else "layer_norm",
        "conv_feature_layers": " + ".join(f"[({a}, {b}, {c})] * 1" for a, b, c in layers),
        "conv_bias": config.conv_bias,
        "encoder_embed_dim": config.hidden_size,
        "encoder_attention_heads": config.num_attention_heads,
        "encoder_layers": config.num_hidden_layers,
        "encoder_ffn_embed_dim": config.intermediate_size,
        "layer_norm_first": bool(getattr(config, "do_stable_layer_norm", False)),
        "conv_pos": config.num_conv_pos_embeddings,
        "conv_pos_groups": config.num_conv_pos_embedding_groups,
        "activation_fn": "gelu",
    }
    if is_data2vec:
        found |= {
            "pos_conv_depth": config.num_conv_pos_embeddings,
            "conv_pos": config.conv_pos_kernel_size * config.num_conv_pos_embeddings,
        }
    if config.model_type == "wavlm":
        found |= {
            "relative_position_embedding": True, "gru_rel_pos": True,
            "num_buckets": config.num_buckets, "max_distance": config.max_bucket_distance,
        }  # fmt: skip
    return found


def write_fairseq(folder: Path, model: Any, form: str) -> Path:
    """Write a fairseq checkpoint and return its path.

    Args:
        folder: folder to create.
        model: model of transformers.
        form: `cfg` or `wavlm` for a pre-trained model, `args` for a fine-tuned one.
    """
    folder.mkdir()
    tensors = {fairseq_name(n, model): t for n, t in model.state_dict().items()}
    head = {name: tensors.pop(name) for name in ("proj.weight", "proj.bias")}
    values, content = settings(model), {}
    if form == "cfg":
        content = {"cfg": {"model": values, "task": {"normalize": True}}, "args": None}
    elif form == "wavlm":
        content = {"cfg": {**values, "normalize": True}}
    else:
        # Rows of fairseq's output layer: <s>, <pad>, </s>, <unk>, then the dictionary.
        rows = [0, 1, 1, 1, *range(1, CLASSES)]
        tensors = {f"w2v_encoder.w2v_model.{name}": tensor for name, tensor in tensors.items()}
        tensors |= {f"w2v_encoder.{name}": tensor[rows] for name, tensor in head.items()}
        args = Namespace(w2v_args=Namespace(**values, normalize=True), normalize=True, arch="x")
        content = {"args": args, "cfg": None}
        (folder / "dict.ltr.txt").write_text("c 9\n| 8\na 7\nb 6\ne 5\nd 4\n")
    tensors["final_proj.weight"] = torch.zeros(2)
    torch.save({"model": tensors, "extra_state": {"epoch": 3}, **content}, folder / "model.pt")
    return folder / "model.pt"


# fairseq has neither the adapters of this MMS nor this variant of HuBERT.
FAMILIES = {n: m for n, m in MODELS.items() if n not in ("mms", "hubert-without-projection-norm")}


@pytest.mark.parametrize("form", ["pre-trained", "fine-tuned"])
@pytest.mark.parametrize(("family", "parameters"), FAMILIES.values(), ids=list(FAMILIES))
def test_a_checkpoint_is_read_as_what_it_became(
    family: str, parameters: dict[str, Any], form: str, tmp_path: Path
) -> None:
    model = make(family, parameters)
    expected = saved(model, tmp_path / "folder")
    kind = ("wavlm" if family == "WavLM" else "cfg") if form == "pre-trained" else "args"
    source = load_source(write_fairseq(tmp_path / "fairseq", model, kind))
    assert source.format == "fairseq"
    assert source.has_output == (form == "fine-tuned")
    wanted = {
        name: tensor
        for name, tensor in expected.tensors.items()
        if source.has_output or not name.startswith("output.")
    }
    assert source.tensors.keys() == wanted.keys()
    for name, tensor in wanted.items():
        np.testing.assert_allclose(source.tensors[name], tensor, rtol=1e-5, err_msg=name)
    theirs, ours = vars(expected.specification), vars(source.specification)
    differ = {name for name in ours if ours[name] != theirs[name]}
    assert differ <= {"normalize", "n_classes"}
    if source.has_output:
        assert source.alphabet == expected.alphabet


class Node:
    """A stand-in for OmegaConf's objects, whose values are in their state."""

    def __init__(self, **state: Any) -> None:
        vars(self).update(state)


def test_objects_are_described_and_nothing_is_run(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "harm"),)

    path = write_fairseq(tmp_path / "fairseq", make("Wav2Vec2", {}), "cfg")
    expected = load_source(path)
    content = torch.load(path, weights_only=False)
    model = {
        name: Node(_val=value, _parent=None) for name, value in content["cfg"]["model"].items()
    }
    task = Node(_content={"normalize": Node(_val=True)})
    content["cfg"] = Node(_content={"model": Node(_content=model), "task": task, "more": Harm()})
    torch.save(content, path)
    source = load_source(path)
    assert source.specification == expected.specification
    assert not (tmp_path / "harm").exists()


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    model = make("Wav2Vec2", {})
    path = write_fairseq(tmp_path / "fairseq", model, "args")
    (path.parent / "dict.ltr.txt").write_text("a 1\n")
    with pytest.raises(
        CheckpointError, match=r"dict.ltr.txt: has 1 symbol, and 4 before .* 10 rows"
    ):
        load_source(path)
    (path.parent / "dict.ltr.txt").unlink()
    source = load_source(path)
    assert not source.has_output
    assert "no dict.ltr.txt beside it says" in source.notes[0]
    content = {"model": {"a": torch.zeros(1)}, "cfg": {"model": {"conv_feature_layers": "exit()"}}}
    torch.save(content, path)
    with pytest.raises(CheckpointError) as caught:
        load_source(path)
    for what in ("conv_feature_layers", "encoder_embed_dim is None", "encoder_layers is None"):
        assert what in str(caught.value)
