"""A local stand-in for the Hugging Face hub: the few answers that its client asks for."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serving(models: Mapping[str, Path]) -> Iterator[tuple[str, list[str]]]:
    """Serve folders as models, each at revision `main`; give the address and what was fetched."""
    fetched: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        """Answers GET and HEAD."""

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

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
            info = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings}
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
            if self.command == "GET":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", fetched
    finally:
        server.shutdown()
        server.server_close()
