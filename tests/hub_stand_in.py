"""A local stand-in for the Hugging Face hub, with the few requests that its client makes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Desk:
    """The uploads that the stand-in accepts, and where it stores them.

    Attributes:
        folder: folder in which each uploaded model gets a folder.
        tokens: right of each token: `write`, or any other text for a token that may not write.
        private: names of the private models.
        blobs: contents of files uploaded to LFS, by their ids.
    """

    folder: Path
    tokens: Mapping[str, str]
    private: set[str] = field(default_factory=set)
    blobs: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def serving(
    models: Mapping[str, Path], desk: Desk | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Serve folders as models at revision `main`; yield the URL and the names of fetched files."""
    server = _Hub(models, desk)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.fetched
    finally:
        server.shutdown()
        server.server_close()


class _Hub(ThreadingHTTPServer):
    """The server with its models and uploads."""

    def __init__(self, models: Mapping[str, Path], desk: Desk | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models = dict(models)
        self.desk = desk
        self.fetched: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    """Handler of one request."""

    server: _Hub

    def do_GET(self) -> None:
        self._give()

    def do_HEAD(self) -> None:
        self._give()

    def do_POST(self) -> None:
        body, desk = self._body(), self.server.desk
        token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
        right = desk and desk.tokens.get(token)
        if self.path == "/api/validate-yaml":
            return self._send_json({"errors": [], "warnings": []})
        if desk is None or not right:
            return self._send(401, b"{}")
        if right != "write":
            return self._send(403, b'{"error": "no right to write"}')
        return self._take(desk, body)

    def do_PUT(self) -> None:
        assert self.server.desk is not None
        self.server.desk.blobs[self.path.rpartition("/")[2]] = self._body()
        self._send(200, b"")

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _take(self, desk: Desk, body: bytes) -> None:
        path = self.path.partition("?")[0]
        if path == "/api/repos/create":
            return self._create(desk, json.loads(body))
        if re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", path):
            modes = {True: "lfs", False: "regular"}  # text files are kept in git itself
            return self._send_json({"files": [
                {"path": file["path"], "shouldIgnore": False,
                 "uploadMode": modes[not file["path"].endswith((".md", ".txt"))]}
                for file in json.loads(body)["files"]
            ]})  # fmt: skip
        if path.endswith("/info/lfs/objects/batch"):
            return self._send_json({"transfer": "basic", "objects": [
                {**one, "actions": {"upload": {"href": f"{self._address}/lfs/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]})  # fmt: skip
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            return self._commit(desk, found[1], [json.loads(line) for line in body.splitlines()])
        return self._send(404, b"{}")

    def _create(self, desk: Desk, asked: Mapping[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if name not in self.server.models:
            self.server.models[name] = desk.folder / name
            self.server.models[name].mkdir(parents=True)
            if asked.get("visibility") == "private" or asked.get("private"):
                desk.private.add(name)
        self._send_json({"url": f"{self._address}/{name}", "name": name})

    def _commit(self, desk: Desk, name: str, entries: Sequence[Mapping[str, Any]]) -> None:
        for entry in entries:
            value = entry["value"]
            if entry["key"] == "file":
                content = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                content = desk.blobs[value["oid"]]
            else:
                continue
            (self.server.models[name] / value["path"]).write_bytes(content)
        url = f"{self._address}/{name}/commit/{COMMIT}"
        self._send_json({"commitUrl": url, "commitOid": COMMIT, "success": True})

    def _give(self) -> None:
        path = self.path.partition("?")[0]
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        asked = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path)
        name = file[1] if file else asked[1] if asked else ""
        if name not in self.server.models:
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if (file or asked)[2 if file else 3] not in ("main", COMMIT, None):  # type: ignore[index]
            return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        folder = self.server.models[name]
        if file:
            return self._send_file(folder / file[3])
        files = sorted(folder.iterdir())
        if asked and asked[2] == "tree":
            return self._send_json([
                {"type": "file", "path": entry.name, "size": entry.stat().st_size,
                 "oid": hashlib.sha1(entry.read_bytes()).hexdigest()}
                for entry in files
            ])  # fmt: skip
        desk = self.server.desk
        return self._send_json({
            "id": name, "modelId": name, "sha": COMMIT,
            "siblings": [{"rfilename": entry.name} for entry in files],
            "private": desk is not None and name in desk.private,
        })  # fmt: skip

    @property
    def _address(self) -> str:
        return f"http://{self.headers['Host']}"

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _send_file(self, path: Path) -> None:
        content = path.read_bytes()
        if self.command == "GET":
            self.server.fetched.append(path.name)
        tag = f'"{hashlib.sha1(content).hexdigest()}"'
        self._send(200, content, {"ETag": tag, "X-Repo-Commit": COMMIT})

    def _send_json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode())

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
