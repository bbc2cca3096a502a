"""Admits clients that send the server's token: in a URL, which sets a cookie, or as a bearer."""

from __future__ import annotations

import html
import secrets
from dataclasses import dataclass
from http import cookies
from importlib.resources import files
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..page_policy import policy_of
from .request_error import RequestError

_PARAMETER = "token"
_WRONG = '<p role="alert">That is not the token.</p>'


def address_with(address: str, token: str) -> str:
    """Return the address of the page, with the token if there is one."""
    return f"{address}/?{urlencode({_PARAMETER: token})}" if token else address


@dataclass(frozen=True)
class Gate:
    """Checks the token of requests, and has the texts for clients without one.

    Attributes:
        token: token that clients must send; empty admits all.
        cookie: name of the cookie. Browsers send cookies to all ports of a host, so each kind of
            server has its own name.
        title: title of the page that asks for the token.
        page_hint: text on that page that says where to find the token.
        program_hint: message for programs that says how to send the token.
    """

    token: str
    cookie: str
    title: str
    page_hint: str
    program_hint: str

    def check(self, headers: Headers) -> None:
        """Refuse a request without the token.

        Raises:
            RequestError: `no_token`.
        """
        if not self._is_known(headers):
            raise RequestError(401, "no_token", self.program_hint, {"WWW-Authenticate": "Bearer"})

    def is_right(self, token: str) -> bool:
        """Whether `token` is the right one, compared in constant time."""
        return secrets.compare_digest(token.encode("utf-8", "replace"), self.token.encode())

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if not self.token or (scheme.lower() == "bearer" and self.is_right(bearer.strip())):
            return True
        for header in headers.getlist("cookie"):
            try:
                found = cookies.SimpleCookie(header).get(self.cookie)
            except cookies.CookieError:
                continue
            if found is not None and self.is_right(found.value):
                return True
        return False


class GateMiddleware:
    """Checks the token of every HTTP request. The endpoints of WebSockets check theirs themselves.

    Args:
        app: application to protect.
        gate: gate that checks the token.
        open_paths: paths that need no token.
    """

    def __init__(self, app: ASGIApp, gate: Gate, open_paths: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._gate = gate
        self._open_paths = open_paths
        door = files(__package__).joinpath("door.html").read_text(encoding="utf-8")
        for name, text in (("TITLE", gate.title), ("HINT", gate.page_hint)):
            door = door.replace(name, html.escape(text))
        self._door = door.replace("WRONG", "")
        self._door_again = door.replace("WRONG", _WRONG)
        self._door_headers = {"Content-Security-Policy": policy_of(door, form_action="'self'")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the interface of ASGI."""
        is_asked = scope["type"] == "http" and self._gate.token
        answer = self._answer(scope) if is_asked else None
        await (answer or self._app)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        """Return the response to a request that is not passed on, or None to pass it on."""
        is_page = scope["path"] == "/" and scope["method"] == "GET"
        asked = parse_qs(scope["query_string"].decode("latin-1")).get(_PARAMETER, [])
        if is_page and any(map(self._gate.is_right, asked)):
            entered = RedirectResponse("./", 303)
            # Lax: a link to the address on another page, such as webmail, works at once.
            entered.set_cookie(
                self._gate.cookie, self._gate.token, httponly=True, samesite="lax",
                secure=scope["scheme"] == "https",
            )  # fmt: skip
            return entered
        if scope["path"] in self._open_paths:
            return None
        try:
            self._gate.check(Headers(scope=scope))
        except RequestError as error:
            if not is_page:
                return error.answer()
            return HTMLResponse(self._door_again if asked else self._door, 401, self._door_headers)
        return None
