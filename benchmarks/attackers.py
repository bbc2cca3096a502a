"""Clients that try to block a server for others, for `soak.py --attackers N`: N of each kind.

- `trickle` uploads a byte every 2 seconds, `headers` sends half a header (20 connections each),
  `empty` keeps a stream open with empty messages: each occupies resources that others need.
- `channels` uploads audio that is small only as a file: silent OGG Vorbis of 255 channels at 192
  kHz. (12 seconds of it are 80 KB, and took 2.3 GB and 70 s before decoding was limited. Encoding
  them takes minutes, so here it is half a second.)
"""

from __future__ import annotations

import asyncio
import io
import time
from collections import Counter
from contextlib import suppress
from functools import cache
from typing import Protocol

import numpy as np
import soundfile
import websockets

HEADERS_EACH = 20
_LOST = (OSError, asyncio.IncompleteReadError)


class Target(Protocol):
    """The attacked server, the time when attacks end, and their outcomes."""

    port: int
    address: str  # URL of its live streams
    until: float
    outcomes: Counter[str]


async def upload(port: int, body: bytes, seconds: float = 60) -> int:
    """Send a file; return the status of the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(_header(len(body)) + body)
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), seconds)
        return int(line.split()[1]) if line else 0
    finally:
        writer.close()


def _header(length: int) -> bytes:
    lines = ("POST /transcribe HTTP/1.1", "Host: localhost", f"Content-Length: {length}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


async def _held(target: Target, first: bytes, more: bytes, pause_seconds: float) -> float:
    """Return how long a connection stayed open although little was sent."""
    started = time.perf_counter()
    with suppress(*_LOST):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(first)
        while time.perf_counter() < target.until:
            with suppress(asyncio.TimeoutError):
                if not await asyncio.wait_for(reader.read(65536), pause_seconds):
                    break
            if more:
                writer.write(more)
        writer.close()
    return time.perf_counter() - started


async def trickle(target: Target) -> None:
    while time.perf_counter() < target.until:
        seconds = await _held(target, _header(9_999_999) + b"R", b"I", 2)
        target.outcomes[f"attack, trickle: held for {seconds:.0f} s"] += 1
        await asyncio.sleep(0.1)


async def headers(target: Target) -> None:
    async def one() -> None:
        while time.perf_counter() < target.until:
            seconds = await _held(target, b"GET / HTTP/1.1\r\nHost: lo", b"", 1)
            target.outcomes[f"attack, headers: held for {seconds:.0f} s"] += 1
            await asyncio.sleep(0.1)

    await asyncio.gather(*(one() for _ in range(HEADERS_EACH)))


async def empty(target: Target) -> None:
    while time.perf_counter() < target.until:
        started = time.perf_counter()
        with suppress(OSError, websockets.WebSocketException):
            async with websockets.connect(target.address) as connection:
                while time.perf_counter() < target.until:
                    await connection.send(b"")
                    await asyncio.sleep(0.5)
        seconds = time.perf_counter() - started
        target.outcomes[f"attack, empty: held for {seconds:.0f} s"] += 1
        await asyncio.sleep(0.1)


async def channels(target: Target) -> None:
    body = wide_audio()
    while time.perf_counter() < target.until:
        with suppress(*_LOST, asyncio.TimeoutError):
            status = await upload(target.port, body)
            target.outcomes[f"attack, channels ({len(body) / 1000:.0f} KB): {status}"] += 1
        await asyncio.sleep(0.5)


@cache  # made before the clock starts, because it takes a while
def wide_audio(seconds: float = 0.5) -> bytes:
    """Return silence as OGG Vorbis with 255 channels at 192 kHz."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 192_000, 255, format="OGG", subtype="VORBIS") as sound:
        for _ in range(round(10 * seconds)):
            sound.write(np.zeros((19_200, 255), np.float32))
    return file.getvalue()


KINDS = (trickle, headers, empty, channels)
