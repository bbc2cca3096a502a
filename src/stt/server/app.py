"""The server's endpoints, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import HTMLResponse, JSONResponse

from .. import version
from ..model import Model
from .admission import Admission, AdmissionMiddleware
from .counted import PROCESSES
from .file_endpoints import add_file_endpoints
from .hosts import Hosts
from .ledger import Ledger
from .limits import Limits
from .live_endpoint import serve_live
from .request_error import RequestError
from .service import Service

_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' blob:; "
        "worker-src blob:; connect-src 'self'; img-src data:; "
        "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self)",
}


def create_app(
    model: Model,
    limits: Limits | None = None,
    hosts: Hosts | None = None,
    ledger: Ledger | None = None,
    *,
    cores: int | None = None,
) -> FastAPI:
    """Return the application, for any ASGI server. Its `state.service` is the `Service`.

    Args:
        model: loaded; the application uses it until it ends.
        limits: what is granted, by all processes of the server together.
        hosts: the names under which it may be asked; those of this machine itself by default.
        ledger: where the processes count together; by default this one is alone.
        cores: how many to use; all by default.
    """
    service = Service(model, limits or Limits(), ledger, cores=cores)
    admission = Admission(hosts or Hosts())

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
    )
    app.state.service = service
    page = files(__package__).joinpath("page.html").read_text(encoding="utf-8")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def show_page() -> HTMLResponse:
        return HTMLResponse(page, headers=_PAGE_HEADERS)

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
        await serve_live(service, admission, websocket)

    add_file_endpoints(app, service)
    app.add_middleware(AdmissionMiddleware, admission=admission)
    return app
