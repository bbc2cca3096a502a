"""Describes an installation: versions, kernels, engines, and missing optional parts."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from . import version
from .cores import available_cores
from .extras import missing_parts
from .installation import foreign_distributions

_PACKAGES = (
    "numpy", "soundfile", "soxr", "ai-edge-litert", "onnxruntime", "torch", "safetensors",
    "tensorboard", "transformers", "matplotlib", "av", "fastapi",
)  # fmt: skip
_ENGINES = {".tflite": "ai-edge-litert", ".onnx": "onnxruntime", "checkpoint folders": "torch"}
# Extra, as in `pip install '.[NAME]'` -> what it is for.
_PARTS = {
    "train": "training, evaluation, scorers",
    "export": "writing models to deploy",
    "onnx": "running .onnx models",
    "formats": "M4A, WebM and video",
    "mic": "the microphone",
    "transcribe": "long recordings",
    "server": "the server and the transcription desk",
    "hub": "models of the Hugging Face hub",
    "data": "Parquet and Arrow files, CSV files of millions of rows",
    "remote": "data at URLs",
    "augment": "rooms, codecs, pitch and tempo of samples for --augment",
    "align": "alignment across scripts",
    "importers": "public corpora, upstream's importers",
    "cluster": "recordings heard by many machines",
}


def installed(name: str) -> str | None:
    """Return the version of a distribution, or None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def diagnose_runtime() -> dict[str, Any]:
    """Return versions, the processor's kernels, engines and missing parts as JSON values.

    `broken` lists the problems because of which the installation does not work.
    """
    kernels, broken = _kernels()
    folder = Path(__file__).parents[1]
    foreign = foreign_distributions(folder) if folder.name == "site-packages" else []
    broken += [
        f"{name} writes into the same folders; remove it and install anew" for name in foreign
    ]
    return {
        "version": version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": {"cores": available_cores(), "machine": platform.machine()},
        "packages": {name: found for name in _PACKAGES if (found := installed(name))},
        "kernels": kernels,
        "engines": {what: installed(name) is not None for what, name in _ENGINES.items()},
        "missing": [
            {"part": part, "for": what, "packages": lacking, "command": command}
            for part, what in _PARTS.items()
            for lacking, command in [missing_parts(part)]
            if lacking
        ],
        "foreign": foreign,
        "broken": broken,
        "interpreter": sys.executable,
    }


def _kernels() -> tuple[dict[str, list[str]], list[str]]:
    """Return the kernels of each native part that this processor can run, the one in use first.

    The second value lists problems: native parts that cannot be loaded.
    """
    try:
        from coqui_stt_ctcdecoder import _native as decoder

        from . import _native as runtime
    except ImportError as error:
        return {}, [f"the native parts cannot be loaded ({error}); install this package again"]
    parts: dict[str, Callable[[], list[str]]] = {
        "decoder": decoder.kernels,
        "int8 models": runtime.int8_kernels,
        "float models": runtime.float_kernels,
    }
    return {name: names() for name, names in parts.items()}, []
