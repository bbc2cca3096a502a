"""The FastAPI application of the server, with all its endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import HTMLResponse, JSONResponse

from .. import version
from ..model import Model
from ..page_policy import policy_of
from .admission import Admission, AdmissionMiddleware
from .api_page import api_page
from .counted import PROCESSES
from .file_endpoints import add_file_endpoints
from .gate import Gate, GateMiddleware
from .hosts import Hosts
from .ledger import Ledger
from .limits import ServerLimits
from .live_endpoint import serve_live
from .request_error import RequestError
from .service import Service

_COOKIE = "stt-serve"
_OPEN_PATHS = frozenset({"/health"})  # monitoring needs no token


def create_app(
    model: Model,
    limits: ServerLimits | None = None,
    hosts: Hosts | None = None,
    ledger: Ledger | None = None,
    *,
    token: str = "",
    cores: int | None = None,
) -> FastAPI:
    """Return the application for an ASGI server. Its `state.service` is the `Service`.

    Args:
        model: loaded model; the application uses it until it ends.
        limits: limits of all processes of the server together; None for the defaults.
        hosts: host names that clients may use; None for those of this machine only.
        ledger: ledger shared with the other processes; None for a server of one process.
        token: token that clients must send; empty if none is required.
        cores: number of cores to use; None uses all.
    """
    service = Service(model, limits or ServerLimits(), ledger, cores=cores)
    admission = Admission(hosts or Hosts())
    gate = Gate(
        token,
        _COOKIE,
        "Speech to text",
        "Enter the token that this server was started with.",
        "the token is missing or wrong; send it as `Authorization: Bearer TOKEN` (OpenAI's "
        "clients: as api_key), or open the page again and enter it",
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.ledger.set(PROCESSES, 1)
        yield
        service.close()

    app = FastAPI(
        title="Coqui STT",
        version=version(),
        description="Speech to text. Audio is transcribed as it arrives, and not stored.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's page would load foreign scripts into the microphone's origin
        redoc_url=None,
    )
    app.state.service = service
    _add_pages(app)

    @app.get("/health", summary="Whether the server takes work")
    def health() -> JSONResponse:
        """Return 200 and `ok`, or 503 and `stopping`."""
        stopping = service.draining.is_set()
        return JSONResponse(
            {
                "status": "stopping" if stopping else "ok",
                "version": version(),
                "sample_rate": model.sample_rate(),
                "language": model.language,
                "processes": int(service.ledger.total(PROCESSES)),
                "live_streams": service.streams.taken,
                "files": service.files.taken,
            },
            503 if stopping else 200,
        )

    @app.get("/metrics", summary="Counters, in Prometheus' format")
    def metrics() -> Response:
        """Return all counters."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.exception_handler(RequestError)
    def refuse(_: Request, error: RequestError) -> JSONResponse:
        return error.answer()

    @app.websocket("/live")
    async def live(websocket: WebSocket) -> None:
        await serve_live(service, admission, gate, websocket)

    add_file_endpoints(app, service)
    app.add_middleware(GateMiddleware, gate=gate, open_paths=_OPEN_PATHS)
    app.add_middleware(AdmissionMiddleware, admission=admission)
    return app


def _add_pages(app: FastAPI) -> None:
    page = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    headers = {
        # The page's script creates the worklet for the microphone as a `blob:`.
        "Content-Security-Policy": policy_of(
            page, "blob:", worker_src="blob:", connect_src="'self'", img_src="data:",
            media_src="blob:",
        ),
        "Permissions-Policy": "microphone=(self)",
    }  # fmt: skip

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def show_page() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    def show_api() -> HTMLResponse:
        described = api_page(app.openapi())
        return HTMLResponse(described, headers={"Content-Security-Policy": policy_of(described)})
