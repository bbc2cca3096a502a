"""A worker process of a server, as seen by the supervisor that starts it.

It is a new Python process and not a fork, since libraries with threads do not survive a fork. The
two communicate through a pair of sockets. The supervisor sends connections and requests to stop,
one byte each; the worker sends messages, each a line of JSON. A closed socket tells either side
that the other one is gone.
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
READY, FAILED, LEAVING = "ready", "failed", "leaving"  # keys of a worker's messages

# `-c` needs no script; `sys.path` is replaced before anything can be imported from the current
# folder.
_PROGRAM = """import sys
sys.path[:] = sys.argv[2].split("\\n")
from stt.server.worker import main
sys.exit(main(sys.argv[3]))"""


@dataclass(frozen=True)
class WorkerSettings:
    """Settings that are the same for all worker processes of a server.

    Attributes:
        arguments: command-line arguments of `stt serve`.
        bound: host name and addresses that the server listens on.
    """

    arguments: tuple[str, ...]
    bound: tuple[str, ...]


@dataclass(frozen=True)
class WorkerTask:
    """All settings of one worker process.

    Attributes:
        settings: settings of all worker processes.
        row: row of the process in the ledger.
        rows: highest number of processes.
        control: descriptor of its socket to the supervisor.
        ledger: descriptor of the ledger's file.
        is_first: whether it logs warnings about the model; the others do not.
    """

    settings: WorkerSettings
    row: int
    rows: int
    control: int
    ledger: int
    is_first: bool

    def dumps(self) -> str:
        """Return the task as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> WorkerTask:
        """Return the task from the result of `dumps`."""
        values: dict[str, Any] = json.loads(text)
        settings = {name: tuple(value) for name, value in values.pop("settings").items()}
        return cls(WorkerSettings(**settings), **values)


class WorkerProcess:
    """Starts and controls a worker process.

    Attributes:
        row: row of the process in the ledger.
        control: socket to the process.
        is_ready: whether the process takes connections.
        failure: reason that the process gave for not starting; empty if it gave none.
        handed_over: number of connections handed over to it.
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
        name = f"stt serve, process {row + 1}"  # shown in process lists
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, name, "\n".join(sys.path), task.dumps()],
                env={**os.environ, TOKEN_VARIABLE: token},  # other users can read the arguments
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), ledger),
                start_new_session=True,  # Ctrl-C is for the supervisor
            )

    @property
    def pid(self) -> int:
        """Process ID."""
        return self._process.pid

    def hand_over(self, connection: socket.socket) -> bool:
        """Hand over a connection; return whether the process could take it."""
        try:
            socket.send_fds(self.control, [HAND_OVER], [connection.fileno()])
        except OSError:  # the process is gone, or has hundreds that it has not received yet
            return False
        self.handed_over += 1
        return True

    def stop(self) -> None:
        """Tell the process to finish running requests and end; the second time, to end at once."""
        try:
            self.control.send(STOP)
        except OSError:
            self.kill()

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()

    def messages(self) -> list[dict[str, Any]] | None:
        """Return the messages since the last call, or None if the process is gone."""
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
        """Wait for the process to end, and kill it after `seconds`; return how it ended."""
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
