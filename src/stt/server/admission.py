"""Admits requests of the server's own pages and of programs, and refuses those of other pages.

A browser sends requests for any page that it shows. A request of a foreign page is recognised by
the host name that it uses (`Host`: DNS rebinding makes a foreign name resolve to 127.0.0.1) or by
its origin (`Origin`, `Sec-Fetch-Site`). Foreign pages may not embed ours either. Of these headers,
programs such as curl send only `Host`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .hosts import Hosts
from .request_error import RequestError

_AUTHORITY = r"(?P<host>\[[0-9a-f:.]+\]|[^\s:/?#@\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
_HOST = re.compile(_AUTHORITY, re.IGNORECASE)
_ORIGIN = re.compile(rf"(?P<scheme>https?)://{_AUTHORITY}", re.IGNORECASE)
_DEFAULT_PORTS = {"http": "80", "https": "443"}

# They compute nothing, and browsers do not let foreign pages read the responses.
_HARMLESS_METHODS = ("GET", "HEAD", "OPTIONS")
_OWN_SITES = ("same-origin", "none")  # `Sec-Fetch-Site`; "none": a user entered the address

_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",  # the same for old browsers
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Admission:
    """Checks the headers of requests.

    Attributes:
        hosts: host names of the server.
    """

    hosts: Hosts

    def check_host(self, headers: Headers) -> None:
        """Refuse a request whose `Host` is not a name of the server.

        Raises:
            RequestError: `unknown_host`.
        """
        names = headers.getlist("host")
        found = _HOST.fullmatch(names[0]) if len(names) == 1 else None
        if found is None or not self.hosts.include(found["host"]):
            given = " and ".join(repr(name) for name in names) or "nothing"
            raise RequestError(
                403,
                "unknown_host",
                f"the request's Host is {given}, which is not a name of this server; to allow it, "
                "start the server with --allowed_hosts and that name",
            )

    def check_origin(self, headers: Headers) -> None:
        """Refuse a request whose `Origin` is a foreign page. Call `check_host` before.

        Raises:
            RequestError: `foreign_origin`.
        """
        for origin in headers.getlist("origin"):
            if not _is_origin_of(origin, headers["host"]):
                raise RequestError(
                    403, "foreign_origin", f"pages of {origin!r} may not use this server"
                )

    def check_site(self, headers: Headers) -> None:
        """Refuse a request whose `Sec-Fetch-Site` says that a foreign page sent it.

        Raises:
            RequestError: `foreign_origin`.
        """
        for site in headers.getlist("sec-fetch-site"):
            if site not in _OWN_SITES:
                raise RequestError(
                    403, "foreign_origin", f"a {site!r} page may not use this server"
                )


def _is_origin_of(origin: str, host: str) -> bool:
    """Whether a page's origin is the host of its request, with or without a proxy in between."""
    ours, theirs = _HOST.fullmatch(host), _ORIGIN.fullmatch(origin)
    if ours is None or theirs is None:
        return False
    default = _DEFAULT_PORTS[theirs["scheme"].lower()]
    return (ours["host"].lower(), ours["port"] or default) == (
        theirs["host"].lower(),
        theirs["port"] or default,
    )


class AdmissionMiddleware:
    """Checks every HTTP request, and adds security headers to every response.

    It lets WebSockets through: `live_endpoint.py` checks them, and can tell the client the reason.
    """

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the interface of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope)
        except RequestError as error:
            await error.answer()(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._admission.check_host(headers)
        if scope["method"] not in _HARMLESS_METHODS:
            self._admission.check_origin(headers)
            self._admission.check_site(headers)
