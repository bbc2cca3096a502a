"""A server that is one process."""

from __future__ import annotations

import argparse
import logging
import socket
from collections.abc import Sequence

import uvicorn
from fastapi import FastAPI

from ..errors import FlagError, describe_system_error
from ..model_flags import load_model
from .app import create_app
from .draining import DrainingServer, server_config
from .flags import limits_of
from .hosts import Hosts
from .process_settings import settled


def serve_alone(
    flags: argparse.Namespace,
    sockets: Sequence[socket.socket],
    bound: Sequence[str],
    address: str,
) -> None:
    """Serve until a signal, see `serve`.

    Args:
        flags: of the command.
        sockets: to listen on.
        bound: the name and addresses of these.
        address: of the page, for people.
    """
    app = create_app(load_model(flags), limits_of(flags), hosts_of(flags, bound))
    config = config_of(flags, app)
    with settled():
        logging.getLogger("uvicorn.error").info("Serving on %s (Ctrl-C ends it)", address)
        DrainingServer(config, app.state.service.drain).run(list(sockets))


def hosts_of(flags: argparse.Namespace, bound: Sequence[str]) -> Hosts:
    """Return the names under which the server may be asked for."""
    return Hosts.of_flags(flags.allowed_hosts).bound_to(bound)


def config_of(flags: argparse.Namespace, app: FastAPI, *, processes: int = 1) -> uvicorn.Config:
    """Return what uvicorn is told, in each of so many processes.

    Raises:
        FlagError: the certificate cannot be used.
    """
    config = server_config(
        app,
        flags.idle_seconds,
        processes=processes,
        ssl_certfile=flags.ssl_certfile,
        ssl_keyfile=flags.ssl_keyfile,
        access_log=flags.access_log,
    )
    try:
        config.load()
    except OSError as error:
        key = f" --ssl_keyfile {flags.ssl_keyfile}" if flags.ssl_keyfile else ""
        raise FlagError(
            f"--ssl_certfile {flags.ssl_certfile}{key}: {describe_system_error(error)}; give a "
            "certificate and its key as PEM files"
        ) from None
    return config
