"""What test_server.py runs: an application that says what it was asked."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from lameduck_asgi import LameDuckMiddleware


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                print("shutdown", flush=True)
                return
    print(f"served {scope['method']} {scope['path']}", flush=True)
    while (await receive()).get("more_body", False):
        pass
    if scope["path"] == "/slow":
        await asyncio.sleep(2)
    headers = [(b"content-length", b"2")]
    await send(
        {"type": "http.response.start", "status": 200, "headers": headers}
    )
    await send({"type": "http.response.body", "body": b"ok"})


duck = LameDuckMiddleware(app)

try:
    from lameduck_asgi import worker
except ImportError:
    pass  # No Uvicorn: its tests are skipped.
else:
    # A busy machine may not ask anything for as long as nginx would.
    worker.QUIET_SECONDS = 2.0

if __name__ == "__main__":
    port, http, loop = sys.argv[1:]
    server = {"port": int(port), "http": http, "loop": loop}
    worker.run(app, grace_seconds=20, log_level="warning", **server)
