"""What an optional part of the toolkit needs, and how to install it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

from .errors import FlagError

_DISTRIBUTION = "coqui-stt"
# Packages whose names on the package index are others than those one imports.
_INDEX_NAMES = {
    "yaml": "pyyaml",
    "google_crc32c": "google-crc32c",
    "webrtcvad": "webrtcvad-wheels",
    "multipart": "python-multipart",
    "prometheus_client": "prometheus-client",
}


def missing_packages(package: str, extra: str = "") -> str:
    """Return that a package is not installed, and what mends it.

    All packages of the same extra that are missing are named at once: else each attempt would end
    at the next one.

    Args:
        package: as one imports it.
        extra: the part of the toolkit that was asked for; else the first that brings the package.
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
    """Import what a server needs, for a command.

    Raises:
        FlagError: a package is not installed.
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or "fastapi").split(".")[0]
        raise FlagError(f"for {command}, {missing_packages(package, 'server')}") from None


def missing_parts(extra: str) -> tuple[list[str], str]:
    """Return which packages of an optional part are not installed, and what adds them."""
    lacking = [name for name in _extras().get(extra, ()) if not _is_installed(name)]
    return lacking, f"pip install '.[{extra}]'" if lacking else ""


def _extras() -> dict[str, tuple[str, ...]]:
    """Return the packages of each extra, those of extras that it includes too."""
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # run from the sources, without having been installed
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
