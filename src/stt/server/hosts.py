"""The names under which a server may be asked for."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..errors import FlagError

_NAME = re.compile(r"\*|(\*\.)?[^\s:/?#@\[\]*,]+")


@dataclass(frozen=True)
class Hosts:
    """Names of a server, as they may stand in `Host`. Those of this machine itself always may.

    Attributes:
        bound: the name and addresses that the server listens on. Where they are every address of
            the machine, any address will do: only names can be made to lead elsewhere.
        allowed: further names; `*.example.com` is every name below, `*` is all.
    """

    bound: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()

    @classmethod
    def of_flags(cls, allowed: Iterable[str]) -> Hosts:
        """Return the hosts that `--allowed_hosts` names.

        Raises:
            FlagError: one that is no name.
        """
        names = list(allowed)
        wrong = [
            name for name in names if not _NAME.fullmatch(name) and _address(_plain(name)) is None
        ]
        if wrong:
            raise FlagError(
                f"--allowed_hosts {' '.join(wrong)}: must be only names or addresses, such as "
                "stt.example.com, *.example.com or 10.0.0.5, without http:// and port"
            )
        return cls(allowed=frozenset(map(_plain, names)))

    def bound_to(self, names: Iterable[str]) -> Hosts:
        """Return the hosts of a server that listens on these."""
        return replace(self, bound=frozenset(map(_plain, names)))

    def include(self, host: str) -> bool:
        """Whether a host, without its port, is one of them."""
        name = _plain(host)
        if name in self.bound or name in self.allowed or "*" in self.allowed:
            return True
        address = _address(name)
        if address is not None:
            return address.is_loopback or any(map(_is_everywhere, self.bound))
        return (
            name == "localhost"
            or name.endswith(".localhost")
            or any(f"*.{parent}" in self.allowed for parent in _parents(name))
        )


def _plain(name: str) -> str:
    return name.strip("[]").rstrip(".").lower()


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(1, len(parts))]


def _is_everywhere(name: str) -> bool:
    address = _address(name)
    return address is not None and address.is_unspecified


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
