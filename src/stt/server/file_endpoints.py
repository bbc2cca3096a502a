"""HTTP endpoints that transcribe files: our own, and one for OpenAI's clients.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from ..subtitles import cues_of, format_srt, format_vtt
from ..words import Word
from .file_transcript import FileTranscript, transcribe_file
from .request_error import RequestError
from .service import Service, describe_word

_MODEL_NAME = "coqui-stt"
_OPENAI_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
_TIMED_FORMATS = ("srt", "verbose_json", "vtt")  # they have segments, so audio is cut at pauses
_MAX_CANDIDATES = 100


def add_file_endpoints(app: FastAPI, service: Service) -> None:
    """Add the endpoints to an application."""

    @app.post(
        "/transcribe",
        summary="Transcribe a file",
        openapi_extra=_request_body({}, raw=True),
        responses=_RESPONSES,
    )
    async def transcribe(request: Request, candidates: int = 1) -> JSONResponse:
        """Transcribe an audio file of any format: the request's body, or its form field `file`.

        `candidates` is the highest number of hypotheses to return.
        """
        if not 1 <= candidates <= _MAX_CANDIDATES:
            raise RequestError(
                422, "bad_candidates", f"candidates must be from 1 to {_MAX_CANDIDATES}"
            )
        audio, _ = await _receive(request, service)
        with service.files.take(lambda: _busy(service)):
            result = await transcribe_file(service, audio, candidates)
        return JSONResponse(
            {
                "text": result.text,
                "duration": round(result.audio_seconds, 3),
                "words": [describe_word(word) for word in result.words],
                "candidates": [
                    {"text": candidate.text, "confidence": candidate.confidence}
                    for candidate in result.candidates
                ],
            }
        )

    @app.post(
        "/v1/audio/transcriptions",
        summary="Transcribe a file (OpenAI's API)",
        openapi_extra=_request_body(_OPENAI_FIELDS, raw=False),
        responses=_RESPONSES,
    )
    async def create_transcription(request: Request) -> Response:
        """Transcribe an audio file as OpenAI's API does.

        `language`, `prompt` and `temperature` have no effect: the model knows one language, and
        decoding is deterministic.
        """
        audio, fields = await _receive(request, service)
        response_format = fields.get("response_format", "json")
        if response_format not in _OPENAI_FORMATS:
            raise RequestError(
                400,
                "bad_response_format",
                f"response_format {response_format!r}: must be one of "
                + ", ".join(_OPENAI_FORMATS),
            )
        with service.files.take(lambda: _busy(service)):
            result = await transcribe_file(
                service, audio, in_passages=response_format in _TIMED_FORMATS
            )
        return _openai_response(result, response_format, service)

    @app.get("/v1/models", summary="The model (OpenAI's API)")
    def list_models() -> dict[str, Any]:
        """List the only model."""
        model = {"id": _MODEL_NAME, "object": "model", "created": 0, "owned_by": "coqui-stt"}
        return {"object": "list", "data": [model]}


async def _receive(request: Request, service: Service) -> tuple[io.BytesIO, dict[str, str]]:
    """Return the audio file of a request, and the other fields of its form.

    A file takes a place only when it is complete, so that slow uploads do not block others. But if
    no place is free now, the upload is refused at once.
    """
    if service.draining.is_set():
        raise RequestError(503, "stopping", "the server is shutting down; try again later")
    if service.files.is_full:
        raise _busy(service)
    return await service.uploads.receive(request)


def _busy(service: Service) -> RequestError:
    return RequestError(
        503,
        "busy",
        f"the server is already transcribing {service.limits.max_files} files, its limit; try "
        "again in a few seconds",
        {"Retry-After": "5"},
    )


def _openai_response(result: FileTranscript, response_format: str, service: Service) -> Response:
    if response_format == "text":
        return PlainTextResponse(result.text + "\n")
    if response_format == "srt":
        return PlainTextResponse(format_srt(result.words))
    if response_format == "vtt":
        return PlainTextResponse(format_vtt(result.words), media_type="text/vtt")
    if response_format == "json":
        return JSONResponse({"text": result.text})
    return JSONResponse(
        {
            "task": "transcribe",
            "language": service.model.language,
            "duration": round(result.audio_seconds, 3),
            "text": result.text,
            "segments": _openai_segments(result.words),
            "words": [
                {
                    "word": word.text,
                    "start": round(word.start_time, 3),
                    "end": round(word.end_time, 3),
                }
                for word in result.words
            ],
        }
    )


def _compression_ratio(text: str) -> float:
    """Return the ratio of raw to compressed size, by which Whisper's clients find repetitions."""
    content = text.encode()
    return len(content) / len(zlib.compress(content))


def _openai_segments(words: Sequence[Word]) -> list[dict[str, Any]]:
    segments = []
    for number, cue in enumerate(cues_of(words)):
        inside = [word for word in words if cue.start_time <= word.start_time < cue.end_time]
        logs = [math.log(max(word.confidence, 1e-7)) for word in inside]
        # OpenAI's client requires all of these. `seek` and `tokens` exist only in Whisper. Our
        # models do not compute `no_speech_prob`; silence has no segments.
        segments.append(
            {
                "id": number,
                "seek": 0,
                "start": round(cue.start_time, 3),
                "end": round(cue.end_time, 3),
                "text": cue.text,
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": sum(logs) / max(len(logs), 1),
                "compression_ratio": _compression_ratio(cue.text),
                "no_speech_prob": 0.0,
            }
        )
    return segments


def _request_body(fields: dict[str, Any], raw: bool) -> dict[str, Any]:
    form = {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {"type": "string", "format": "binary", "description": "audio"},
                **fields,
            },
        }
    }
    content: dict[str, Any] = {"multipart/form-data": form}
    if raw:
        content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}


_OPENAI_FIELDS: dict[str, Any] = {
    "model": {"type": "string", "description": "any name; the server has one model"},
    "response_format": {"type": "string", "enum": list(_OPENAI_FORMATS), "default": "json"},
    "language": {"type": "string"},
    "prompt": {"type": "string"},
    "temperature": {"type": "number"},
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "Not audio, or not a form"},
    401: {"description": "The token is missing or wrong"},
    403: {"description": "Sent by a page of another server, or to another name than this one's"},
    408: {"description": "The file did not arrive"},
    413: {"description": "Larger or longer than this server allows"},
    503: {"description": "Busy, or shutting down"},
}
