"""Soak a server: hundreds of live streams, and clients that misbehave.

    python benchmarks/soak.py --model model.tflite --audio clip.wav --streams 200 --seconds 120

Starts `stt serve` with the model, and keeps `--streams` well-behaved clients sending in real time:
each sends the clip, waits for its transcript, and starts again. They run in a process of their own,
see `speakers.py`. Other clients disconnect, send garbage, send nothing, or send as fast as they
can; with `--files` some upload the clip repeatedly, and with `--attackers` there are those of
`attackers.py`. Then it opens more streams at once than the server accepts.

Prints the delays of answers, in total and by client; the CPU time of the server, of each of its
processes, and of the well-behaved clients; the server's memory in each tenth of the time (memory
that processes share counts once); and the outcomes. Exits with 1 if a well-behaved client got a
wrong transcript or an error, a refusal was malformed, memory grew by more than a tenth in the
second half, or the server did not end cleanly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
import wave
from collections import Counter
from pathlib import Path
from typing import Any

import attackers
import websockets

CHUNK_SECONDS = 0.1
RUSH = 50  # streams beyond those that the server accepts


class Soak:
    def __init__(self, flags: argparse.Namespace) -> None:
        with wave.open(flags.audio) as file:
            self.pcm = file.readframes(file.getnframes())
            self.rate = file.getframerate()
        self.flags = flags
        self.expected: str | None = None
        self.outcomes: Counter[str] = Counter()
        # From the last audio to the final transcript, for each well-behaved client.
        self.lateness: list[list[float]] = [[] for _ in range(flags.streams)]
        self.file_seconds: list[float] = []  # from the start of an upload to the response
        self.memory: list[float] = []  # MB, once per second
        self.cpu_seconds: dict[int, float] = {}  # of each process of the server
        self.speakers_cpu_seconds = 0.0
        self.audio_seconds = 0.0
        self.max_streams = flags.streams + 4 * flags.bad + flags.attackers + 10
        self.until = 0.0
        self.address = ""
        self.path = ""
        self.port = 0

    async def say(self, pace: float, lateness: list[float]) -> str:
        """Send the clip once; return the transcript."""
        texts: list[str] = []
        async with websockets.connect(self.address, max_size=None) as connection:
            receiving = asyncio.create_task(self.receive(connection, texts))
            receiving.add_done_callback(lambda task: task.cancelled() or task.exception())
            step = int(CHUNK_SECONDS * self.rate) * 2
            due = time.perf_counter()
            for start in range(0, len(self.pcm), step):
                await connection.send(self.pcm[start : start + step])
                due += CHUNK_SECONDS * pace
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            await connection.send('{"event": "end"}')
            await receiving
            lateness.append(time.perf_counter() - sent)
        return " ".join(texts)

    async def receive(self, connection: websockets.ClientConnection, texts: list[str]) -> None:
        async for message in connection:
            said = json.loads(message)
            if said["type"] == "final":
                texts.append(said["text"])
            if said["type"] == "error":
                raise RuntimeError(said["code"])

    async def good_clients(self) -> None:
        found = await self.speakers(self.flags.streams, self.flags.speed, self.flags.seconds)
        self.lateness = found["lateness"]
        self.speakers_cpu_seconds = found["cpu_seconds"]
        self.outcomes.update({f"good: {what}": n for what, n in found["outcomes"].items()})

    async def speakers(self, streams: int, speed: float, seconds: float) -> dict[str, Any]:
        """Let `speakers.py` send the clip; return its results."""
        task = {
            "port": self.port,
            "path": self.path,
            "audio": self.flags.audio,
            "expected": self.expected,
            "streams": streams,
            "speed": speed,
            "seconds": seconds,
        }
        program = Path(__file__).with_name("speakers.py")
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(program), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        said, _ = await process.communicate(json.dumps(task).encode())
        found: dict[str, Any] = json.loads(said)
        return found

    async def hasty_client(self) -> None:
        while time.perf_counter() < self.until:
            await self.attempt("hasty", 0.0, [])

    async def attempt(self, kind: str, pace: float, lateness: list[float]) -> None:
        try:
            text = await self.say(pace, lateness)
        except (OSError, RuntimeError, websockets.WebSocketException) as error:
            self.outcomes[f"{kind}: {type(error).__name__} {error}"[:80]] += 1
            await asyncio.sleep(0.5)
            return
        self.outcomes[f"{kind}: {'right' if text == self.expected else 'WRONG'}"] += 1

    async def vanishing_client(self) -> None:
        """Sends some audio and disconnects without notice."""
        while time.perf_counter() < self.until:
            try:
                connection = await websockets.connect(self.address)
                await connection.send(self.pcm[:20000])
                await asyncio.sleep(random.random())
                connection.transport.abort()
                self.outcomes["vanished"] += 1
            except (OSError, websockets.WebSocketException):
                self.outcomes["vanishing: refused"] += 1
            await asyncio.sleep(0.2)

    async def garbage_client(self) -> None:
        garbage = [b"odd", "not json", "{}", b"\xff" * 2001, '{"event": "dance"}', b"x" * 3_000_000]
        while time.perf_counter() < self.until:
            try:
                async with websockets.connect(self.address) as connection:
                    await connection.send(random.choice(garbage))
                    async for _ in connection:
                        pass
            except (OSError, websockets.WebSocketException):
                pass
            self.outcomes["garbage sent"] += 1
            await asyncio.sleep(0.2)

    async def silent_client(self) -> None:
        while time.perf_counter() < self.until:
            try:
                async with websockets.connect(self.address) as connection:
                    async for _ in connection:
                        pass
            except (OSError, websockets.WebSocketException):
                pass
            self.outcomes["silent: ended by the server"] += 1

    async def file_client(self) -> None:
        body = Path(self.flags.audio).read_bytes()
        while time.perf_counter() < self.until:
            started = time.perf_counter()
            try:
                status = await attackers.upload(self.port, body)
            except (OSError, asyncio.TimeoutError) as error:
                self.outcomes[f"file: {type(error).__name__}"] += 1
            else:
                self.outcomes[f"file: {status}"] += 1
                self.file_seconds.append(time.perf_counter() - started)
            await asyncio.sleep(0.5)

    async def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Record the server's memory once per second."""
        while time.perf_counter() < self.until:
            self.memory.append(sum(map(memory_megabytes, family(process.pid))))
            await asyncio.sleep(1)

    async def heard_seconds(self) -> float:
        """Return the seconds of live audio that the server has transcribed."""
        metrics = await asyncio.to_thread(self.metrics)
        return float(re.search(r'audio_seconds_total{kind="live"} (\S+)', metrics)[1])

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            text: str = answer.read().decode()
        return text

    async def rush(self) -> Counter[str]:
        """Open more streams at once than the server accepts; return the outcomes."""
        full, found = asyncio.Event(), Counter()

        async def come() -> None:
            async with websockets.connect(self.address) as connection:
                said = json.loads(await connection.recv())
                if said["type"] == "ready":
                    found["taken"] += 1
                    await full.wait()
                    return
                await connection.wait_closed()
                found[f"{said['code']}, closed with {connection.close_code}"] += 1

        async def leave() -> None:
            while sum(found.values()) < self.max_streams + RUSH:
                await asyncio.sleep(0.1)
            full.set()

        coming = asyncio.gather(leave(), *(come() for _ in range(self.max_streams + RUSH)))
        await asyncio.wait_for(coming, 60)
        return found

    async def run(self) -> bool:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if self.flags.attackers:
            attackers.wide_audio()
        command = [sys.executable, "-m", "stt", "serve", "--model", self.flags.model]
        command += ["--port", str(port), "--max_streams", str(self.max_streams)]
        command += ["--idle_seconds", "10", "--beam_width", str(self.flags.beam_width)]
        if self.flags.processes:
            command += ["--processes", str(self.flags.processes)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return await self.soak(process, port)
        finally:
            process.kill()

    async def soak(self, process: subprocess.Popen[bytes], port: int) -> bool:
        self.port = port
        self.path = f"/live?pause={self.flags.pause:g}&sample_rate={self.rate}"
        self.address = f"ws://127.0.0.1:{port}{self.path}"
        for _ in range(600):  # it starts slowly on a busy machine
            try:
                self.expected = await self.say(0.0, [])
                break
            except OSError:
                await asyncio.sleep(0.2)
        await asyncio.sleep(5)  # until all its processes are running
        heard, before = await self.heard_seconds(), cpu_seconds(process.pid)
        self.until = time.perf_counter() + self.flags.seconds
        kinds = (self.vanishing_client, self.garbage_client, self.silent_client, self.hasty_client)
        clients = [self.good_clients()]
        clients += [kind() for kind in kinds for _ in range(self.flags.bad)]
        clients += [self.file_client() for _ in range(self.flags.files)]
        clients += [kind(self) for kind in attackers.KINDS for _ in range(self.flags.attackers)]
        await asyncio.gather(self.watch(process), *clients)
        after = cpu_seconds(process.pid)
        self.cpu_seconds = {pid: after[pid] - before.get(pid, 0.0) for pid in after}
        self.audio_seconds = await self.heard_seconds() - heard
        rush = await self.rush()
        process.terminate()
        status = process.wait(timeout=60)
        return self.report(rush, status)

    def report(self, rush: Counter[str], status: int) -> bool:
        for outcome, count in sorted(self.outcomes.items()):
            print(f"{count:7} {outcome}")
        for outcome, count in sorted(rush.items()):
            print(f"{count:7} of {self.max_streams + RUSH} streams at once: {outcome}")
        everything = [value for client in self.lateness for value in client]
        clients = [statistics.median(client) for client in self.lateness if client]
        for name, values in (
            ("final transcripts", everything),
            ("medians of clients", clients),
            ("files", self.file_seconds),
        ):
            p50, p95, p99, worst = (1000 * quantile(values, q) for q in (0.5, 0.95, 0.99, 1))
            print(
                f"late, ms, {name:18}: 50 % {p50:5.0f}  95 % {p95:5.0f}  99 % {p99:5.0f}  "
                f"worst {worst:5.0f}"
            )
        print(f"memory at most, MB: {max(self.memory):.0f}")
        tenths = [self.memory[len(self.memory) * tenth // 10] for tenth in range(10)]
        print("memory, MB:", *(f"{size:.0f}" for size in (*tenths, self.memory[-1])))
        used, audio = sum(self.cpu_seconds.values()), self.audio_seconds
        print(
            f"CPU: {used:.1f} s in {self.flags.seconds:g} s, for {audio:.0f} s of audio: "
            f"{1000 * used / audio:.1f} ms for a second; of processes:",
            *(f"{seconds:.1f}" for seconds in self.cpu_seconds.values()),
        )
        print(
            f"CPU of the good clients: {1000 * self.speakers_cpu_seconds / audio:.1f} ms for a "
            f"second of audio; exit status {status}"
        )
        return (
            status == 0
            and rush == {"taken": self.max_streams, "busy, closed with 1013": RUSH}
            and self.memory[-1] < 1.1 * self.memory[len(self.memory) // 2]
            and {outcome for outcome in self.outcomes if outcome.startswith("good")}
            == {"good: right"}
            and {outcome for outcome in self.outcomes if outcome.startswith("file")}
            <= {"file: 200"}
        )


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values) or [float("nan")]
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def family(pid: int) -> list[int]:
    """Return a process and its child processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def cpu_seconds(pid: int) -> dict[int, float]:
    """Return the CPU time of a process and of each child process."""
    found = {}
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        found[member] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def memory_megabytes(pid: int) -> float:
    """Return the memory of a process, with its share of memory that several processes use."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--audio", required=True, help="16-bit mono WAV")
    parser.add_argument("--streams", type=int, default=200, help="well-behaved clients")
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="how fast they speak: a few at 20 cost what many do, chunk by chunk",
    )
    parser.add_argument("--pause", type=float, default=0, help="that ends an utterance, in seconds")
    parser.add_argument("--processes", type=int, help="of the server (its own default)")
    parser.add_argument("--bad", type=int, default=10, help="clients of each bad kind")
    parser.add_argument("--files", type=int, default=0, help="clients that upload the audio")
    parser.add_argument("--attackers", type=int, default=0, help="of each kind of attackers.py")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--beam_width", type=int, default=20)
    return 0 if asyncio.run(Soak(parser.parse_args()).run()) else 1


if __name__ == "__main__":
    sys.exit(main())
