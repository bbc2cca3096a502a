"""Description of the `.onnx` files that we export. Training cannot start from one."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder.errors import AlphabetError
from coqui_stt_ctcdecoder.utf8_alphabet import restore_alphabet
from stt.engines.chunked import ChunkedInfo
from stt.engines.onnx_chunked import read_chunked
from stt.engines.onnx_utterance import read_utterance
from stt.engines.utterance import UtteranceInfo
from stt.errors import ModelError
from stt.mapped_file import map_file
from stt.onnx.acoustic import INPUTS, OUTPUTS, check_acoustic
from stt.onnx.graph import FLOAT, OnnxError, OnnxGraph, read_onnx, read_onnx_metadata

from ..errors import CheckpointError
from ..models.specification import restore_specification
from .encoder.deployment import CHUNKED, KIND

_USES = {
    KIND: "whole clips and live streams, for stt and its server",
    CHUNKED: "audio as it comes, for stt and its server",
    "streaming": "audio as it comes, for stt and its server",
    "batch": "whole clips, many at a time, for ONNX Runtime itself",
    "features": "from samples to what the batch graph takes",
}


def describe_onnx(path: Path) -> dict[str, Any]:
    """Return a description of an `.onnx` file, as JSON values.

    Graphs that our runtime can run are read and checked as it does. Of batch and features graphs
    only the metadata are read.

    Raises:
        CheckpointError: the file cannot be read, is damaged, or was not exported by this toolkit.
    """
    try:
        content = map_file(path)
        properties = read_onnx_metadata(content)
        kind = properties.get("kind", "")
        if kind not in _USES:
            raise CheckpointError(
                "an .onnx file, but no export of this toolkit: it does not say which kind of graph "
                "it is; name the checkpoint that it was made from"
            )
        file = {
            "format": "onnx",
            "path": str(path),
            "size_bytes": len(content),
            "kind": kind,
            "use": _USES[kind],
        }
        if kind in (KIND, CHUNKED):
            return file | _describe_encoder(path, content, properties)
        graph = read_onnx(content) if kind == "streaming" else None
        if graph:
            check_acoustic(graph)
        return {
            **file,
            "geometry": _geometry(graph) if graph else None,
            "alphabet": _alphabet(properties),
            "features": {
                "kind": "mfcc",
                "audio_sample_rate": int(properties["sample_rate"]),
                "feature_win_len": int(properties["feature_win_len"]),
                "feature_win_step": int(properties["feature_win_step"]),
            },
            **{
                name: int(properties[name])
                for name in ("n_steps", "n_context", "beam_width")
                if name in properties
            },
            "language": properties.get("language") or None,
        }
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None
    except (OnnxError, AlphabetError, KeyError, ValueError, TypeError, binascii.Error) as error:
        told = f"metadata {error} is missing" if isinstance(error, KeyError) else error
        raise CheckpointError(f"{path}: {told}") from None


def _describe_encoder(
    path: Path, content: memoryview, properties: Mapping[str, str]
) -> dict[str, Any]:
    try:
        if properties["kind"] == KIND:
            whole, _ = read_utterance(content, path)
            info: UtteranceInfo | ChunkedInfo = whole
            heard: dict[str, Any] = {
                "longest_seconds": whole.longest_seconds,
                "live": asdict(whole.live),
            }
        else:
            info, _ = chunks, _ = read_chunked(content, path)
            heard = {"chunk_seconds": chunks.chunk_frames * chunks.front_end.step_seconds}
    except ModelError as error:
        raise CheckpointError(str(error)) from None
    model = restore_specification(json.loads(properties["model"]))
    return {
        "geometry": None,
        "architecture": model.architecture,
        "summary": model.describe(),
        "precision": properties["precision"],
        "alphabet": _alphabet(properties),
        "features": {
            **json.loads(properties["front_end"]),
            "audio_sample_rate": info.sample_rate_hz,
        },
        "step_seconds": info.step_seconds,
        **heard,
        "beam_width": info.beam_width,
        "language": info.language or None,
    }


def _geometry(graph: OnnxGraph) -> dict[str, Any]:
    stored = {constant.type for constant in graph.constants.values() if constant.name.count(".")}
    return {
        "n_hidden": graph.inputs[INPUTS[1]][-1],
        "n_classes": graph.outputs[OUTPUTS[0]][-1],
        "quantized": stored > {FLOAT},
    }


def _alphabet(properties: Mapping[str, str]) -> dict[str, Any] | None:
    if "alphabet" not in properties:
        return None
    alphabet = restore_alphabet(base64.b64decode(properties["alphabet"], validate=True))
    return {
        "bytes_output_mode": alphabet.is_bytes,
        "size": alphabet.size,
        "labels": None if alphabet.is_bytes else list(alphabet.labels),
    }
