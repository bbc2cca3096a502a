"""A secret that those from other machines must know, where the desk can be reached from there."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from http import cookies
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stt.server.request_error import RequestError

SHORTEST_TOKEN = 12
_PARAMETER = "token"
_COOKIE = "stt-label"
_ASK = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Transcription desk</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="desk.css"><main class="door"><h1>Transcription desk</h1>
<p>Open the address that <code>stt label</code> has printed, which ends in <code>?token=…</code>, or
enter the token.</p><form><label>Token <input name="token" autocomplete="off" autofocus></label>
<button class="button">Open</button></form></main></html>"""


def is_beyond_this_machine(addresses: Iterable[str]) -> bool:
    """Whether a server that listens on these can be reached from elsewhere."""
    return not all(ipaddress.ip_address(name.partition("%")[0]).is_loopback for name in addresses)


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(18)


def address_with(address: str, token: str) -> str:
    """Return the address that opens the desk."""
    return f"{address}/?{urlencode({_PARAMETER: token})}" if token else address


@dataclass(frozen=True)
class TokenMiddleware:
    """Lets in whoever brings the token: in the address once, then in a cookie, or as a bearer.

    Attributes:
        app: the application.
        token: empty: all are let in.
        open_paths: what is no secret.
    """

    app: ASGIApp
    token: str
    open_paths: frozenset[str] = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI has it."""
        answer = None if scope["type"] != "http" or not self.token else self._answer(scope)
        await (answer or self.app)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        """Return what is answered instead of what was asked for; None: who asks may come in."""
        headers = Headers(scope=scope)
        is_page = scope["path"] == "/" and scope["method"] == "GET"
        asked = parse_qs(scope["query_string"].decode("latin-1")).get(_PARAMETER, [])
        if is_page and any(map(self._is_right, asked)):
            entered = RedirectResponse("./", 303)
            # Lax: who follows the address from another page, of mail say, is let in at once.
            entered.set_cookie(
                _COOKIE, self.token, httponly=True, samesite="lax",
                secure=scope["scheme"] == "https",
            )  # fmt: skip
            return entered
        if scope["path"] in self.open_paths or self._is_known(headers):
            return None
        if is_page:
            return HTMLResponse(_ASK, 401)
        return RequestError(
            401, "no_token", "open the address with the token that stt label has printed"
        ).answer()

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_right(bearer.strip()):
            return True
        for header in headers.getlist("cookie"):
            try:
                found = cookies.SimpleCookie(header).get(_COOKIE)
            except cookies.CookieError:
                continue
            if found is not None and self._is_right(found.value):
                return True
        return False

    def _is_right(self, token: str) -> bool:
        return secrets.compare_digest(token.encode("utf-8", "replace"), self.token.encode())
