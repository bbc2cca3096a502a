"""What an installed wheel must do by itself, where there is no compiler and no PyTorch.

    pytest packaging/test_wheel.py

cibuildwheel runs it against each wheel, in an environment with nothing but what that wheel needs;
it reads nothing of this repository.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

MOST_BYTES = 12 << 20  # of ours, unpacked; what it requires comes on top
MOST_RUNTIME_BYTES = 200 << 20
_FILES = importlib.metadata.files("coqui-stt") or []


def _installed(ending: str) -> list[Path]:
    return [Path(str(file.locate())) for file in _FILES if str(file).endswith(ending)]


def test_both_native_modules_run() -> None:
    from coqui_stt_ctcdecoder import Alphabet, ctc_beam_search_decoder
    from stt import _native

    rows = np.full((3, 3), 0.05, np.float32)
    rows[[0, 1, 2], [0, 2, 1]] = 0.9
    (best, *_) = ctc_beam_search_decoder(rows, Alphabet.from_labels("ab"), 8)
    assert best.transcript == "ab"
    assert _native.__file__


def test_the_commands_start() -> None:
    for command in (["stt", "--version"], ["stt", "--help"]):
        program = Path(sys.executable).with_name(command[0])
        subprocess.run([str(program), *command[1:]], check=True, stdout=subprocess.DEVNULL)


def test_language_models_are_made_without_a_compiler(tmp_path: Path) -> None:
    if os.name == "nt":
        return  # KenLM's programs are not part of wheels for Windows
    from coqui_stt_training.lm.kenlm import find_program

    text = "".join(f"{one} {two}\n" for one in "abcdefgh" for two in "ijklmnop")
    arpa, binary = tmp_path / "lm.arpa", tmp_path / "lm.binary"
    options = ["-o", "2", "--discount_fallback", "-S", "100M", "--arpa", str(arpa)]
    subprocess.run([str(find_program("lmplz")), *options], input=text, text=True, check=True)
    subprocess.run([str(find_program("build_binary")), str(arpa), str(binary)], check=True)
    assert binary.stat().st_size > 0


def test_it_says_what_is_bundled() -> None:
    (sbom,) = _installed("coqui-stt.cdx.json")
    described = json.loads(sbom.read_text())
    names = {component["name"] for component in described["components"]}
    assert {"nanobind", "robin-map"} <= names
    if os.name != "nt":
        assert {"kenlm", "boost", "double-conversion"} <= names
        assert _installed("kenlm-0.3.0-COPYING.LESSER.3")
    assert _installed("LICENSE.nanobind")
    (robin_map,) = _installed("LICENSE.robin-map")
    assert "Permission is hereby granted" in robin_map.read_text()


def test_it_is_small() -> None:
    assert sum(file.stat().st_size for file in _installed("") if file.is_file()) < MOST_BYTES


def _required(name: str, found: dict[str, importlib.metadata.Distribution]) -> None:
    """Collect a distribution and all that it requires to run, by name."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return  # for another system
    found[name] = distribution
    for requirement in distribution.requires or []:
        needed = re.split(r"[^\w.-]", requirement)[0].lower()
        if "extra ==" not in requirement and needed not in found:
            _required(needed, found)


def test_the_runtime_is_small() -> None:
    found: dict[str, importlib.metadata.Distribution] = {}
    _required("coqui-stt", found)
    assert {"numpy", "soxr", "ai-edge-litert"} <= found.keys()
    assert "torch" not in found
    files = [Path(str(one.locate())) for some in found.values() for one in some.files or []]
    assert sum(file.stat().st_size for file in files if file.is_file()) < MOST_RUNTIME_BYTES
