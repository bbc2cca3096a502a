"""A process of a server, as the process sees it that started it.

It is a Python of its own, not a fork: libraries that have threads do not survive one. The two talk
through a pair of sockets: one way go connections and the wish to stop, each a byte, the other way
news, each a line of JSON. Either learns from the closed socket that the other is gone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

from .token import TOKEN_VARIABLE

HAND_OVER, STOP = b"+", b"."
READY, FAILED, LEAVING = "ready", "failed", "leaving"  # what news may be; their values say more

# As `-c` it needs no file of ours, and takes no module from the folder the command was started in.
_PROGRAM = """import sys
sys.path[:] = sys.argv[2].split("\\n")
from stt.server.worker import main
sys.exit(main(sys.argv[3]))"""


@dataclass(frozen=True)
class WorkerSettings:
    """What is the same for all processes of a server.

    Attributes:
        arguments: of the command.
        bound: the name and the addresses that the server listens on.
    """

    arguments: tuple[str, ...]
    bound: tuple[str, ...]


@dataclass(frozen=True)
class WorkerTask:
    """What one of the processes is told.

    Attributes:
        settings: as all are told.
        row: its own in the ledger.
        rows: how many there may be.
        control: descriptor of its socket.
        ledger: descriptor of the ledger's file.
        is_first: whether it speaks of what is noteworthy about the model; the others need not.
    """

    settings: WorkerSettings
    row: int
    rows: int
    control: int
    ledger: int
    is_first: bool

    def dumps(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> WorkerTask:
        """Return what `dumps` wrote."""
        values: dict[str, Any] = json.loads(text)
        settings = {name: tuple(value) for name, value in values.pop("settings").items()}
        return cls(WorkerSettings(**settings), **values)


class WorkerProcess:
    """Starts a process.

    Attributes:
        row: its own in the ledger.
        control: our end of the sockets.
        is_ready: whether it takes connections.
        failure: why it could not start, as it says itself; empty where it says nothing.
        handed_over: how many connections it got.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        token: str,
        row: int,
        rows: int,
        ledger: int,
        is_first: bool,
    ) -> None:
        self.row = row
        self.control, theirs = socket.socketpair()
        self.control.setblocking(False)
        self.is_ready = False
        self.failure = ""
        self.handed_over = 0
        self._unread = b""
        task = WorkerTask(settings, row, rows, theirs.fileno(), ledger, is_first)
        name = f"stt serve, process {row + 1}"  # for people who look at what runs
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, name, "\n".join(sys.path), task.dumps()],
                env={**os.environ, TOKEN_VARIABLE: token},  # others can read what it is told
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), ledger),
                start_new_session=True,  # Ctrl-C is for the one that started it
            )

    @property
    def pid(self) -> int:
        """The system's number of it."""
        return self._process.pid

    def hand_over(self, connection: socket.socket) -> bool:
        """Give it a connection; return whether it can take one."""
        try:
            socket.send_fds(self.control, [HAND_OVER], [connection.fileno()])
        except OSError:  # it is gone, or has not taken hundreds that it was given
            return False
        self.handed_over += 1
        return True

    def stop(self) -> None:
        """Let it finish what is at work; the second time, let it end."""
        try:
            self.control.send(STOP)
        except OSError:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def news(self) -> list[dict[str, Any]] | None:
        """Return what it has said since; None where it is gone."""
        try:
            received = self.control.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not received:
            return None
        *lines, self._unread = (self._unread + received).split(b"\n")
        return [json.loads(line) for line in lines]

    def wait(self, seconds: float) -> str:
        """Wait until it has ended, or end it; return how it did."""
        self.control.close()
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        return _described(status)


def _described(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"{name}, which is what happens where memory is short" if name == "SIGKILL" else name
