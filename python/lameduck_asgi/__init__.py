"""What a Python node tells the edge in front of it, and when it leaves.

LameDuckMiddleware answers readiness and liveness, counts the requests in
flight, and, once the process is a lame duck, sends requests back that the edge
has promised to send elsewhere. It must be the outermost of all middlewares.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import signal
import struct
import threading
import time
from collections.abc import Awaitable, MutableMapping
from typing import Any, Callable

__all__ = ["LameDuckMiddleware"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PROMISE_HEADER = b"x-lameduck-retry"
# Methods that nginx sends again by itself.
RETRIED = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))
CLOSE = (b"connection", b"close")
# The server notices a closed connection in the next turn of its loop.
CLOSE_SECONDS = 1.0
# When a request last came to any of the processes that were forked after this
# import: siblings share one socket, and leave together.
_last_arrival = mmap.mmap(-1, 8)


class LameDuckMiddleware:
    """Without a token (default: LAMEDUCK_PROMISE_TOKEN) it bounces nothing.

    An empty path switches a probe off. The application finds this object as
    scope["lameduck"]: a stream without end can look at `is_leaving`.
    """

    def __init__(
        self,
        app: App,
        *,
        readiness_path: str = "/-/ready",
        liveness_path: str = "/-/live",
        token: str | None = None,
    ) -> None:
        given = os.environ.get("LAMEDUCK_PROMISE_TOKEN") or None
        self.app = app
        self.in_flight = 0
        self.is_leaving = False
        self._readiness_path = readiness_path
        self._liveness_path = liveness_path
        self._token = given if token is None else token
        self._is_chained = False

    @property
    def has_promise(self) -> bool:
        """Whether an edge has said that it sends bounced requests again."""
        return bool(self._token)

    def leave(self) -> None:
        """Turn lame duck: not ready, no keep-alive, and bounce."""
        if not self.is_leaving:
            self.is_leaving = True
            self._note_arrival()

    def seconds_quiet(self) -> float:
        """How long ago a request came here, or to a sibling that leaves."""
        last: float = struct.unpack_from("d", _last_arrival)[0]
        return time.monotonic() - last

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "lifespan":
            self._chain_sigterm()
        if scope["type"] not in ("http", "websocket") or "lameduck" in scope:
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http":
            probe = self._find_probe(scope)
            if probe is not None:
                await self._answer(probe, scope, send)
                return
            if self.is_leaving:
                self._note_arrival()
                if await self._bounce(scope, receive, send):
                    return
            send = self._closing(send)
        scope["lameduck"] = self
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1

    def _find_probe(self, scope: Scope) -> str | None:
        if scope["method"] not in ("GET", "HEAD"):
            return None
        path = scope["path"]
        if path and path == self._readiness_path:
            return "draining" if self.is_leaving else "ready"
        return "live" if path and path == self._liveness_path else None

    async def _answer(self, status: str, scope: Scope, send: Send) -> None:
        body = json.dumps({"status": status}, separators=(",", ":")) + "\n"
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        start = {
            "type": "http.response.start",
            "status": 503 if status == "draining" else 200,
            "headers": headers + [CLOSE] * self.is_leaving,
        }
        await send(start)
        shown = b"" if scope["method"] == "HEAD" else body.encode()
        await send({"type": "http.response.body", "body": shown})

    def _closing(self, send: Send) -> Send:
        """After its answer a lame duck's connection is of no use to nginx."""

        async def send_closing(message: Message) -> None:
            if self.is_leaving and message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                message = {**message, "headers": [*headers, CLOSE]}
            await send(message)

        return send_closing

    async def _bounce(
        self, scope: Scope, receive: Receive, send: Send
    ) -> bool:
        """Close the connection unanswered, if that is safe; else serve.

        ASGI has no message for that. Uvicorn's `send` is a method of an object
        that has the connection; any other server's requests are served.
        """
        if not self._is_promised(scope):
            return False
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        close = getattr(transport, "close", None)
        if close is None:
            return False
        close()
        try:
            await asyncio.wait_for(_disconnected(receive), CLOSE_SECONDS)
        except (asyncio.TimeoutError, RuntimeError):
            pass  # It is closed all the same.
        return True

    def _is_promised(self, scope: Scope) -> bool:
        if not self._token or scope["method"] not in RETRIED:
            return False
        promise = (PROMISE_HEADER, self._token.encode())
        return promise in [(name, value) for name, value in scope["headers"]]

    def _note_arrival(self) -> None:
        struct.pack_into("d", _last_arrival, 0, time.monotonic())

    def _chain_sigterm(self) -> None:
        """Before the server's own handler, which is installed by now.

        Where that is asyncio's, this one runs besides it: Python calls it,
        and wakes the loop up, which calls the server's.
        """
        is_main = threading.current_thread() is threading.main_thread()
        if self._is_chained or not is_main:
            return
        self._is_chained = True
        previous = signal.getsignal(signal.SIGTERM)
        if not callable(previous):
            return

        def handle(number: int, frame: Any) -> None:
            self.leave()
            previous(number, frame)

        signal.signal(signal.SIGTERM, handle)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
