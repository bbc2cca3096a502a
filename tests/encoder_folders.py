"""Small encoders with random weights, in the folder layout of Hugging Face's transformers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.checkpoints.file import Checkpoint, write_checkpoint
from coqui_stt_training.checkpoints.transformers_conversion import convert_to_transformers
from coqui_stt_training.models.wav2vec2.specification import Wav2Vec2Encoder

WHISPER_CONFIG: dict[str, Any] = {
    "model_type": "whisper",
    "d_model": 16,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "num_mel_bins": 80,
    "max_source_positions": 40,
    "activation_function": "gelu",
}


def whisper_tensors(seed: int = 0) -> dict[str, np.ndarray]:
    """Return float16 tensors under transformers' names, including one tensor of the decoder."""
    random, width = np.random.default_rng(seed), 16
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (width, 80, 3), "conv1.bias": (width,),
        "conv2.weight": (width, width, 3), "conv2.bias": (width,),
        "embed_positions.weight": (40, width),
        "layer_norm.weight": (width,), "layer_norm.bias": (width,),
    }  # fmt: skip
    for layer in ("layers.0.", "layers.1."):
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes[f"{layer}self_attn.{name}.weight"] = (width, width)
            if name != "k_proj":
                shapes[f"{layer}self_attn.{name}.bias"] = (width,)
        for name in ("self_attn_layer_norm", "final_layer_norm"):
            shapes |= {f"{layer}{name}.weight": (width,), f"{layer}{name}.bias": (width,)}
        shapes |= {f"{layer}fc1.weight": (4 * width, width), f"{layer}fc1.bias": (4 * width,)}
        shapes |= {f"{layer}fc2.weight": (width, 4 * width), f"{layer}fc2.bias": (width,)}
    tensors = {
        f"model.encoder.{name}": (0.2 * random.normal(size=shape)).astype(np.float16)
        for name, shape in shapes.items()
    }
    return tensors | {"model.decoder.layer_norm.weight": np.ones(width, np.float16)}


def write_whisper(folder: Path, *, shards: int = 1, **config: Any) -> Path:
    """Write a Whisper folder with its tensors in one file or in several shards."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**WHISPER_CONFIG, **config}))
    tensors = whisper_tensors()
    if shards == 1:
        save_file(tensors, folder / "model.safetensors")
        return folder
    names = sorted(tensors)
    weight_map = {}
    for number in range(shards):
        file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        save_file({name: tensors[name] for name in names[number::shards]}, folder / file)
        weight_map.update(dict.fromkeys(names[number::shards], file))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def write_peft(folder: Path, base: Path | str, **config: Any) -> Path:
    """Write a LoRA adapter of rank 2 for the first block's query projection, as peft does."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "peft_type": "LORA", "base_model_name_or_path": str(base), "r": 2, "lora_alpha": 6,
        "target_modules": ["q_proj"], "bias": "none", **config,
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    write_peft_tensors(folder)
    return folder


def write_peft_tensors(folder: Path, **changes: Any) -> None:
    """Write the adapter's tensors, after `changes`: new values by name, None to omit a tensor."""
    random, module = np.random.default_rng(3), "base_model.model.model.encoder.layers.0.self_attn"
    tensors = {
        f"{module}.q_proj.lora_A.weight": random.normal(size=(2, 16)).astype(np.float32),
        f"{module}.q_proj.lora_B.weight": random.normal(size=(16, 2)).astype(np.float32),
        **{name.replace("MODULE", module): value for name, value in changes.items()},
    }
    save_file(
        {name: tensor for name, tensor in tensors.items() if tensor is not None},
        folder / "adapter_model.safetensors",
    )


WAV2VEC2: dict[str, Any] = {
    "channels": (4, 4), "kernels": (10, 3), "strides": (5, 2), "width": 8, "attention_heads": 2,
    "blocks": 2, "mlp_width": 12, "position_kernel": 4, "position_groups": 2,
}  # fmt: skip


def write_wav2vec2(folder: Path, labels: str, seed: int = 0, **parameters: Any) -> Path:
    """Write the folder of a CTC model whose labels are the given characters."""
    alphabet, random = Alphabet.from_labels(labels), np.random.default_rng(seed)
    specification = Wav2Vec2Encoder(**WAV2VEC2, **parameters).with_classes(alphabet.size + 1)
    tensors = {
        name: random.standard_normal(shape).astype(np.float32)
        for name, shape in specification.tensor_shapes().items()
    }
    ours = folder.with_suffix(".safetensors")
    ours.parent.mkdir(parents=True, exist_ok=True)
    write_checkpoint(ours, Checkpoint(specification, alphabet, specification.front_end, tensors))
    convert_to_transformers(ours, folder)
    ours.unlink()
    return folder


def write_for_languages(folder: Path, **languages: str) -> Path:
    """Write a multilingual model (MMS) with one adapter file for each language.

    `model.safetensors` has the adapter and output layer of the first language; the configuration
    names no target language.

    Args:
        folder: folder to write.
        languages: characters of each language, by its code.
    """
    vocabularies = {}
    for seed, (language, labels) in reversed([*enumerate(languages.items())]):
        write_wav2vec2(folder, labels, seed, norm_first=True, adapter_width=3)
        vocabularies[language] = json.loads((folder / "vocab.json").read_text())
        own = {
            name: tensor
            for name, tensor in load_file(folder / "model.safetensors").items()
            if "adapter_layer" in name or name.startswith("lm_head")
        }
        save_file(own, folder.with_suffix(f".{language}"))
        if seed:
            shutil.rmtree(folder)
    for language in languages:
        folder.with_suffix(f".{language}").rename(folder / f"adapter.{language}.safetensors")
    (folder / "vocab.json").write_text(json.dumps(vocabularies))
    (folder / "tokenizer_config.json").write_text("{}")
    return folder
