"""Well-behaved clients of `stt serve`: hundreds in one process that needs little CPU time.

`soak.py` starts it. The task is JSON on standard input, and the result is JSON on standard output,
see `Task` and `Found`. Frames are made once, and only the final transcripts are parsed, because
clients on the same cores as the server should need little CPU time. (Clients of the package
websockets take 1.4 ms for a second of audio, nearly half of what the server takes; these take 0.3.)
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import resource
import sys
import wave
from collections import Counter
from dataclasses import dataclass, field

import uvloop
from websockets.frames import Frame, Opcode

CHUNK_SECONDS = 0.1
TICK_SECONDS = 0.01  # chunks that are due within it are sent at one time
AGAIN_SECONDS = 0.5  # after an error
_CLOSE, _TEXT = 0x88, 0x81


@dataclass(frozen=True)
class Task:
    """What to send, where, and how long.

    Attributes:
        port: port of the server on this machine.
        path: path of the WebSocket, with its query.
        audio: a WAV file with 16-bit mono samples.
        expected: its transcript; None: unknown, and the clip is sent once.
        streams: number of clients that send it at the same time, repeatedly.
        speed: speed relative to real time; 0: as fast as possible.
        seconds: time after which no client starts again.
    """

    port: int
    path: str
    audio: str
    expected: str | None
    streams: int
    speed: float
    seconds: float


@dataclass
class Found:
    """The results.

    Attributes:
        lateness: seconds from the last audio to the final transcript, for each client.
        outcomes: number of times that each outcome occurred.
        text: the last transcript.
        cpu_seconds: CPU time of this process.
    """

    lateness: list[list[float]]
    outcomes: Counter[str] = field(default_factory=Counter)
    text: str = ""
    cpu_seconds: float = 0.0


class Speaker(asyncio.Protocol):
    """A connection that sends the clip once."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd = crowd
        self.number = number
        self.received = bytearray()
        self.is_open = False
        self.texts: list[str] = []
        self.error = ""
        self.next_frame = 0
        self.due = 0.0
        self.ended_at = 0.0
        self.may_write = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        transport.write(self.crowd.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.is_open:
            header, found, rest = self.received.partition(b"\r\n\r\n")
            if not found:
                return
            self.is_open, self.received = True, rest
            self.error = "" if header.startswith(b"HTTP/1.1 101 ") else header[:60].decode()
            self.due = self.crowd.loop.time()
            self.crowd.speaking.add(self)
        while (message := self._next_message()) is not None:
            self._hear(*message)

    def _next_message(self) -> tuple[int, bytes] | None:
        received = self.received
        if len(received) < 2:
            return None
        start, size = 2, received[1]
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(received[2:start], "big")
        if len(received) < start + size:
            return None
        message = received[0], bytes(received[start : start + size])
        del received[: start + size]
        return message

    def _hear(self, kind: int, message: bytes) -> None:
        if kind == _TEXT and message.startswith(b'{"type":"final"'):
            self.texts.append(json.loads(message)["text"])
        elif kind == _TEXT and message.startswith(b'{"type":"error"'):
            self.error = json.loads(message)["code"]
        elif kind == _TEXT and message.startswith(b'{"type":"done"') and self.ended_at:
            late = self.crowd.loop.time() - self.ended_at
            self.crowd.found.lateness[self.number].append(late)
            self.transport.write(self.crowd.closing)
        elif kind == _CLOSE and not self.ended_at and not self.error:
            self.error = f"closed with {int.from_bytes(message[:2], 'big')}"

    def pause_writing(self) -> None:
        self.may_write = False

    def resume_writing(self) -> None:
        self.may_write = True

    def speak(self, now: float) -> None:
        """Send the audio that is due."""
        frames = self.crowd.frames
        while self.may_write and self.due <= now and self.next_frame < len(frames):
            self.transport.write(frames[self.next_frame])
            self.next_frame += 1
            self.due += self.crowd.pace_seconds
        if self.next_frame == len(frames) and self.due <= now:
            self.transport.write(self.crowd.ending)
            self.ended_at = now
            self.crowd.speaking.discard(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.crowd.speaking.discard(self)
        text = " ".join(self.texts)
        if self.error or not self.ended_at:
            self.crowd.end(self.number, self.error or f"lost {exc or ''}".strip(), text)
        else:
            is_right = self.crowd.task.expected in (None, text)
            self.crowd.end(self.number, "right" if is_right else "WRONG", text)


class Crowd:
    """All clients."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.found = Found([[] for _ in range(task.streams)])
        with wave.open(task.audio) as file:
            pcm, rate_hz = file.readframes(file.getnframes()), file.getframerate()
        step = int(CHUNK_SECONDS * rate_hz) * 2
        self.frames = [
            Frame(Opcode.BINARY, pcm[start : start + step]).serialize(mask=True)
            for start in range(0, len(pcm), step)
        ]
        self.ending = Frame(Opcode.TEXT, b'{"event": "end"}').serialize(mask=True)
        self.closing = Frame(Opcode.CLOSE, (1000).to_bytes(2, "big")).serialize(mask=True)
        self.pace_seconds = CHUNK_SECONDS / task.speed if task.speed else 0.0
        self.clip_seconds = len(pcm) / 2 / rate_hz
        self.request = _request(task)
        self.speaking: set[Speaker] = set()
        self.loop = asyncio.get_running_loop()
        self.until = self.loop.time() + task.seconds
        self.at_work = task.streams
        self.all_done = asyncio.Event()

    async def run(self) -> Found:
        for number in range(self.task.streams):
            wait = random.random() * self.clip_seconds if self.task.streams > 1 else 0.0
            self.loop.call_later(wait, self.begin, number)
        while not self.all_done.is_set():
            now = self.loop.time()
            for speaker in list(self.speaking):
                if speaker.due <= now:
                    speaker.speak(now)
            await asyncio.sleep(TICK_SECONDS)
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.found.cpu_seconds = used.ru_utime + used.ru_stime
        return self.found

    def begin(self, number: int) -> None:
        self.loop.create_task(self._connect(number))

    async def _connect(self, number: int) -> None:
        try:
            await self.loop.create_connection(
                lambda: Speaker(self, number), "127.0.0.1", self.task.port
            )
        except OSError as error:
            self.end(number, f"{type(error).__name__}", "")

    def end(self, number: int, outcome: str, text: str) -> None:
        """Note how one attempt ended; begin the next one."""
        self.found.outcomes[outcome] += 1
        self.found.text = text
        wait = 0.0 if outcome in ("right", "WRONG") else AGAIN_SECONDS
        if self.loop.time() + wait < self.until:
            self.loop.call_later(wait, self.begin, number)
            return
        self.at_work -= 1
        if not self.at_work:
            self.all_done.set()


def _request(task: Task) -> bytes:
    lines = (
        f"GET {task.path} HTTP/1.1",
        f"Host: 127.0.0.1:{task.port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


async def speak(task: Task) -> Found:
    """Run the task; return the results."""
    return await Crowd(task).run()


if __name__ == "__main__":
    print(json.dumps(vars(uvloop.run(speak(Task(**json.load(sys.stdin)))))))
