"""A local stand-in for the Hugging Face hub: the few answers that its client asks for."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Desk:
    """Where the stand-in takes models that are uploaded.

    Attributes:
        folder: gets a folder for each.
        tokens: rights by token: `write`, or anything else for none.
        private: names of models that only their owners see.
    """

    folder: Path
    tokens: Mapping[str, str]
    private: set[str] = field(default_factory=set)
    blobs: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def serving(
    models: Mapping[str, Path], desk: Desk | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Serve folders as models, each at revision `main`; give the address and what was fetched."""
    fetched: list[str] = []
    models = dict(models)

    class Handler(BaseHTTPRequestHandler):
        """Answers GET and HEAD."""

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            right = desk and desk.tokens.get(
                (self.headers["Authorization"] or "").removeprefix("Bearer ")
            )
            if self.path == "/api/validate-yaml":
                return self._send_json({"errors": [], "warnings": []})
            if desk is None or not right:
                return self._send(401, b"{}")
            if right != "write":
                return self._send(403, b'{"error": "no right to write"}')
            return self._take(desk, body)

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            assert desk is not None
            desk.blobs[self.path.rpartition("/")[2]] = body
            self._send(200, b"")

        def _take(self, desk: Desk, body: bytes) -> None:
            path = self.path.partition("?")[0]
            if path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                if name not in models:
                    models[name] = desk.folder / name
                    models[name].mkdir(parents=True)
                    if asked.get("visibility") == "private" or asked.get("private"):
                        desk.private.add(name)
                return self._send_json({"url": f"{self._address}/{name}", "name": name})
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", path):
                files = json.loads(body)["files"]
                modes = {True: "lfs", False: "regular"}  # text is kept in git itself
                return self._send_json({"files": [
                    {"path": file["path"], "shouldIgnore": False,
                     "uploadMode": modes[not file["path"].endswith((".md", ".txt"))]}
                    for file in files
                ]})  # fmt: skip
            if path.endswith("/info/lfs/objects/batch"):
                return self._send_json({"transfer": "basic", "objects": [
                    {**one, "actions": {"upload": {"href": f"{self._address}/lfs/{one['oid']}"}}}
                    for one in json.loads(body)["objects"]
                ]})  # fmt: skip
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
                for line in body.splitlines():
                    entry = json.loads(line)
                    value = entry["value"]
                    if entry["key"] == "file":
                        content = base64.b64decode(value["content"])
                    elif entry["key"] == "lfsFile":
                        content = desk.blobs[value["oid"]]
                    else:
                        continue
                    (models[found[1]] / value["path"]).write_bytes(content)
                url = f"{self._address}/{found[1]}/commit/{COMMIT}"
                return self._send_json({"commitUrl": url, "commitOid": COMMIT, "success": True})
            return self._send(404, b"{}")

        @property
        def _address(self) -> str:
            return f"http://{self.headers['Host']}"

        def _send_json(self, value: object) -> None:
            self._send(200, json.dumps(value).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            asked = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path)
            name = file[1] if file else asked[1] if asked else ""
            if name not in models:
                return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
            if (file or asked)[2 if file else 3] not in ("main", COMMIT, None):  # type: ignore[index]
                return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            if file:
                return self._send_file(models[name] / file[3])
            files = sorted(entry for entry in models[name].iterdir())
            if asked and asked[2] == "tree":
                listed = [
                    {"type": "file", "path": entry.name, "size": entry.stat().st_size,
                     "oid": hashlib.sha1(entry.read_bytes()).hexdigest()}
                    for entry in files
                ]  # fmt: skip
                return self._send(200, json.dumps(listed).encode())
            siblings = [{"rfilename": entry.name} for entry in files]
            private = desk is not None and name in desk.private
            info = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings,
                    "private": private}  # fmt: skip
            return self._send(200, json.dumps(info).encode())

        def _send_file(self, path: Path) -> None:
            content = path.read_bytes()
            if self.command == "GET":
                fetched.append(path.name)
            tag = f'"{hashlib.sha1(content).hexdigest()}"'
            self._send(200, content, {"ETag": tag, "X-Repo-Commit": COMMIT})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", fetched
    finally:
        server.shutdown()
        server.server_close()
