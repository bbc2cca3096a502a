"""The supervisor of a server: starts its processes, and hands over connections to them."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import signal
import socket
from collections.abc import Coroutine, Sequence

from uvicorn.config import LOGGING_CONFIG

from ..cores import available_cores
from ..errors import ServerError, describe_system_error
from .counted import CLOSED_CONNECTIONS, LIVE_STREAMS, shared_ledger
from .ledger import shared_file
from .reception import Reception
from .worker_process import FAILED, LEAVING, READY, WorkerProcess, WorkerSettings

_log = logging.getLogger("uvicorn.error")
_MOST_FAILURES = 3  # consecutive failures to start
_RESTART_SECONDS = 1.0  # before another start after a failed one
_END_SECONDS = 5.0  # for a process to end after it has finished its requests


class Supervisor:
    """Starts the processes of a server, replaces those that die, and stops all.

    It accepts the connections and hands each over to the process with the fewest. So all have
    equally many, however long each lasts, even after a process was replaced. (Of 500 simultaneous
    connections, two processes that accept from one socket had 231 and 269, and two sockets with
    SO_REUSEPORT had 232 and 268: one process has a twelfth more work than the average. Besides,
    only Linux balances between such sockets, and it resets the connections that wait for a process
    that died.)

    Args:
        listeners: sockets to accept connections from.
        settings: settings of the processes.
        address: address of the web page, for messages.
        token: token that clients must send; empty if none is required.
        count: number of processes; None for `suitable_count`, which the first process reports.
        shutdown_seconds: time to finish running requests when the server is stopped.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        settings: WorkerSettings,
        address: str,
        *,
        token: str,
        count: int | None,
        shutdown_seconds: float,
    ) -> None:
        self._reception = Reception(listeners, self._hand_over)
        self._settings = settings
        self._address = address
        self._token = token
        self._count = count
        self._shutdown_seconds = shutdown_seconds
        self._rows = count or available_cores()
        self._file = shared_file()
        self._ledger = shared_ledger(self._file, processes=self._rows)
        self._workers: dict[int, WorkerProcess] = {}  # by row in the ledger
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_serving = False
        self._is_stopping = False
        self._failures = 0  # consecutive failures to start
        self._error: ServerError | None = None
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Serve until a signal.

        Raises:
            ServerError: a process cannot be started.
        """
        logging.config.dictConfig(LOGGING_CONFIG)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._handle_signal)
        self._reception.listen()
        try:
            self._start(0, is_first=True)
            await self._ended.wait()
        finally:
            for worker in self._workers.values():
                worker.kill()
            self._reception.close()
        if self._error is not None:
            raise self._error

    def _start(self, row: int, *, is_first: bool = False) -> None:
        worker = WorkerProcess(
            self._settings,
            token=self._token,
            row=row,
            rows=self._rows,
            ledger=self._file,
            is_first=is_first,
        )
        self._workers[row] = worker
        asyncio.get_running_loop().add_reader(worker.control, self._receive, worker)

    def _receive(self, worker: WorkerProcess) -> None:
        messages = worker.messages()
        if messages is None:
            asyncio.get_running_loop().remove_reader(worker.control)
            self._start_task(self._replace(worker))
            return
        for message in messages:
            if READY in message:
                self._add_ready(worker, message[READY])
            elif FAILED in message:
                worker.failure = message[FAILED]
            elif LEAVING in message:
                worker.is_ready = False

    def _add_ready(self, worker: WorkerProcess, suitable_count: int) -> None:
        worker.is_ready = True
        self._failures = 0
        if self._count is None:
            self._count = min(suitable_count, self._rows)
        if self._is_stopping:
            worker.stop()
            return
        if not self._is_serving:
            for row in set(range(self._count)) - set(self._workers):
                self._start(row)
            self._begin_to_serve()
        self._reception.serve_waiting()

    async def _replace(self, worker: WorkerProcess) -> None:
        """Clean up after a process that is gone, and start another one in its place."""
        was_ready, worker.is_ready = worker.is_ready, False
        streams = int(self._ledger.of(worker.row, LIVE_STREAMS))
        status = await asyncio.to_thread(worker.wait, _END_SECONDS)
        self._ledger.retire(worker.row)
        del self._workers[worker.row]
        if self._is_stopping:
            if not self._workers:
                self._ended.set()
            return
        reason = worker.failure or f"a server process ended during its start ({status})"
        if not was_ready:
            self._failures += 1
            if not self._is_serving or self._failures >= _MOST_FAILURES:
                self._fail(reason)
                return
        _log.error(
            "Process %d ended (%s) with %d live streams; starting another one",
            worker.pid, worker.failure or status, streams,
        )  # fmt: skip
        await self._restart(worker.row)

    async def _restart(self, row: int) -> None:
        while True:
            await asyncio.sleep(_RESTART_SECONDS if self._failures else 0)
            if self._is_stopping:
                return
            try:
                self._start(row)
                return
            except OSError as error:  # no memory, or too many processes
                self._failures += 1
                if self._failures >= _MOST_FAILURES:
                    self._fail(f"cannot start a process: {describe_system_error(error)}")
                    return

    def _begin_to_serve(self) -> None:
        self._is_serving = True
        self._reception.open()
        _log.info(
            "Serving on %s with %d process%s (press Ctrl-C to stop)",
            self._address, len(self._workers), "es" if len(self._workers) > 1 else "",
        )  # fmt: skip

    def _hand_over(self, connection: socket.socket) -> bool:
        ready = [worker for worker in self._workers.values() if worker.is_ready]
        return any(worker.hand_over(connection) for worker in sorted(ready, key=self._load))

    def _load(self, worker: WorkerProcess) -> float:
        """Return the number of open connections of a process."""
        return worker.handed_over - self._ledger.of(worker.row, CLOSED_CONNECTIONS)

    def _handle_signal(self) -> None:
        if self._is_stopping:
            for worker in self._workers.values():
                worker.stop()
            asyncio.get_running_loop().call_later(_END_SECONDS, self._kill_all)
            return
        _log.info(
            "Finishing running requests; press Ctrl-C again or send a second signal to stop at once"
        )
        self._stop()

    def _fail(self, reason: str) -> None:
        self._error = ServerError(reason)
        if self._is_serving:
            _log.error("Processes keep ending during their start; stopping the server")
        self._stop()

    def _stop(self) -> None:
        self._is_stopping = True
        for worker in self._workers.values():
            if worker.is_ready:
                worker.stop()
            else:
                worker.kill()
        seconds = self._shutdown_seconds + _END_SECONDS
        asyncio.get_running_loop().call_later(seconds, self._kill_all)
        if not self._workers:
            self._ended.set()

    def _kill_all(self) -> None:
        for worker in self._workers.values():
            worker.kill()

    def _start_task(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
