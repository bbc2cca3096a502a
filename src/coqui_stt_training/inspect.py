"""Describe a checkpoint or an exported model.

    python -m coqui_stt_training.inspect SOURCE [--which best] [--json]

It reads the whole model and verifies all checksums, so it also tells whether a file is complete.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stt.counted import counted

from .cli.command import ArgumentParser, command, print_now
from .report.lineage import ancestor_text

if TYPE_CHECKING:
    from stt.frontends import FrontEnd

    from .checkpoints.source import SourceModel

_MOST_LABELS_SHOWN = 60
_FLOAT32_BYTES = 4


def describe(source: SourceModel) -> dict[str, Any]:
    """Return the description of a source model as JSON values; unknown ones are None."""
    shapes = source.specification.tensor_shapes()
    parameters = {
        name: math.prod(shape) for name, shape in shapes.items() if name in source.tensors
    }
    alphabet, features = source.alphabet, source.features
    details = dict(source.details)
    return {
        "format": source.format,
        "path": str(source.path),
        "size_bytes": details.pop("size_bytes", None) or source.path.stat().st_size,
        "architecture": source.specification.architecture,
        "geometry": asdict(source.specification),  # type: ignore[call-overload]
        "summary": source.specification.describe(),
        "layers": list(source.specification.layers),
        "has_output": source.has_output,
        "parameters": sum(parameters.values()),
        "tensors": {name: list(tensor.shape) for name, tensor in source.tensors.items()},
        "alphabet": None
        if alphabet is None
        else {
            "bytes_output_mode": alphabet.is_bytes,
            "size": alphabet.size,
            "labels": None if alphabet.is_bytes else list(alphabet.labels),
        },
        "features": None if features is None else _features(features),
        "steps": source.step,
        "learning_rate": source.learning_rate,
        "optimizer_steps": None if source.adam is None else source.adam.step,
        "lineage": list(details.pop("lineage", ())),
        "details": details,
        "notes": list(source.notes),
    }


def _features(front_end: FrontEnd) -> dict[str, Any]:
    from stt.frontends import describe_front_end

    description = describe_front_end(front_end)
    if description["kind"] != "mfcc":
        return {"audio_sample_rate": front_end.sample_rate_hz, **description}
    return {  # by the names of the flags
        "kind": "mfcc",
        "audio_sample_rate": description["sample_rate_hz"],
        "feature_win_len": description["window_milliseconds"],
        "feature_win_step": description["step_milliseconds"],
    }


def format_text(description: Mapping[str, Any]) -> str:
    """Return a readable description of a source model."""
    return "\n".join(f"{title:<12}{text}" for title, text in _lines(description))


def format_export_text(description: Mapping[str, Any]) -> str:
    """Return a readable description of an `.onnx` file."""
    return "\n".join(f"{title:<12}{text}" for title, text in _export_lines(description))


def _export_lines(description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "format", f"onnx, the {description['kind']} graph: {description['use']}"
    yield "path", description["path"]
    yield "size", f"{description['size_bytes'] / 1e6:.1f} MB"
    geometry = description["geometry"]
    if geometry:
        stored = "8-bit integers" if geometry["quantized"] else "float32"
        yield (
            "geometry",
            f"n_hidden {geometry['n_hidden']}, {geometry['n_classes']} classes; stored as {stored}",
        )
    if "summary" in description:
        stored = description["precision"]
        yield (
            "model",
            f"{description['architecture']}: {description['summary']}; stored as {stored}",
        )
    if description["alphabet"]:
        yield "alphabet", _alphabet_text(description["alphabet"], 0)
    yield "audio", _features_text(description["features"])
    if "live" in description:
        live = description["live"]
        yield (
            "live",
            f"{live['piece_seconds']:g} s at a time, latency {live['ahead_seconds']:g} s; clips "
            f"of up to {description['longest_seconds']:g} s as a whole",
        )
        yield "decoding", f"beam width {description['beam_width']}"
    elif "chunk_seconds" in description:
        yield "live", f"in chunks of {description['chunk_seconds']:g} s, which is also the latency"
        yield "decoding", f"beam width {description['beam_width']}"
    elif "beam_width" in description:
        steps = counted(description["n_steps"], "frame")
        yield "decoding", f"beam width {description['beam_width']}, {steps} at a time"
    if description["language"]:
        yield "language", description["language"]
    yield (
        "note",
        "for inference only; to train further, start from the checkpoint that it was exported from",
    )


def _lines(description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    geometry, details = description["geometry"], description["details"]
    chosen = details.get("checkpoint", "named")
    yield "format", description["format"]
    yield "path", description["path"] + ("" if chosen == "named" else f" ({chosen})")
    yield "size", f"{description['size_bytes'] / 1e6:.1f} MB"
    yield "model", f"{description['architecture']}: {description['summary']}"
    yield "layers", ", ".join(description["layers"])
    weights_megabytes = description["parameters"] * _FLOAT32_BYTES / 1e6
    yield "parameters", f"{description['parameters']:,} ({weights_megabytes:.1f} MB as float32)"
    if description["has_output"]:
        yield "alphabet", _alphabet_text(description["alphabet"], geometry["n_classes"])
    else:
        yield "alphabet", "none: an encoder without output layer; training adds one"
    yield "audio", _features_text(description["features"])
    yield "trained", _training_text(description)
    for ancestor in description["lineage"]:
        yield "lineage", ancestor_text(ancestor) if isinstance(ancestor, dict) else str(ancestor)
    shown = {key: value for key, value in details.items() if key != "checkpoint" and value}
    if _mapping_text(shown):
        yield "details", _mapping_text(shown)
    for note in description["notes"]:
        yield "note", note


def _alphabet_text(alphabet: Mapping[str, Any] | None, class_count: int) -> str:
    if alphabet is None:
        return (
            f"unknown; the output layer has {class_count} classes: give --alphabet_config_path "
            f"with {class_count - 1} labels"
        )
    if alphabet["bytes_output_mode"]:
        return "UTF-8 bytes (--bytes_output_mode true)"
    labels = "".join(alphabet["labels"])
    shown = labels[:_MOST_LABELS_SHOWN] + ("..." if len(labels) > _MOST_LABELS_SHOWN else "")
    return f"{counted(alphabet['size'], 'label')}: {shown!r}"


def _features_text(features: Mapping[str, Any] | None) -> str:
    if features is None:
        return "unknown; set --audio_sample_rate, --feature_win_len and --feature_win_step"
    if features["kind"] != "mfcc":
        rest = _mapping_text({k: v for k, v in features.items() if k != "audio_sample_rate"})
        return f"{features['audio_sample_rate']} Hz, {rest}"
    return (
        f"{features['audio_sample_rate']} Hz, window {features['feature_win_len']} ms, "
        f"step {features['feature_win_step']} ms"
    )


def _training_text(description: Mapping[str, Any]) -> str:
    steps, rate = description["steps"], description["learning_rate"]
    parts = [counted(steps, "step") if steps else "steps unknown"]
    parts += [] if rate is None else [f"learning rate {rate:.6g}"]
    has_optimizer = description["optimizer_steps"] is not None
    return ", ".join([*parts, "with optimizer state" if has_optimizer else "no optimizer state"])


def _mapping_text(mapping: Mapping[str, Any]) -> str:
    """Return the scalar values on one line; lists and mappings are only in --json."""
    return ", ".join(
        f"{key.replace('_', ' ')}: {value}"
        for key, value in mapping.items()
        if not isinstance(value, (dict, list))
    )


@command
def main(argv: list[str]) -> int:
    """Run the command."""
    parser = ArgumentParser(
        prog="python -m coqui_stt_training.inspect",
        description="Describe a checkpoint or an exported model, and check that it is complete.",
    )
    parser.add_argument(
        "source",
        help="checkpoint folder or file, prefix of a TensorFlow checkpoint, .tflite or .onnx file",
    )
    parser.add_argument(
        "--which",
        choices=("auto", "best", "last"),
        default="auto",
        help="which checkpoint of a folder to use; auto: best, or last if there is none",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args(argv)

    path = Path(arguments.source)
    # NumPy is slow to import, and --help does not need it.
    if path.suffix == ".onnx" and path.is_file():
        from .exporting.onnx_file import describe_onnx

        description = describe_onnx(path)
        text = format_export_text(description)
    else:
        from .checkpoints.loading import load_source

        description = describe(load_source(path, arguments.which, with_adam=True))
        text = format_text(description)
    if arguments.json:
        text = json.dumps(description, ensure_ascii=False, indent=2)
    print_now(text)
    return 0


if __name__ == "__main__":
    main()
