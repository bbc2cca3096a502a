"""The command `stt serve`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from ..errors import FlagError
from ..extras import server_packages
from .flags import limits_of, read_flags
from .hosts import Hosts
from .listening import address_of, is_beyond_this_machine, open_sockets
from .process_count import can_share
from .token import TOKEN_VARIABLE, read_token
from .worker_process import WorkerSettings


def serve(arguments: Sequence[str]) -> None:
    """Serve until SIGINT or SIGTERM; then finish running requests, and return.

    Raises:
        UserError: a flag is wrong, the model cannot be loaded, the packages of the server are not
            installed, or its processes end while they start.
    """
    flags = read_flags(arguments)
    limits = limits_of(flags)
    Hosts.of_flags(flags.allowed_hosts)  # raises before any socket is opened
    if not can_share() and (flags.processes or 1) > 1:
        raise FlagError(
            f"--processes {flags.processes}: this system does not support several server "
            "processes; leave it out, and start several servers on different ports behind a load "
            "balancer"
        )
    token = read_token(flags.token, flags.token_file)
    sockets = open_sockets(flags.host, flags.port)
    bound = (flags.host, *(listener.getsockname()[0] for listener in sockets))
    address = address_of(sockets, flags.host, is_secure=bool(flags.ssl_certfile))
    if is_beyond_this_machine(bound[1:]) and not token:
        print(
            f"stt: warning: everybody who can reach {address} can use this server; set a token "
            f"with --token_file, or in the environment variable {TOKEN_VARIABLE}",
            file=sys.stderr,
        )
    with server_packages("stt serve"):
        if flags.processes == 1 or not can_share():
            from .alone import serve_alone

            serve_alone(flags, sockets, bound, address, token)
            return
        from .supervisor import Supervisor
    supervisor = Supervisor(
        sockets,
        WorkerSettings(arguments=tuple(arguments), bound=bound),
        address,
        token=token,
        count=flags.processes,
        shutdown_seconds=limits.shutdown_seconds,
    )
    asyncio.run(supervisor.run())
