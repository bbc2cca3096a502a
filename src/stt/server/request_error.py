"""The error for requests that the server refuses."""

from __future__ import annotations

from starlette.responses import JSONResponse


class RequestError(Exception):
    """A refused request. The body of the response has the form that OpenAI's clients read.

    Attributes:
        status: HTTP status code.
        code: error code for programs.
        headers: additional headers of the response.
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
        """Return the response to the client."""
        return JSONResponse(self.body, self.status, headers=self.headers)
