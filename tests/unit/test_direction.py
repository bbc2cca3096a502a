"""Imports go one way, between the three packages and between the folders of each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"
NATIVE = Path(__file__).parents[2] / "native"
PACKAGES = ("coqui_stt_ctcdecoder", "stt", "coqui_stt_training")  # each may use earlier ones


def _modules() -> dict[str, Path]:
    names = {}
    for path in SOURCES.rglob("*.py"):
        parts = path.relative_to(SOURCES).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


MODULES = _modules()


def _imports(module: str) -> Iterator[str]:
    """Yield our modules that a module imports, also late, but not those only for type checkers."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        node
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and "TYPE_CHECKING" in ast.dump(guard.test)
        for node in ast.walk(guard)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]) if base else ".".join(above)
            for alias in node.names:
                name = f"{base}.{alias.name}"
                if name in MODULES:
                    yield name
                elif base in MODULES:
                    yield base


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Return, for each of our modules, the others that it imports."""
    return {module: set(_imports(module)) for module in MODULES}


def test_a_package_uses_only_itself_and_those_below(imports: dict[str, set[str]]) -> None:
    above = [
        f"{module} uses {name}"
        for module, used in imports.items()
        for name in used
        if _level(name) > _level(module)
    ]
    assert not above


def _level(module: str) -> int:
    return PACKAGES.index(module.split(".")[0])


def _folder(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if (SOURCES / "/".join(parts[:2])).is_dir() else module


def test_folders_have_no_import_cycle(imports: dict[str, set[str]]) -> None:
    uses: dict[str, set[str]] = {}
    for module, used in imports.items():
        uses.setdefault(_folder(module), set()).update(map(_folder, used))
    for folder, used in uses.items():
        used.discard(folder)
    while leaves := [folder for folder, used in uses.items() if not used & uses.keys()]:
        for folder in leaves:
            del uses[folder]
    cycles = {folder: sorted(used & uses.keys()) for folder, used in uses.items()}
    assert not cycles, cycles


def test_folders_of_native_code_use_those_before_them() -> None:
    """The runtime's matrix products need no scorer; only the bindings use Python."""
    uses = {
        "kernels": set(),
        "lm": set(),
        "ctc": {"kernels"},
        "search": {"kernels", "lm"},
        "products": {"kernels"},
        "bindings": {"kernels", "lm", "ctc", "search", "products"},
        "fuzz": {"kernels", "lm", "ctc", "search", "products"},
    }  # fmt: skip
    assert {path.name for path in NATIVE.iterdir() if path.is_dir()} == uses.keys()
    for folder, allowed in uses.items():
        for path in NATIVE.glob(f"{folder}/*.[ch]*"):
            included = set(re.findall(r'^#include "(\w+)/', path.read_text(), re.M))
            assert included <= {folder, *allowed}, path
