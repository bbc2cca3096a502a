"""The program of a worker process, which serves the connections handed over to it."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from coqui_stt_ctcdecoder.errors import UserError

from ..errors import describe_system_error
from ..extras import server_packages
from ..model_flags import load_model
from .counted import shared_ledger
from .flags import connection_flags, limits_of, read_flags
from .hosts import Hosts
from .ledger import Ledger
from .process_count import cores_before, cores_each, suitable_count
from .process_settings import settled
from .token import TOKEN_VARIABLE
from .worker_process import FAILED, READY, WorkerTask


def main(task_json: str) -> int:
    """Serve as described by a `WorkerTask` in JSON; return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the supervisor handles them
        signal.signal(number, signal.SIG_IGN)
    task = WorkerTask.loads(task_json)
    ledger = shared_ledger(task.ledger, processes=task.rows, row=task.row)
    with socket.socket(fileno=task.control) as control:
        try:
            _serve(task, ledger, control)
        except UserError as error:
            _send(control, FAILED, str(error))
            return 2
        except OSError as error:
            _send(control, FAILED, describe_system_error(error))
            return 2
    return 0


def _serve(task: WorkerTask, ledger: Ledger, control: socket.socket) -> None:
    with server_packages("stt serve"):
        from .app import create_app
        from .draining import server_config
        from .handed import HandedServer
    flags = read_flags(task.settings.arguments)
    limits = limits_of(flags)
    with _silenced(unless=task.is_first):
        model = load_model(flags, parallel=cores_before(flags.processes))
    processes = flags.processes or suitable_count(model, limits.max_streams)
    app = create_app(
        model,
        limits,
        Hosts.of_flags(flags.allowed_hosts).bound_to(task.settings.bound),
        ledger,
        token=os.environ.get(TOKEN_VARIABLE, ""),  # set by the supervisor
        cores=cores_each(processes),
    )
    config = server_config(app, flags.idle_seconds, processes=processes, **connection_flags(flags))
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # the supervisor logs the rest
    with settled():
        _send(control, READY, processes)
        HandedServer(config, app.state.service.drain, control, ledger).run()


def _send(control: socket.socket, key: str, value: str | int) -> None:
    with suppress(OSError):  # the supervisor is gone; `HandedServer` will notice
        control.sendall(json.dumps({key: value}).encode() + b"\n")


@contextmanager
def _silenced(unless: bool) -> Iterator[None]:
    """Suppress log messages about the model in all processes but the first."""
    if not unless:
        logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
