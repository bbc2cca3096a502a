"""How much main memory can still be used: of the machine, and of what a container may use of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/")
_NO_LIMIT = 1 << 62


def available_memory_bytes(root: Path = _ROOT) -> int:
    """Return how much main memory this process can still use.

    A container, and a job of a cluster, is a control group, which may use less than there is; where
    it uses more, the system kills it.

    Args:
        root: below which the system tells about itself, in `proc` and `sys`.
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
    """Yield what is left of each limit; see the kernel's admin-guide on cgroup-v2 and cgroup-v1."""
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
    """Return what a file of lines of a name and a number says."""
    lines = (line.split() for line in _text(path).splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
