"""The packages of the optional parts of the toolkit, and how to install them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

from .errors import FlagError

_DISTRIBUTION = "coqui-stt"
# Import name -> name on the package index, where the two differ.
_INDEX_NAMES = {
    "yaml": "pyyaml",
    "google_crc32c": "google-crc32c",
    "webrtcvad": "webrtcvad-wheels",
    "multipart": "python-multipart",
    "prometheus_client": "prometheus-client",
}


def missing_packages(package: str, extra: str = "") -> str:
    """Return a message that a package is not installed, and how to install it.

    It names all missing packages of the same extra at once; else each attempt would fail at the
    next one.

    Args:
        package: import name of the package.
        extra: extra to install; empty for the first one that includes the package.
    """
    name = _INDEX_NAMES.get(package, package)
    members = _extras()
    if name not in members.get(extra, ()):
        extra = next((one for one, names in members.items() if name in names), "")
    if not extra:
        return f"the package {name} is not installed; run: pip install {name}"
    missing = [one for one in members[extra] if one == name or not _is_installed(one)]
    what = f"the package {name} is" if len(missing) == 1 else f"{', '.join(missing)} are"
    return f"{what} not installed; in the folder with the sources run: pip install '.[{extra}]'"


@contextmanager
def server_packages(command: str) -> Iterator[None]:
    """Turn an `ImportError` of a server's packages within the context into a `FlagError`.

    Raises:
        FlagError: a package is not installed.
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or "fastapi").split(".")[0]
        raise FlagError(f"for {command}, {missing_packages(package, 'server')}") from None


def missing_parts(extra: str) -> tuple[list[str], str]:
    """Return the packages of an extra that are not installed, and the command to install them."""
    lacking = [name for name in _extras().get(extra, ()) if not _is_installed(name)]
    return lacking, f"pip install '.[{extra}]'" if lacking else ""


def _extras() -> dict[str, tuple[str, ...]]:
    """Return the packages of each extra, including those of the extras that it includes."""
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # run from sources without installation
        return {}
    direct: dict[str, list[str]] = {}
    for requirement in requirements:
        found = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?.*extra == ['\"](\w+)['\"]", requirement)
        if found:
            name, included, extra = found.groups()
            names = direct.setdefault(extra, [])
            names += [f"[{one}]" for one in included.split(",")] if included else [name.lower()]

    def resolved(extra: str) -> list[str]:
        names: list[str] = []
        for name in direct.get(extra, ()):
            names += resolved(name[1:-1]) if name.startswith("[") else [name]
        return names

    return {extra: tuple(dict.fromkeys(resolved(extra))) for extra in direct}


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
