"""The flags of `stt serve`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from ..errors import FlagError
from ..model_flags import add_model_flags, positive
from .limits import Limits


def read_flags(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line.

    Raises:
        FlagError: flags that do not go together.
    """
    flags = _parser().parse_args(arguments)
    if flags.ssl_keyfile and not flags.ssl_certfile:
        raise FlagError("--ssl_keyfile: has no effect without --ssl_certfile; add one")
    if flags.threads is None:
        flags.threads = 1  # streams side by side make better use of the cores
    return flags


def limits_of(flags: argparse.Namespace) -> Limits:
    """Return the limits that flags say.

    Raises:
        FlagError: one that is not above 0.
    """
    values: dict[str, Any] = {
        name: value for name, value in vars(flags).items() if name in Limits.__dataclass_fields__
    }
    wrong = [f"--{name} {value:g}" for name, value in values.items() if value <= 0]
    if wrong:
        raise FlagError(f"{', '.join(wrong)}: must be greater than 0")
    return Limits(**values)


def connection_flags(flags: argparse.Namespace) -> dict[str, Any]:
    """Return the flags of connections, as `server_config` takes them."""
    names = ("ssl_certfile", "ssl_keyfile", "access_log")
    return {name: getattr(flags, name) for name in names}


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
    parser.add_argument(
        "--processes",
        type=positive,
        metavar="N",
        help="processes that share the work, and all limits (default: one for each core, of large "
        "models one for each four)",
    )
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
