"""Uvicorn that stops when nobody needs it any more, not at once.

For Gunicorn: --worker-class lameduck_asgi.worker.LameDuckWorker
Without Gunicorn: lameduck_asgi.worker.run(app, port=8000)
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from typing import Any

import uvicorn

from lameduck_asgi import App, LameDuckMiddleware

# No request for so long, and the last ones bounced: nginx has the node marked.
# Shorter than its fail_timeout (1 s), as Uvicorn takes up to 0.1 s to notice.
QUIET_SECONDS = 0.7
# The shares of the grace period that may pass before it stops accepting, and
# before it closes idle connections.
ACCEPT_SHARE = 0.5
LINGER_SHARE = 0.8
TURN_SECONDS = 0.05


class LameDuckServer(uvicorn.Server):
    """After SIGTERM it serves and bounces until it is quiet.

    Then it stops accepting, and leaves idle connections to the edge to close:
    a request may be on its way on any of them.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        duck: LameDuckMiddleware,
        grace_seconds: float,
    ) -> None:
        super().__init__(config)
        self._duck = duck
        self._grace_seconds = grace_seconds
        self._left_at: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.Task[None] | None = None

    async def startup(
        self, sockets: list[socket.socket] | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)

    def handle_exit(self, sig: int, frame: Any) -> None:
        is_term = sig == signal.SIGTERM and self.started
        if self._loop is None or not is_term or not self._duck.has_promise:
            self._left_at = None  # It waits for nothing any more.
            self._duck.leave()
            super().handle_exit(sig, frame)
        elif self._left_at is None:
            # A second one changes nothing: systemd signals a whole group, and
            # Gunicorn's master passes its own on.
            self._left_at = time.monotonic()
            self._duck.leave()
            self._loop.call_soon_threadsafe(self._start_waiting)

    def _start_waiting(self) -> None:
        self._waiting = asyncio.ensure_future(self._stop_when_quiet())

    async def _stop_when_quiet(self) -> None:
        while self._has_time(ACCEPT_SHARE):
            if self._duck.seconds_quiet() >= QUIET_SECONDS:
                break
            await asyncio.sleep(TURN_SECONDS)
        super().handle_exit(signal.SIGTERM, None)

    async def shutdown(
        self, sockets: list[socket.socket] | None = None
    ) -> None:
        if self._left_at is not None:
            for server in self.servers:
                server.close()
            for one in sockets or []:
                one.close()
            await self._linger()
        await super().shutdown(sockets=sockets)

    async def _linger(self) -> None:
        while self._has_time(LINGER_SHARE) and not self.force_exit:
            # First, as what was accepted last is told in the next turn.
            await asyncio.sleep(TURN_SECONDS)
            if self.config.callback_notify is not None:
                await self.config.callback_notify()
            connections = list(self.server_state.connections)
            if not any(_is_idle(one) for one in connections):
                return

    def _has_time(self, share: float) -> bool:
        since = time.monotonic() - (self._left_at or 0.0)
        return since < self._grace_seconds * share


def _is_idle(connection: Any) -> bool:
    """As Uvicorn itself decides it; its WebSockets are never idle."""
    if not hasattr(connection, "cycle"):
        return False
    cycle = connection.cycle
    return cycle is None or bool(cycle.response_complete)


def _wrapped(app: App) -> LameDuckMiddleware:
    return (
        app if isinstance(app, LameDuckMiddleware) else LameDuckMiddleware(app)
    )


def run(app: App, *, grace_seconds: float = 30.0, **options: Any) -> None:
    """As uvicorn.run, in this process."""
    duck = _wrapped(app)
    LameDuckServer(uvicorn.Config(duck, **options), duck, grace_seconds).run()


try:
    from uvicorn_worker import UvicornWorker
except ImportError:
    try:
        from uvicorn.workers import UvicornWorker
    except ImportError:  # No Gunicorn here: `run` works without.
        UvicornWorker = None

if UvicornWorker is not None:

    class LameDuckWorker(UvicornWorker):
        """Gunicorn's arbiter closes only its own copy of the socket."""

        async def _serve(self) -> None:
            duck = _wrapped(self.wsgi)
            self.config.app = duck
            grace_seconds = float(self.cfg.graceful_timeout)
            server = LameDuckServer(self.config, duck, grace_seconds)
            # Newer ones only.
            install = getattr(self, "_install_sigquit_handler", None)
            if install is not None:
                install()
            await server.serve(sockets=self.sockets)
            if not server.started:
                from gunicorn.arbiter import Arbiter

                sys.exit(Arbiter.WORKER_BOOT_ERROR)
