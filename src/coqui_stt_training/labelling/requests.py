"""Requests of pages to the desk, and how they are parsed."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from stt.plain_values import restore
from stt.server.request_error import RequestError

from .lease import Person

_MOST_BYTES = 1 << 16  # size of a request; the transcript of a clip has a few hundred bytes
_MOST_SECONDS = 15.0  # time in which a request must arrive
_MOST_NAME = 80
_PAGE_KEY = re.compile(r"[\w-]{8,64}", re.ASCII)

Body = TypeVar("Body")


@dataclass(frozen=True)
class Visit:
    """The sender of a request: a random key of the page, and the person's name."""

    page: str
    name: str = ""

    @property
    def person(self) -> Person:
        """The person, with a printable name of limited length.

        Raises:
            RequestError: the key is malformed.
        """
        if not _PAGE_KEY.fullmatch(self.page):
            raise RequestError(422, "bad_request", "page must be 8 to 64 letters, digits, - or _")
        name = " ".join("".join(filter(str.isprintable, self.name)).split())
        return Person(self.page, name[:_MOST_NAME])


@dataclass(frozen=True)
class StepRequest(Visit):
    """A request for the next clip: the identity of the clip before it."""

    after: str = ""


@dataclass(frozen=True)
class Save(Visit):
    """A request to save a label; see `Change`."""

    version: int = -1
    verdict: str = ""
    text: str = ""
    reason: str = ""


async def read_body(request: Request, kind: type[Body]) -> Body:
    """Return the JSON object in the body of a request, as a dataclass.

    Raises:
        RequestError: the body is too large, too slow, not JSON, or has other fields or types.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise RequestError(415, "not_json", "send JSON, with Content-Type: application/json")
    try:
        body = await asyncio.wait_for(_receive(request), _MOST_SECONDS)
    except asyncio.TimeoutError:
        raise RequestError(
            408, "slow", f"the request did not arrive within {_MOST_SECONDS:g} seconds",
            {"Connection": "close"},
        ) from None  # fmt: skip
    except ClientDisconnect:
        raise RequestError(400, "gone", "the request is incomplete") from None
    try:
        values = json.loads(body)
        for value in values.values() if isinstance(values, dict) else ():
            str(value).encode()  # JSON may contain lone surrogates, which no file can
        return restore(kind, values)
    except (ValueError, TypeError, RecursionError) as error:
        raise RequestError(422, "bad_request", f"the request cannot be read: {error}") from None


async def _receive(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise RequestError(
                413, "too_large", f"the request is larger than {_MOST_BYTES >> 10} KiB"
            )
    return body
