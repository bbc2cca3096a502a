"""Runs Firefox behind a proxy that lets Playwright drive an older release.

Playwright drives Firefox by WebDriver BiDi, but expects a newer version than an extended support
release. The proxy answers `emulation` commands that Firefox does not know with success, and adds
to download events the identifier that newer versions send.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

_LISTENS = re.compile(r"(WebDriver BiDi listening on )(ws://\S+)")
_WHOLE: dict[str, Any] = {"max_size": None, "ping_interval": None}


async def _between(client: ServerConnection, address: str) -> None:
    assert client.request is not None
    emulations: set[int] = set()
    async with connect(address + client.request.path, **_WHOLE) as firefox:

        async def ask() -> None:
            async for text in client:
                message = json.loads(text)
                if message["method"].startswith("emulation."):
                    emulations.add(message["id"])
                await firefox.send(text)
            await firefox.close()

        async def answer() -> None:
            async for text in firefox:
                await client.send(json.dumps(_as_newer(json.loads(text), emulations)))
            await client.close()

        await asyncio.gather(ask(), answer())


def _as_newer(message: dict[str, Any], emulations: set[int]) -> dict[str, Any]:
    """Return the message that a newer Firefox would send."""
    if message.get("error") == "unknown command" and message["id"] in emulations:
        return {"type": "success", "id": message["id"], "result": {}}
    if message.get("method", "").startswith("browsingContext.download"):
        message["params"].setdefault("download", message["params"]["url"])
    return message


async def _run(command: list[str]) -> int:
    firefox = await asyncio.create_subprocess_exec(*command, stderr=PIPE)
    assert firefox.stderr is not None
    async for line in firefox.stderr:
        said = line.decode(errors="replace").rstrip()
        if found := _LISTENS.search(said):
            server = await serve(lambda it: _between(it, found[2]), "127.0.0.1", 0, **_WHOLE)
            port = server.sockets[0].getsockname()[1]
            said = f"{found[1]}ws://127.0.0.1:{port}"
        print(said, file=sys.stderr, flush=True)
    return await firefox.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(_run(sys.argv[1:])))
