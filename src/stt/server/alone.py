"""Runs a server in a single process."""

from __future__ import annotations

import argparse
import logging
import socket
from collections.abc import Sequence

from ..model_flags import load_model
from .app import create_app
from .draining import DrainingServer, server_config
from .flags import connection_flags, limits_of
from .hosts import Hosts
from .process_settings import settled


def serve_alone(
    flags: argparse.Namespace,
    sockets: Sequence[socket.socket],
    bound: Sequence[str],
    address: str,
    token: str,
) -> None:
    """Serve until a signal; see `serve`.

    Args:
        flags: flags of the command.
        sockets: sockets to listen on.
        bound: host name and addresses of the sockets.
        address: address of the web page, for messages.
        token: token that clients must send; empty if none is required.
    """
    hosts = Hosts.of_flags(flags.allowed_hosts).bound_to(bound)
    app = create_app(load_model(flags), limits_of(flags), hosts, token=token)
    config = server_config(app, flags.idle_seconds, **connection_flags(flags))
    with settled():
        logging.getLogger("uvicorn.error").info("Serving on %s (press Ctrl-C to stop)", address)
        DrainingServer(config, app.state.service.drain).run(list(sockets))
