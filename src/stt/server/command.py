"""The command `stt serve`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import FlagError
from ..extras import missing_packages
from ..model_flags import add_model_flags, load_model
from .hosts import Hosts
from .limits import Limits
from .listening import address_of, open_sockets

# How long a thread that transcribes may keep Python's lock while others wait: what is received and
# sent meanwhile is late by it.
_SWITCH_SECONDS = 0.0005


def serve(arguments: Sequence[str]) -> None:
    """Serve until SIGINT or SIGTERM; then finish what is at work, and return.

    Raises:
        UserError: the model cannot be loaded, or the server's packages are missing.
    """
    flags = _parser().parse_args(arguments)
    limits = _limits(flags)
    hosts = Hosts.of_flags(flags.allowed_hosts)
    try:
        from .app import create_app
        from .draining import DrainingServer, server_config
    except ImportError as error:
        package = (error.name or "fastapi").split(".")[0]
        raise FlagError(f"for stt serve, {missing_packages(package, 'server')}") from None
    if flags.threads is None:
        flags.threads = 1  # streams side by side make better use of the cores
    sockets = open_sockets(flags.host, flags.port)
    bound = [flags.host, *(listener.getsockname()[0] for listener in sockets)]
    app = create_app(load_model(flags), limits, hosts.bound_to(bound))
    config = server_config(
        app,
        limits.idle_seconds,
        ssl_certfile=flags.ssl_certfile,
        ssl_keyfile=flags.ssl_keyfile,
        access_log=flags.access_log,
    )

    sys.setswitchinterval(_SWITCH_SECONDS)
    address = address_of(sockets, flags.host, is_secure=bool(flags.ssl_certfile))
    logging.getLogger("uvicorn.error").info("Serving on %s (Ctrl-C ends it)", address)
    DrainingServer(config, app.state.service.drain).run(sockets)


def _limits(flags: argparse.Namespace) -> Limits:
    values: dict[str, Any] = {
        name: value for name, value in vars(flags).items() if name in Limits.__dataclass_fields__
    }
    wrong = [f"--{name} {value:g}" for name, value in values.items() if value <= 0]
    if wrong:
        raise FlagError(f"{', '.join(wrong)}: must be greater than 0")
    return Limits(**values)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:  # the system would take the number modulo 65536, silently
        raise ValueError
    return port


_port.__name__ = "port (0 to 65535)"  # argparse puts it into its messages


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stt serve",
        description="Serve a web page for microphone and files, an HTTP API for files (also for "
        "OpenAI's clients, /v1/audio/transcriptions) and a WebSocket for live audio (/live). "
        "/docs describes the API. No audio is stored.",
    )
    add_model_flags(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on (8000)")
    parser.add_argument(
        "--allowed_hosts",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="names under which browsers and others may reach it, beside --host, localhost, and "
        "with --host 0.0.0.0 any address; *.example.com is every name below, * is all",
    )
    parser.add_argument(
        "--ssl_certfile",
        help="certificate, for HTTPS: browsers give pages from other machines no "
        "microphone without it",
    )
    parser.add_argument("--ssl_keyfile", help="key of the certificate")
    parser.add_argument("--access_log", action="store_true", help="log every request")
    limits = parser.add_argument_group("limits")
    for name, kind, text in (
        ("max_upload_megabytes", float, "size of one file"),
        ("max_file_seconds", float, "length of one file"),
        ("max_stream_seconds", float, "length of one live stream"),
        ("max_streams", int, "live streams at a time"),
        ("max_files", int, "files at a time"),
        (
            "min_upload_kilobytes_per_second",
            float,
            "what must arrive of a file that is sent, on average of --idle_seconds",
        ),
        ("idle_seconds", float, "how long a client may be silent on the line"),
        ("shutdown_seconds", float, "how long those at work may take when the server is stopped"),
    ):
        default = getattr(Limits, name)
        limits.add_argument(
            f"--{name}", type=kind, default=default, metavar="N", help=f"{text} ({default:g})"
        )
    return parser
