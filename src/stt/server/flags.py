"""The flags of `stt serve`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from ..errors import FlagError
from ..model_flags import add_model_flags, positive, whole_number
from .limits import ServerLimits


def read_flags(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line.

    Raises:
        FlagError: the flags contradict each other.
    """
    flags = _parser().parse_args(arguments)
    if flags.ssl_keyfile and not flags.ssl_certfile:
        raise FlagError("--ssl_keyfile: has no effect without --ssl_certfile; add one")
    return flags


def limits_of(flags: argparse.Namespace) -> ServerLimits:
    """Return the limits given by the flags.

    Raises:
        FlagError: a limit is not greater than 0.
    """
    values: dict[str, Any] = {
        name: value
        for name, value in vars(flags).items()
        if name in ServerLimits.__dataclass_fields__
    }
    wrong = [f"--{name} {value:g}" for name, value in values.items() if value <= 0]
    if wrong:
        raise FlagError(f"{', '.join(wrong)}: must be greater than 0")
    return ServerLimits(**values)


def connection_flags(flags: argparse.Namespace) -> dict[str, Any]:
    """Return the flags of connections as keyword arguments of `server_config`."""
    names = ("ssl_certfile", "ssl_keyfile", "access_log")
    return {name: getattr(flags, name) for name in names}


def _port(text: str) -> int:
    return whole_number(text, 0, 65535)  # the system would silently take others modulo 65536


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stt serve",
        description="Serve a web page for microphone and files, an HTTP API for files (also for "
        "OpenAI's clients, /v1/audio/transcriptions) and a WebSocket for live audio (/live). "
        "/docs describes the API. No audio is stored.",
    )
    add_model_flags(parser, threads=1)  # parallel streams make better use of the cores
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8000,
        metavar="N",
        help="port to listen on (default: %(default)s)",
    )
    parser.add_argument(
        "--allowed_hosts",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="host names that clients may use for this server, besides --host, localhost, and with "
        "--host 0.0.0.0 any IP address; *.example.com: all subdomains, *: any name",
    )
    parser.add_argument(
        "--token",
        default="",
        help="secret that clients must send, as `Authorization: Bearer TOKEN`; the web page asks "
        "for it. Other users of this machine can see it on the command line, but not in "
        "--token_file or in the environment variable STT_TOKEN",
    )
    parser.add_argument(
        "--token_file", default="", metavar="FILE", help="file that contains the token"
    )
    parser.add_argument(
        "--ssl_certfile",
        metavar="FILE",
        help="certificate for HTTPS, without which browsers refuse the microphone to pages from "
        "other machines",
    )
    parser.add_argument("--ssl_keyfile", metavar="FILE", help="private key of the certificate")
    parser.add_argument("--access_log", action="store_true", help="log every request")
    parser.add_argument(
        "--processes",
        type=positive,
        metavar="N",
        help="number of processes that share the work and all limits (default: one per core, or "
        "per four cores for large models)",
    )
    limits = parser.add_argument_group("limits")
    for name, kind, text in (
        ("max_upload_megabytes", float, "maximum size of a file"),
        ("max_file_seconds", float, "maximum length of a file"),
        ("max_stream_seconds", float, "maximum length of a live stream"),
        ("max_streams", int, "maximum number of simultaneous live streams"),
        ("max_files", int, "maximum number of simultaneous files"),
        (
            "min_upload_kilobytes_per_second",
            float,
            "minimum upload speed, averaged over --idle_seconds",
        ),
        ("idle_seconds", float, "time after which a client that sends nothing is disconnected"),
        ("shutdown_seconds", float, "time to finish running requests when the server is stopped"),
    ):
        default = getattr(ServerLimits, name)
        limits.add_argument(
            f"--{name}",
            type=kind,
            default=default,
            metavar="N",
            help=f"{text} (default: {default:g})",
        )
    return parser
