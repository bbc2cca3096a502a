"""The desk's endpoints: its page, and the API that the page calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from coqui_stt_ctcdecoder.errors import UserError
from stt.server.admission import Admission, AdmissionMiddleware
from stt.server.gate import Gate, GateMiddleware
from stt.server.hosts import Hosts
from stt.server.request_error import RequestError

from .advice import training_command
from .clip import VERDICTS, DeskClip, DeskLabel
from .data_set import wav_of
from .desk import Change, Desk, OutdatedError, UnknownClipError
from .drafts import Draft, Drafts
from .journal import verdict_of
from .lease import Person
from .preparation import Preparation
from .requests import Save, StepRequest, Visit, read_body

_AHEAD = 6  # upcoming clips that are drafted in advance
_DRAFT_WAIT_SECONDS = 4.0  # each waiting request occupies a thread
_MOST_LISTED = 500
_ASSETS = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/desk.css": ("desk.css", "text/css; charset=utf-8"),
    "/list.js": ("list.js", "text/javascript; charset=utf-8"),
    "/desk.js": ("desk.js", "text/javascript; charset=utf-8"),
    "/sound.js": ("sound.js", "text/javascript; charset=utf-8"),
    "/text.js": ("text.js", "text/javascript; charset=utf-8"),
}
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; media-src blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_COOKIE = "stt-label"
Result = TypeVar("Result")


@dataclass(frozen=True)
class DeskContext:
    """A desk, and its background work.

    Attributes:
        desk: the desk.
        preparation: the thread that cuts recordings into clips.
        drafts: drafts by a model; None: there is no model.
        model: the model's name, as the user gave it; empty: none.
        language: language of the model, a BCP 47 tag; may be empty.
    """

    desk: Desk
    preparation: Preparation
    drafts: Drafts | None = None
    model: str = ""
    language: str = ""

    def close(self) -> None:
        """Stop the background work."""
        self.preparation.close()
        if self.drafts is not None:
            self.drafts.close()


def create_app(context: DeskContext, hosts: Hosts | None = None, token: str = "") -> FastAPI:
    """Return the ASGI application.

    Args:
        context: the desk to serve; its threads end with the application.
        hosts: host names that requests may use; by default those of this machine.
        token: token that requests must have; empty: none is needed.
    """
    admission = Admission(hosts or Hosts())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        context.preparation.start()
        yield
        context.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    for path, (name, kind) in _ASSETS.items():
        app.get(path)(_asset(name, kind))
    _add_reading(app, context, admission)
    _add_working(app, context)

    @app.exception_handler(RequestError)
    def refuse(_: Request, error: RequestError) -> JSONResponse:
        return error.answer()

    gate = Gate(
        token,
        _COOKIE,
        "Transcription desk",
        "Open the address that stt label has printed, which ends in ?token=…, or enter the token.",
        "open the address with the token that stt label has printed",
    )
    app.add_middleware(GateMiddleware, gate=gate)
    app.add_middleware(AdmissionMiddleware, admission=admission)
    return app


def _asset(name: str, kind: str) -> Callable[[], Response]:
    content = resources.files(__package__).joinpath(name).read_bytes()
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return lambda: Response(content, media_type=kind, headers=headers)


def _add_reading(app: FastAPI, context: DeskContext, admission: Admission) -> None:
    """Add the endpoints that change nothing. Requests from pages of other sites are refused."""
    desk = context.desk

    @app.get("/api/desk")
    def describe(request: Request) -> JSONResponse:
        admission.check_site(request.headers)
        return _private(_about(context))

    @app.get("/api/clips")
    def list_clips(
        request: Request, offset: int = 0, count: int = 100, show: str = "", search: str = ""
    ) -> JSONResponse:
        admission.check_site(request.headers)
        if show and show not in VERDICTS:
            raise RequestError(422, "bad_request", f"show must be one of {', '.join(VERDICTS)}")
        if offset < 0 or not 1 <= count <= _MOST_LISTED:
            raise RequestError(422, "bad_request", f"count must be from 1 to {_MOST_LISTED}")
        found = desk.listed(verdict_of(show) if show else None, search)
        return _private(
            {"total": len(found), "clips": _rows(context, found[offset : offset + count])}
        )

    @app.get("/api/clips/{identity}/draft")
    def draft(request: Request, identity: str) -> JSONResponse:
        admission.check_site(request.headers)
        clip = _clip(desk, identity)
        found = context.drafts and context.drafts.get(clip, _DRAFT_WAIT_SECONDS)
        return _private(_draft(context, found or None))

    @app.get("/api/clips/{identity}/audio")
    def audio(request: Request, identity: str) -> Response:
        admission.check_site(request.headers)
        content = _answered(lambda: wav_of(_clip(desk, identity)))
        return Response(content, media_type="audio/wav", headers={"Cache-Control": "no-store"})

    @app.get("/api/training")
    def training(request: Request) -> JSONResponse:
        admission.check_site(request.headers)
        texts = [label.text for _, label in desk.listed("accepted")]
        advice = training_command(desk.data_set.path, context.model, desk.spelling, texts)
        return _private({"command": advice.command, "remarks": advice.remarks})


def _add_working(app: FastAPI, context: DeskContext) -> None:
    """Add the endpoints for work on clips. Each runs in a thread, because saving takes time."""

    @app.post("/api/next")
    async def go_on(request: Request) -> JSONResponse:
        """Return the next open clip that nobody else works on."""
        step = await read_body(request, StepRequest)
        return await run_in_threadpool(_go_on, context, step)

    @app.post("/api/leave")
    async def leave(request: Request) -> JSONResponse:
        """Release the clip that a person works on."""
        visit = await read_body(request, Visit)
        await run_in_threadpool(context.desk.leave, visit.person)
        return _private({})

    @app.post("/api/clips/{identity}/open")
    async def open_clip(request: Request, identity: str) -> JSONResponse:
        """Lease a clip to a person, or renew the lease."""
        visit = await read_body(request, Visit)
        return await run_in_threadpool(_open, context, identity, visit.person)

    @app.put("/api/clips/{identity}")
    async def save(request: Request, identity: str) -> JSONResponse:
        """Save a person's label of a clip."""
        asked = await read_body(request, Save)
        return await run_in_threadpool(_save, context, identity, asked)


def _about(context: DeskContext) -> dict[str, Any]:
    desk, alphabet = context.desk, context.desk.spelling.alphabet
    return {
        "name": desk.data_set.path.name,
        "model": Path(context.model).name,
        "language": context.language,
        "labels": None if alphabet is None or alphabet.is_bytes else list(alphabet.labels),
        **_progress(context),
    }


def _rows(
    context: DeskContext, shown: Sequence[tuple[DeskClip, DeskLabel]]
) -> list[dict[str, Any]]:
    return [
        {**_row(context.desk, clip, label), "preview": _preview(context, clip, label)}
        for clip, label in shown
    ]


def _go_on(context: DeskContext, step: StepRequest) -> JSONResponse:
    found = context.desk.following(step.after, 1, step.person)
    return _private({"id": found[0].identity if found else None, **_progress(context)})


def _open(context: DeskContext, identity: str, person: Person) -> JSONResponse:
    desk, drafts = context.desk, context.drafts
    clip = _clip(desk, identity)
    holder = desk.take(clip, person)
    upcoming = desk.following(identity, _AHEAD, person)
    if drafts is not None:
        drafts.look_at(person.key, [clip, *upcoming])
    return _private(
        {
            **_row(desk, clip, desk.label(clip)),
            "holder": holder and holder.shown,
            "upcoming": upcoming[0].identity if upcoming else None,
            "draft": _draft(context, drafts.get(clip) if drafts else None),
        }
    )


def _save(context: DeskContext, identity: str, asked: Save) -> JSONResponse:
    desk, person = context.desk, asked.person
    clip, change = _clip(desk, identity), _change(asked)
    try:
        label = _answered(lambda: desk.save(clip, person, change))
    except OutdatedError as error:
        refused = RequestError(
            409, "outdated", f"{error}; both texts are kept: choose one, and save it again"
        )
        current = _row(desk, clip, error.current)
        return JSONResponse({**refused.body, "current": current}, refused.status)
    return _private({**_row(desk, clip, label), **_progress(context)})


def _change(asked: Save) -> Change:
    try:
        verdict = verdict_of(asked.verdict)
    except ValueError as error:
        raise RequestError(422, "bad_request", str(error)) from None
    if asked.version < 0:
        raise RequestError(
            422, "bad_request", "version must be that of the clip when it was opened"
        )
    if verdict == "accepted" and not asked.text.strip():
        raise RequestError(
            422,
            "no_text",
            "the transcript is empty; type what is said, or reject the clip as silent",
        )
    return Change(asked.version, verdict, asked.text, asked.reason)


def _answered(work: Callable[[], Result]) -> Result:
    """Call a function, and turn its errors into answers to the request.

    Raises:
        RequestError: the audio cannot be read, or the disk cannot be written to.
    """
    try:
        return work()
    except UserError as error:
        raise RequestError(422, "bad_audio", str(error)) from None
    except OSError as error:
        raise RequestError(
            507, "not_written", f"cannot save ({error.strerror or error}); "
            "free space on the disk, and save again"
        ) from None  # fmt: skip


def _clip(desk: Desk, identity: str) -> DeskClip:
    try:
        return desk.clip(identity)
    except UnknownClipError:
        raise RequestError(404, "unknown_clip", "there is no such clip") from None


def _row(desk: Desk, clip: DeskClip, label: DeskLabel) -> dict[str, Any]:
    return {
        "id": clip.identity,
        "number": desk.place(clip) + 1,
        "name": clip.recording.name,
        "start": clip.span.start_milliseconds / 1000,
        "end": clip.span.end_milliseconds / 1000,
        "whole": clip.span.is_whole,
        "version": label.version,
        "verdict": label.verdict,
        "text": label.text if label.version else desk.first_text(clip),
        "reason": label.reason,
        "person": label.person,
        "unwritable": desk.spelling.unwritable(label.text),
    }


def _preview(context: DeskContext, clip: DeskClip, label: DeskLabel) -> str:
    """Return the draft of a clip that has no label yet; empty if there is no draft."""
    draft = context.drafts.get(clip) if context.drafts and not label.version else None
    return draft.text if draft else ""


def _draft(context: DeskContext, draft: Draft | None) -> dict[str, Any]:
    if context.drafts is None:
        return {"state": "none"}
    if draft is None:
        return {"state": "waiting"}
    if draft.problem:
        return {"state": "failed", "problem": draft.problem}
    words = [
        {
            "word": word.text,
            "start": round(word.start_time, 3),
            "end": round(word.end_time, 3),
            "confidence": round(word.confidence, 4),
        }
        for word in draft.words
    ]
    return {"state": "ready", "text": draft.text, "words": words}


def _progress(context: DeskContext) -> dict[str, Any]:
    found, prepared = context.desk.progress(), context.preparation.progress()
    return {
        "progress": {
            "clips": found.clips,
            "accepted": found.accepted,
            "rejected": found.rejected,
            "seconds": round(found.seconds, 1),
            "accepted_seconds": round(found.accepted_seconds, 1),
            "cut": prepared.done,
            "recordings": prepared.of,
            "problems": prepared.problems,
        }
    }


def _private(content: dict[str, Any]) -> JSONResponse:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
