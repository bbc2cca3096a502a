"""The host names that clients may use for a server."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..errors import FlagError

_NAME = re.compile(r"\*|(\*\.)?[^\s:/?#@\[\]*,]+")


@dataclass(frozen=True)
class Hosts:
    """Names that are allowed in the `Host` header; those of the local machine always are.

    Attributes:
        bound: host name and addresses that the server listens on. If it listens on all addresses of
            the machine, any IP address is allowed, since DNS rebinding needs a name.
        allowed: further names; `*.example.com` allows all subdomains, `*` any name.
    """

    bound: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()

    @classmethod
    def of_flags(cls, allowed: Iterable[str]) -> Hosts:
        """Return the hosts given by `--allowed_hosts`.

        Raises:
            FlagError: a value is not a name or an address.
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
        """Return the hosts of a server that listens on these names and addresses."""
        return replace(self, bound=frozenset(map(_plain, names)))

    def include(self, host: str) -> bool:
        """Whether a host, without its port, is allowed."""
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
