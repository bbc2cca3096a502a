"""Builds a desk from its flags, and serves it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from coqui_stt_ctcdecoder import Alphabet
from stt.counted import counted
from stt.extras import server_packages
from stt.file_lock import TakenError, holding
from stt.model import Model
from stt.server.hosts import Hosts
from stt.server.listening import address_of, is_beyond_this_machine, open_sockets
from stt.server.token import new_token, read_token

from ..errors import CorpusError, FlagError
from .data_set import DataSet
from .desk import Desk
from .drafts import Drafts
from .journal import DeskJournal
from .lease import Leases
from .preparation import Preparation
from .recording import find_recordings
from .spelling import DeskSpelling

if TYPE_CHECKING:
    from ..label import DeskConfig, DeskFlags

_log = logging.getLogger(__name__)
_IDLE_SECONDS = 30.0


def serve_desk(inputs: Sequence[str], config: DeskConfig, given: frozenset[str]) -> None:
    """Serve a desk until SIGINT or SIGTERM.

    Args:
        inputs: recordings to transcribe, see `find_recordings`.
        config: all flags.
        given: names of the flags that were given.

    Raises:
        UserError: a flag, file or model is wrong, or a package is missing.
    """
    with server_packages("stt label"):
        from stt.server.draining import DrainingServer, server_config
        from stt.server.gate import address_with

        from .app import DeskContext, create_app
    flags, address = config.desk, config.address
    hosts = Hosts.of_flags(address.allowed_hosts)
    path = Path(flags.out)
    for name in ("ssl_certfile", "ssl_keyfile"):
        if (file := getattr(address, name)) and not Path(file).is_file():
            raise FlagError(f"--{name} {file}: no such file")
    given_token = read_token(address.token, address.token_file)
    recordings = find_recordings(inputs, path.parent)
    with _only_one(path):
        sockets = open_sockets(address.host, address.port)
        bound = [listener.getsockname()[0] for listener in sockets]
        is_open = is_beyond_this_machine(bound) or bool(address.allowed_hosts)
        made = new_token() if is_open and not given_token else ""
        model = _load_model(config, given)
        desk = _open_desk(path, flags, model)
        context = DeskContext(
            desk,
            Preparation(desk, recordings, flags.clip_seconds),
            None if model is None else Drafts(model),
            flags.model,
            "" if model is None else model.language,
        )
        app = create_app(context, hosts.bound_to([address.host, *bound]), given_token or made)
        server = server_config(
            app,
            _IDLE_SECONDS,
            ssl_certfile=address.ssl_certfile or None,
            ssl_keyfile=address.ssl_keyfile or None,
            log_level="warning",
        )
        opened = address_of(sockets, address.host, is_secure=bool(address.ssl_certfile))
        _log.info("%s to transcribe, saving to %s", counted(len(recordings), "recording"), path)
        _log.info("Open %s in a browser (press Ctrl-C to stop)", address_with(opened, made))
        DrainingServer(server, _nothing_to_wait_for).run(sockets)
        _tell_result(desk, path)


async def _nothing_to_wait_for() -> None:
    """Saves take a moment, and uvicorn itself waits for them."""


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Lock the data set, because two desks would overwrite each other's labels."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with holding(path.with_name(f".{path.name}.lock")):
            yield
    except TakenError as error:
        who = f", {error.owner}" if error.owner else ""
        raise FlagError(
            f"--out {path}: in use by another stt label{who}; several people can use its page "
            "together, or give another file"
        ) from None


def _load_model(config: DeskConfig, given: frozenset[str]) -> Model | None:
    decoder = config.decoder
    if not config.desk.model:
        idle = sorted(given & {"scorer_path", "beam_width", "lm_alpha", "lm_beta"})
        if idle:
            raise FlagError(f"--{', --'.join(idle)}: has no effect without --model; add one")
        return None
    _log.info("Loading %s", config.desk.model)
    model = Model(config.desk.model, parallel=1)
    if "beam_width" in given:
        model.set_beam_width(decoder.beam_width)
    if decoder.scorer_path:
        model.enable_external_scorer(decoder.scorer_path, *decoder.weights(given))
    return model


def _open_desk(path: Path, flags: DeskFlags, model: Model | None) -> Desk:
    alphabet = None if model is None else model.alphabet
    if flags.alphabet_config_path:
        alphabet = Alphabet(flags.alphabet_config_path)
    journal = DeskJournal(path.with_name(f"{path.stem}.desk.jsonl"))
    try:
        data_set = DataSet(path)
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror or error}") from None
    spelling = DeskSpelling(alphabet, flags.normalize_transcripts)
    return Desk(data_set, journal, spelling, Leases(monotonic))


def _tell_result(desk: Desk, path: Path) -> None:
    progress = desk.progress()
    _log.info(
        "%s has %s, %.1f minutes of speech; %d rejected, %d left. Run the same command again to "
        "continue",
        path, counted(progress.accepted, "clip"), progress.accepted_seconds / 60,
        progress.rejected, progress.clips - progress.accepted - progress.rejected,
    )  # fmt: skip
