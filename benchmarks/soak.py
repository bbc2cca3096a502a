"""Soak a server: hundreds of live streams, and clients that misbehave.

    python benchmarks/soak.py --model model.tflite --audio clip.wav --streams 200 --seconds 120

Starts `stt serve` with the model, keeps `--streams` well-behaved clients speaking in real time
(each says the clip, waits for its transcript, and begins anew), and beside them clients that
vanish, send garbage, send nothing, or send as fast as they can. At the end prints how late answers
were, how much the server's memory grew after the first quarter, and what its metrics count; exits
with 1 if a good client got a wrong transcript, or the server did not end well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import socket
import subprocess
import sys
import time
import urllib.request
import wave
from collections import Counter
from pathlib import Path

import websockets

CHUNK_SECONDS = 0.1


class Soak:
    def __init__(self, flags: argparse.Namespace) -> None:
        with wave.open(flags.audio) as file:
            self.pcm = file.readframes(file.getnframes())
            self.rate = file.getframerate()
        self.flags = flags
        self.expected: str | None = None
        self.outcomes: Counter[str] = Counter()
        self.lateness: list[float] = []  # from the last audio sent to the final transcript
        self.until = 0.0
        self.address = ""

    async def say(self, pace: float) -> str:
        """Say the clip once; return the transcript."""
        texts = []
        async with websockets.connect(self.address, max_size=None) as connection:
            receiving = asyncio.create_task(self.receive(connection, texts))
            step = int(CHUNK_SECONDS * self.rate) * 2
            due = time.perf_counter()
            for start in range(0, len(self.pcm), step):
                await connection.send(self.pcm[start : start + step])
                due += CHUNK_SECONDS * pace
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            await connection.send('{"event": "end"}')
            await receiving
            if pace == 1:
                self.lateness.append(time.perf_counter() - sent)
        return " ".join(texts)

    async def receive(self, connection: websockets.ClientConnection, texts: list[str]) -> None:
        async for message in connection:
            said = json.loads(message)
            if said["type"] == "final":
                texts.append(said["text"])
            if said["type"] == "error":
                raise RuntimeError(said["code"])

    async def good_client(self) -> None:
        await asyncio.sleep(random.random() * len(self.pcm) / 2 / self.rate)
        while time.perf_counter() < self.until:
            await self.attempt("good", 1.0)

    async def hasty_client(self) -> None:
        while time.perf_counter() < self.until:
            await self.attempt("hasty", 0.0)

    async def attempt(self, kind: str, pace: float) -> None:
        try:
            text = await self.say(pace)
        except (OSError, RuntimeError, websockets.WebSocketException) as error:
            self.outcomes[f"{kind}: {type(error).__name__} {error}"[:80]] += 1
            await asyncio.sleep(0.5)
            return
        self.outcomes[f"{kind}: {'right' if text == self.expected else 'WRONG'}"] += 1

    async def vanishing_client(self) -> None:
        """Says something and is gone, without a word to the server."""
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

    async def watch(self, process: subprocess.Popen[bytes]) -> list[float]:
        """Return the server's memory in MB, second by second."""
        memory = []
        while time.perf_counter() < self.until:
            status = Path(f"/proc/{process.pid}/status").read_text()
            memory.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024)
            await asyncio.sleep(1)
        return memory

    async def run(self) -> bool:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "stt.client", "serve", "--model", self.flags.model]
        command += ["--port", str(port), "--max_streams", "1000", "--idle_seconds", "10"]
        command += ["--beam_width", str(self.flags.beam_width)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return await self.soak(process, port)
        finally:
            process.kill()

    async def soak(self, process: subprocess.Popen[bytes], port: int) -> bool:
        self.address = f"ws://127.0.0.1:{port}/live?pause=0&sample_rate={self.rate}"
        for _ in range(100):
            try:
                self.expected = await self.say(0.0)
                break
            except OSError:
                await asyncio.sleep(0.2)
        self.until = time.perf_counter() + self.flags.seconds
        kinds = (self.vanishing_client, self.garbage_client, self.silent_client, self.hasty_client)
        clients = [self.good_client() for _ in range(self.flags.streams)]
        clients += [kind() for kind in kinds for _ in range(self.flags.bad)]
        memory, *_ = await asyncio.gather(self.watch(process), *clients)
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        process.terminate()
        status = process.wait(timeout=60)
        self.report(memory, metrics, status)
        return status == 0 and not any("WRONG" in outcome for outcome in self.outcomes)

    def report(self, memory: list[float], metrics: str, status: int) -> None:
        for outcome, count in sorted(self.outcomes.items()):
            print(f"{count:7} {outcome}")
        late = sorted(self.lateness)
        if late:
            print(
                f"lateness of the final transcript: median {1000 * late[len(late) // 2]:.0f} ms, "
                f"95 % {1000 * late[int(0.95 * len(late))]:.0f} ms, worst {1000 * late[-1]:.0f} ms"
            )
        quarter = len(memory) // 4
        print(
            f"server's memory: {memory[quarter]:.0f} MB after a quarter of the time, "
            f"{memory[-1]:.0f} MB at the end, {max(memory):.0f} MB at most; exit status {status}"
        )
        for line in metrics.splitlines():
            if re.match(r"stt_\w+(_total|_open_live_streams|_sum|_count|live_streams)\b", line):
                print("  " + line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--audio", required=True, help="16-bit mono WAV")
    parser.add_argument("--streams", type=int, default=200, help="well-behaved clients")
    parser.add_argument("--bad", type=int, default=10, help="clients of each bad kind")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--beam_width", type=int, default=20)
    return 0 if asyncio.run(Soak(parser.parse_args()).run()) else 1


if __name__ == "__main__":
    sys.exit(main())
