"""The main memory that is still available, within the limits of the machine and of a container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/")
_NO_LIMIT = 1 << 62


def available_memory_bytes(root: Path = _ROOT) -> int:
    """Return the main memory that this process can still use.

    A container or a job of a cluster is a control group with a limit of its own. The system kills
    processes of a group that exceeds it.

    Args:
        root: folder that contains `proc` and `sys`.
    """
    return min(_left_of_machine(root), *_left_of_groups(root))


def _left_of_machine(root: Path) -> int:
    available = _numbers(root / "proc" / "meminfo").get("MemAvailable:")
    if available is not None:
        return available * 1024
    try:  # not Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return _NO_LIMIT


def _left_of_groups(root: Path) -> Iterator[int]:
    """Yield what is left of each limit (kernel documentation: cgroup-v2 and cgroup-v1)."""
    yield _NO_LIMIT
    mounted = root / "sys" / "fs" / "cgroup"
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        _, controllers, own = line.split(":", 2)
        if not controllers:
            home, limit, used = mounted, "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            home, limit, used = (
                mounted / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            )  # fmt: skip
        else:
            continue
        group = home / own.lstrip("/")  # within a container it may be mounted as the top itself
        for folder in (group, *group.parents):
            yield _left_of(folder, limit, used)
            if folder == home:
                break


def _left_of(group: Path, limit: str, used: str) -> int:
    try:
        left = int(_text(group / limit)) - int(_text(group / used))
    except ValueError:  # no such group, or `max`
        return _NO_LIMIT
    found = _numbers(group / "memory.stat")
    cached = found.get("file", found.get("total_cache", 0))  # given back where it is needed
    return max(0, left + cached - found.get("shmem", found.get("total_shmem", 0)))


def _numbers(path: Path) -> dict[str, int]:
    """Read a file with a name and a number in each line."""
    lines = (line.split() for line in _text(path).splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
