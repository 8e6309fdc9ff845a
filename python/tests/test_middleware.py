"""The middleware by itself, without a server."""

from __future__ import annotations

import asyncio
import signal
import unittest
from typing import Any

from lameduck_asgi import LameDuckMiddleware

TOKEN = "ab12"
PROMISE = [(b"x-lameduck-retry", TOKEN.encode())]


class Transport:
    closed = False

    def close(self) -> None:
        self.closed = True


class Cycle:
    """As Uvicorn's: `send` is a method of what has the connection."""

    def __init__(self, has_transport: bool = True) -> None:
        self.sent: list[Any] = []
        if has_transport:
            self.transport = Transport()

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def receive(self) -> Any:
        return {"type": "http.disconnect"}

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


class App:
    def __init__(self) -> None:
        self.calls = 0
        self.in_flight: list[int] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        if scope["type"] == "lifespan":
            return
        self.in_flight.append(scope["lameduck"].in_flight)
        start = {"type": "http.response.start", "status": 201}
        await send({**start, "headers": [(b"x-app", b"1")]})
        await send({"type": "http.response.body", "body": b"app"})


class MiddlewareTest(unittest.TestCase):
    def setUp(self) -> None:
        self.app = App()
        self.duck = LameDuckMiddleware(self.app, token=TOKEN)

    def ask(
        self,
        method: str = "GET",
        path: str = "/",
        headers: Any = (),
        **more: Any,
    ) -> Cycle:
        scope = {"type": "http", "method": method, "path": path}
        cycle = Cycle(**more)
        called = self.duck(
            {**scope, "headers": list(headers)}, cycle.receive, cycle.send
        )
        asyncio.run(called)
        return cycle

    def test_ready_until_it_leaves_and_live_all_the_time(self) -> None:
        ready = self.ask(path="/-/ready")
        self.assertEqual(ready.status, 200)
        self.assertEqual(ready.sent[1]["body"], b'{"status":"ready"}\n')
        self.duck.leave()
        leaving = self.ask(path="/-/ready")
        self.assertEqual(leaving.status, 503)
        self.assertEqual(leaving.sent[1]["body"], b'{"status":"draining"}\n')
        self.assertEqual(self.ask(path="/-/live").status, 200)
        self.assertEqual(self.app.calls, 0)

    def test_head_of_a_probe_has_no_body(self) -> None:
        answer = self.ask("HEAD", "/-/ready")
        self.assertEqual(answer.headers[b"content-length"], b"19")
        self.assertEqual(answer.sent[1]["body"], b"")

    def test_a_probe_is_an_exact_path_and_get_or_head(self) -> None:
        self.assertEqual(self.ask("POST", "/-/ready").status, 201)
        self.assertEqual(self.ask("GET", "/-/ready/").status, 201)
        self.duck = LameDuckMiddleware(self.app, readiness_path="")
        self.assertEqual(self.ask("GET", "").status, 201)

    def test_counts_requests_in_flight_once(self) -> None:
        self.duck = LameDuckMiddleware(LameDuckMiddleware(self.app))
        self.ask()
        self.assertEqual(self.app.in_flight, [1])
        self.assertEqual(self.duck.in_flight, 0)

    def test_counts_down_where_the_application_raises(self) -> None:
        async def fails(scope: Any, receive: Any, send: Any) -> None:
            raise ValueError

        self.duck = LameDuckMiddleware(fails)
        with self.assertRaises(ValueError):
            self.ask()
        self.assertEqual(self.duck.in_flight, 0)

    def test_bounces_promised_idempotent_requests_of_a_lame_duck(self) -> None:
        self.duck.leave()
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"):
            cycle = self.ask(method, headers=PROMISE)
            self.assertTrue(cycle.transport.closed, method)
            self.assertEqual(cycle.sent, [], method)
        self.assertEqual(self.app.calls, 0)

    def test_serves_everything_else(self) -> None:
        self.assertEqual(self.ask(headers=PROMISE).status, 201)
        self.duck.leave()
        for method in ("POST", "PATCH", "PROPFIND"):
            self.assertEqual(self.ask(method, headers=PROMISE).status, 201)
        wrong = [(b"x-lameduck-retry", b"1")]
        self.assertEqual(self.ask(headers=wrong).status, 201)
        self.assertEqual(self.ask().status, 201)

    def test_serves_where_a_server_does_not_show_its_connection(self) -> None:
        self.duck.leave()
        cycle = self.ask(headers=PROMISE, has_transport=False)
        self.assertEqual(cycle.status, 201)

    def test_bounces_nothing_without_a_token(self) -> None:
        self.duck = LameDuckMiddleware(self.app, token="")
        self.duck.leave()
        empty = [(b"x-lameduck-retry", b"")]
        self.assertEqual(self.ask(headers=empty).status, 201)
        self.assertFalse(self.duck.has_promise)

    def test_a_lame_duck_closes_connections_after_its_answers(self) -> None:
        self.assertNotIn(b"connection", self.ask().headers)
        self.duck.leave()
        headers = self.ask().headers
        self.assertEqual(headers, {b"x-app": b"1", b"connection": b"close"})

    def test_arrivals_of_a_lame_duck_are_told(self) -> None:
        self.duck.leave()
        self.assertLess(self.duck.seconds_quiet(), 5)
        asyncio.run(asyncio.sleep(0.05))
        quiet = self.duck.seconds_quiet()
        self.assertGreaterEqual(quiet, 0.05)
        self.ask("POST")
        self.assertLess(self.duck.seconds_quiet(), quiet)

    def test_sigterm_makes_a_lame_duck_before_the_servers_handler(
        self,
    ) -> None:
        seen: list[bool] = []
        before = signal.getsignal(signal.SIGTERM)
        self.addCleanup(signal.signal, signal.SIGTERM, before)
        signal.signal(
            signal.SIGTERM, lambda *_: seen.append(self.duck.is_leaving)
        )
        cycle = Cycle()
        start = self.duck({"type": "lifespan"}, cycle.receive, cycle.send)
        asyncio.run(start)
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(seen, [True])


if __name__ == "__main__":
    unittest.main()
