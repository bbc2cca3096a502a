"""`stt serve` in its own process, for tests that need real connections."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stt_models import ORACLE

MODEL = str(ORACLE / "tflite/cpu_n64_quant.tflite")


@dataclass(frozen=True)
class Served:
    """A running server.

    Attributes:
        port: port on 127.0.0.1.
        pid: id of the started process.
        log: file with the output of the process.
    """

    port: int
    pid: int
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(folder: Path, *flags: str) -> Iterator[Served]:
    """Run a server on a free port; check that it ends with status 0 and leaks no native objects."""
    log = folder / "server.log"
    command = [sys.executable, "-u", "-m", "stt", "serve", "--model", MODEL, "--port", "0"]
    with log.open("w") as output:
        process = subprocess.Popen([*command, *flags], stderr=output, stdout=output)
    try:
        yield Served(_port(process, log), process.pid, log)
    finally:
        process.terminate()
        status, said = process.wait(timeout=60), log.read_text()
        assert status == 0, said
        assert "leaked" not in said, "what native code holds is taken down"


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    while process.poll() is None:
        text = log.read_text()
        found = re.search(r"Serving on \S+:(\d+) ", text)
        if found and re.search("startup complete|process", text[found.end() :]):
            return int(found[1])
        _wait_a_little(process)
    raise AssertionError(log.read_text())


def _wait_a_little(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=0.1)
    except subprocess.TimeoutExpired:
        return
