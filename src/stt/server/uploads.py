"""Receives uploads in memory, with limits on their number, size and time."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from time import monotonic

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from .counted import UPLOAD_BYTES, UPLOADS
from .ledger import Ledger
from .limits import ServerLimits, Slots
from .request_error import RequestError

_MAX_FORM_FIELDS = 32


class Uploads:
    """The uploads of one server. For one event loop.

    All uploads together may take as much memory as `max_files` files of the maximum size; an upload
    that exceeds it is refused.

    Args:
        limits: limits of the server.
        ledger: ledger of the server's processes.
    """

    def __init__(self, limits: ServerLimits, ledger: Ledger) -> None:
        self.places = Slots(ledger, UPLOADS, limits.max_uploads)
        self._limits = limits
        self._ledger = ledger

    async def receive(self, request: Request) -> tuple[io.BytesIO, dict[str, str]]:
        """Return the audio file of a request, and the other fields of its form.

        Raises:
            RequestError: the upload is too large, too slow or incomplete, its form is broken, or
                there are too many uploads.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        with self.places.take(self._too_many), self._memory() as memory:
            body = self._body(request, memory)
            if kind == "multipart/form-data":
                return await _receive_form(request, body, self._limits.max_upload_bytes)
            audio = io.BytesIO()
            async for chunk in body:
                audio.write(chunk)
            audio.seek(0)
            return audio, {}

    def _too_many(self) -> RequestError:
        return _busy(f"the server already receives {self._limits.max_uploads} files")

    @contextmanager
    def _memory(self) -> Iterator[_Memory]:
        memory = _Memory()
        try:
            yield memory
        finally:
            self._ledger.add(UPLOAD_BYTES, -memory.bytes)

    async def _body(self, request: Request, memory: _Memory) -> AsyncGenerator[bytes, None]:
        limits = self._limits
        too_large = RequestError(
            413,
            "too_large",
            f"the file is larger than {limits.max_upload_bytes / 1e6:g} MB, the limit of this "
            "server; cut or compress it",
        )
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limits.max_upload_bytes:
            raise too_large
        async for chunk in _at_pace(request.stream(), limits):
            memory.bytes += len(chunk)
            self._ledger.add(UPLOAD_BYTES, len(chunk))
            if memory.bytes > limits.max_upload_bytes:
                raise too_large
            if self._ledger.total(UPLOAD_BYTES) > limits.max_files * limits.max_upload_bytes:
                raise _busy("files being uploaded fill the server's memory")
            yield chunk


class _Memory:
    """Memory taken by one upload."""

    bytes = 0


async def _at_pace(
    stream: AsyncGenerator[bytes, None], limits: ServerLimits
) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of an upload; raise if too few bytes arrive within `idle_seconds`."""
    enough = limits.min_upload_kilobytes_per_second * 1000 * limits.idle_seconds
    since, received = monotonic(), 0
    while True:
        try:
            chunk = await asyncio.wait_for(
                anext(stream), max(0.0, since + limits.idle_seconds - monotonic())
            )
        except StopAsyncIteration:
            return
        except ClientDisconnect:  # the client does not read this response any more
            raise RequestError(400, "vanished", "the upload is incomplete") from None
        except asyncio.TimeoutError:
            raise RequestError(
                408,
                "slow" if received else "idle",
                f"{received or 'nothing'}{' bytes' if received else ''} of the file arrived "
                f"within {limits.idle_seconds:g} seconds; at least {enough:.0f} bytes are required",
                {"Connection": "close"},
            ) from None
        received += len(chunk)
        yield chunk
        if received >= enough:
            since, received = monotonic(), 0


async def _receive_form(
    request: Request, body: AsyncGenerator[bytes, None], max_bytes: int
) -> tuple[io.BytesIO, dict[str, str]]:
    parser = MultiPartParser(request.headers, body, max_files=1, max_fields=_MAX_FORM_FIELDS)
    parser.spool_max_size = max_bytes + 1  # so that nothing is written to disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RequestError(400, "bad_form", f"the form cannot be read: {error.message}") from None
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise RequestError(
            400, "no_file", "the form has no file; send the audio in the field `file`"
        )
    audio = io.BytesIO(await upload.read())
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    await form.close()
    return audio, fields


def _busy(reason: str) -> RequestError:
    return RequestError(
        503,
        "busy",
        f"{reason}, its limit; try again in a few seconds",
        {"Retry-After": "5"},
    )
