"""Requests that are refused."""

from __future__ import annotations

from starlette.responses import JSONResponse


class RequestError(Exception):
    """A request that is refused; the answer's body has the form that OpenAI's clients read.

    Attributes:
        status: HTTP's.
        code: a word for programs.
        headers: of the answer, beside the usual ones.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.body = {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def answer(self) -> JSONResponse:
        """Return what the client is answered."""
        return JSONResponse(self.body, self.status, headers=self.headers)
