"""WebSocket for live audio.

The client opens `/live?sample_rate=48000` and sends binary messages: 16-bit little-endian mono
samples. The text message `{"event": "end"}` makes the server send the rest of the transcript. The
query parameter `pause` is the seconds of silence that end an utterance; 0 treats the whole stream
as one utterance.

The server sends JSON: first `{"type": "ready", ...}`, then `partial` (the utterance so far) and
`final` (a finished utterance), each with `text` and `words`, at the end `done`. An `error` with
`code` and `message` precedes an early close.
"""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import suppress
from time import perf_counter
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from coqui_stt_ctcdecoder.errors import UserError

from ..audio.pcm import as_pcm
from ..audio.source import Resampler
from ..live import LiveTranscriber, Utterance
from .admission import Admission
from .collected import Collected
from .gate import Gate
from .request_error import RequestError
from .service import SLICE_SECONDS, Service, describe_word

_NORMAL, _GOING_AWAY, _BAD_DATA, _POLICY, _TOO_BIG, _TRY_LATER = 1000, 1001, 1007, 1008, 1009, 1013
_SHORTEST_TURN_SECONDS = 0.1  # of audio; smaller messages are collected
_LATE_SECONDS = 0.5  # after a longer wait for its turn, no partial transcript is computed
_LONGEST_PAUSE_SECONDS = 60.0
_REFUSAL_SECONDS = 5  # time to send a refusal to a client that does not read


class _RefusedError(Exception):
    """The server ends the stream because of an error."""

    def __init__(self, close_code: int, code: str, message: str) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.code = code


class _StoppingError(Exception):
    """The server is being stopped; the audio received so far is still transcribed."""


async def serve_live(
    service: Service, admission: Admission, gate: Gate, websocket: WebSocket
) -> None:
    """Serve one live stream from its opening to its end."""
    await websocket.accept()
    outcome = "failed"
    try:
        _admit(service, admission, gate, websocket)
        with service.streams.take(lambda: _busy(service)):
            outcome = await _LiveStream(service, websocket).serve()
    except _RefusedError as refusal:
        outcome = refusal.code
        await _refuse(websocket, refusal)
    except (WebSocketDisconnect, asyncio.TimeoutError, RuntimeError):
        outcome = "vanished"  # RuntimeError: sending to a socket that closed meanwhile
    finally:
        service.metrics.stream_ended(outcome)


def _admit(service: Service, admission: Admission, gate: Gate, websocket: WebSocket) -> None:
    try:
        admission.check_host(websocket.headers)
        admission.check_origin(websocket.headers)  # browsers always send it with a WebSocket
        gate.check(websocket.headers)
    except RequestError as error:
        raise _RefusedError(_POLICY, error.code, str(error)) from None
    if service.draining.is_set():
        raise _RefusedError(_TRY_LATER, "stopping", "the server is shutting down; try again later")


def _busy(service: Service) -> _RefusedError:
    return _RefusedError(
        _TRY_LATER,
        "busy",
        f"the server already has {service.limits.max_streams} live streams, its limit; try again "
        "later",
    )


async def _refuse(websocket: WebSocket, refusal: _RefusedError) -> None:
    message = {"type": "error", "code": refusal.code, "message": str(refusal)}

    async def send() -> None:
        await websocket.send_json(message)
        await websocket.close(refusal.close_code, refusal.code)

    with suppress(asyncio.TimeoutError, RuntimeError, WebSocketDisconnect):
        await asyncio.wait_for(send(), _REFUSAL_SECONDS)


class _LiveStream:
    """A live stream that was admitted."""

    def __init__(self, service: Service, websocket: WebSocket) -> None:
        self._service = service
        self._websocket = websocket
        model = service.model
        rate_hz = int(self._number("sample_rate", model.sample_rate(), 1000, 768_000))
        pause_seconds = self._number("pause", 1.0, 0, _LONGEST_PAUSE_SECONDS)
        self._rate_hz = rate_hz
        self._resampler = Resampler(rate_hz, model.sample_rate())
        self._live = LiveTranscriber(model, pause_seconds or None)
        self._collected = Collected.of(websocket.scope)
        self._waiting = bytearray()  # received but not yet transcribed
        self._turn_bytes = self._next_turn_bytes()
        self._received_samples = 0
        self._active_samples = 0  # `_received_samples` when the client last sent enough audio
        self._idle_seconds = 0.0  # time spent waiting for the client since then
        self._stopping = asyncio.ensure_future(service.draining.wait())
        self._task: asyncio.Task[Any] | None = None
        self._is_given_up = False  # because the client does not read

    def _number(self, name: str, default: float, lowest: float, highest: float) -> float:
        text = self._websocket.query_params.get(name)
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = math.nan
        if not lowest <= value <= highest:
            raise _RefusedError(
                _POLICY,
                "bad_parameter",
                f"{name}={text} is not a number from {lowest:g} to {highest:g}",
            )
        return value

    def _next_turn_bytes(self) -> int:
        """Return the number of bytes to receive before the next turn."""
        due_seconds = self._live.samples_until_due / self._service.model.sample_rate()
        return 2 * int(max(due_seconds, _SHORTEST_TURN_SECONDS) * self._rate_hz)

    async def serve(self) -> str:
        """Serve the stream to its end; return the outcome."""
        self._task = asyncio.current_task()
        try:
            return await self._serve()
        except asyncio.CancelledError:
            if not self._is_given_up:
                raise
            return "vanished"
        finally:
            self._stopping.cancel()
            # A connection and its stream form a reference cycle. This frees the memory now, and not
            # at the next run of the garbage collector.
            del self._live

    async def _serve(self) -> str:
        limits = self._service.limits
        await self._send(
            {
                "type": "ready",
                "sample_rate": self._service.model.sample_rate(),
                "max_seconds": limits.max_stream_seconds,
            }
        )
        close_code = _NORMAL
        try:
            while (message := await self._receive()) is not None:
                await self._take(message)
        except _StoppingError:
            close_code = _GOING_AWAY
            await self._take(self._collected.take())
        await self._finish(close_code)
        return "done"

    async def _receive(self) -> bytes | None:
        """Return the audio of the next message or messages, or None at the end."""
        self._collected.due_bytes = self._turn_bytes - len(self._waiting)
        received = asyncio.ensure_future(self._websocket.receive())
        idle_seconds = self._service.limits.idle_seconds
        asked_at = perf_counter()
        try:
            await asyncio.wait(
                (received, self._stopping),
                timeout=max(0.0, idle_seconds - self._idle_seconds),
                return_when=asyncio.FIRST_COMPLETED,
            )
            self._idle_seconds += perf_counter() - asked_at
            if received.done():
                return self._parse(received.result())
            if self._stopping.done():
                raise _StoppingError
        finally:
            received.cancel()
        if collected := self._collected.take():
            return collected
        raise _RefusedError(
            _POLICY,
            "idle",
            f"no audio was received for {idle_seconds:g} seconds; send silence to keep a stream "
            "open",
        )

    def _parse(self, message: Any) -> bytes | None:
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", _NORMAL))
        data: bytes | None = message.get("bytes")
        if data is not None:
            return data
        try:
            event = json.loads(message.get("text") or "")["event"]
        except (ValueError, TypeError, KeyError, RecursionError):
            event = None
        if event != "end":
            raise _RefusedError(
                _BAD_DATA,
                "bad_message",
                'a text message must be {"event": "end"}; send audio in binary messages',
            )
        return None

    async def _take(self, message: bytes) -> None:
        try:
            self._received_samples += len(as_pcm(message))
        except UserError as error:
            raise _RefusedError(_BAD_DATA, "bad_audio", str(error)) from None
        if self._received_samples - self._active_samples >= _SHORTEST_TURN_SECONDS * self._rate_hz:
            self._active_samples, self._idle_seconds = self._received_samples, 0.0
        most = self._service.limits.max_stream_seconds
        if self._received_samples > most * self._rate_hz:
            raise _RefusedError(
                _TOO_BIG,
                "too_long",
                f"the stream reached the limit of {most:g} seconds; open another one",
            )
        self._waiting += message
        if len(self._waiting) >= self._turn_bytes:
            await self._transcribe_waiting()

    async def _transcribe_waiting(self) -> None:
        received, self._waiting = self._waiting, bytearray()
        slice_bytes = 2 * int(SLICE_SECONDS * self._rate_hz)
        for start in range(0, len(received), slice_bytes):
            piece = bytes(received[start : start + slice_bytes])
            started = perf_counter()
            utterances = await self._service.run(self._transcribe, piece, started)
            self._service.metrics.chunk_took(perf_counter() - started)
            self._service.metrics.heard("live", len(piece) / 2 / self._rate_hz)
            for utterance in utterances:
                await self._send(_describe(utterance))
        self._turn_bytes = self._next_turn_bytes()

    def _transcribe(self, piece: bytes, asked_at: float) -> list[Utterance]:
        is_late = perf_counter() - asked_at > _LATE_SECONDS
        utterances = list(self._live.feed(self._resampler.feed_pcm(as_pcm(piece))))
        current = None if is_late else self._live.current()
        return utterances if current is None else [*utterances, current]

    def _transcribe_rest(self) -> list[Utterance]:
        utterances = list(self._live.feed(self._resampler.finish()))
        return [*utterances, self._live.finish()]

    async def _finish(self, close_code: int) -> None:
        await self._transcribe_waiting()
        for utterance in await self._service.run(self._transcribe_rest):
            await self._send(_describe(utterance))
        seconds = self._received_samples / self._rate_hz
        await self._send({"type": "done", "seconds": round(seconds, 3)})
        await self._websocket.close(close_code)

    async def _send(self, message: dict[str, Any]) -> None:
        """Send a message; end the stream if the client does not read it within `idle_seconds`."""
        # asyncio.wait_for would create a task for each message, though hardly any has to wait.
        deadline = asyncio.get_running_loop().call_later(
            self._service.limits.idle_seconds, self._give_up
        )
        try:
            await self._websocket.send_json(message)
        finally:
            deadline.cancel()

    def _give_up(self) -> None:
        self._is_given_up = True
        if self._task is not None:
            self._task.cancel()


def _describe(utterance: Utterance) -> dict[str, Any]:
    return {
        "type": "final" if utterance.is_final else "partial",
        "text": utterance.text,
        "words": [describe_word(word) for word in utterance.words],
    }
