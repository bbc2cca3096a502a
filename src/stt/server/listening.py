"""Opens the sockets that a server listens on."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable, Sequence

from ..errors import FlagError

_REASONS = {
    errno.EADDRINUSE: (
        "the port is in use, perhaps by another stt serve; stop that, or choose another port"
    ),
    errno.EACCES: "ports below 1024 need special permissions; choose another port",
    errno.EADDRNOTAVAIL: (
        "this machine has no such address; use 127.0.0.1 for this machine only, or 0.0.0.0 for "
        "all its networks"
    ),
}
_SWITCHED_OFF = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Return a socket for each address of a host, all with the same port.

    Args:
        host: host name or address; empty for all addresses of the machine.
        port: port number; 0 for any free port.

    Raises:
        FlagError: the host is unknown, or the port cannot be used.
    """
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FlagError(f"--host {host}: cannot be found ({reason})") from None
    sockets: list[socket.socket] = []
    refused: list[OSError] = []
    for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
        number = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(socket.create_server((str(address[0]), number), family=family))
        except OSError as error:
            refused.append(error)
    # A name may have an address of a family that is disabled here; the other addresses suffice.
    serious = [error for error in refused if not sockets or error.errno not in _SWITCHED_OFF]
    if serious:
        for opened in sockets:
            opened.close()
        reason = _REASONS.get(serious[0].errno or 0, serious[0].strerror)
        raise FlagError(f"--host {host} --port {port}: {reason}")
    return sockets


def is_beyond_this_machine(addresses: Iterable[str]) -> bool:
    """Whether other machines can reach a server that listens on these addresses."""
    return not all(ipaddress.ip_address(name.partition("%")[0]).is_loopback for name in addresses)


def address_of(sockets: Sequence[socket.socket], host: str, *, is_secure: bool) -> str:
    """Return the address to open in a browser.

    Args:
        sockets: result of `open_sockets`.
        host: host given to `open_sockets`.
        is_secure: whether the server uses HTTPS.
    """
    scheme = "https" if is_secure else "http"
    name = f"[{host}]" if ":" in host else host or "0.0.0.0"
    return f"{scheme}://{name}:{sockets[0].getsockname()[1]}"
