"""The middleware under a real Uvicorn, with each of its parsers and loops."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import unittest
from importlib.util import find_spec
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).parent.parent
PROMISE = {"X-Lameduck-Retry": "ab12"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(what: str, is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.02)


class Server:
    def __init__(self, *command: str, port: int) -> None:
        self.port = port
        own = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([str(ROOT), *([own] if own else [])])
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": path,
                "LAMEDUCK_PROMISE_TOKEN": "ab12",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for("it listens", self.accepts)

    def accepts(self) -> bool:
        address = ("127.0.0.1", self.port)
        try:
            socket.create_connection(address, 1).close()
        except ConnectionRefusedError:
            return False
        return True

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def status(self, path: str) -> int:
        connection = self.connect()
        connection.request("GET", path)
        try:
            return connection.getresponse().status
        finally:
            connection.close()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        wait_for("a lame duck", lambda: self.status("/-/ready") == 503)

    def end(self) -> tuple[list[str], str]:
        out, err = self.process.communicate(timeout=30)
        return out.splitlines(), err

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class UvicornTest(unittest.TestCase):
    def serve(self, http_name: str, loop: str) -> Server:
        for module in ("uvicorn", http_name, loop):
            if find_spec(module) is None:
                self.skipTest(f"{module} is not installed")
        port = free_port()
        command = ("-m", "tests.served", str(port), http_name, loop)
        server = Server(*command, port=port)
        self.addCleanup(server.stop)
        return server

    def assert_bounced(
        self, server: Server, method: str, body: bytes | None = None
    ) -> None:
        connection = server.connect()
        self.addCleanup(connection.close)
        with self.assertRaises(ConnectionError):
            connection.request(method, "/bounced", body, PROMISE)
            connection.getresponse()

    def leave(self, http_name: str, loop: str) -> None:
        server = self.serve(http_name, loop)
        idle, slow = server.connect(), server.connect()
        for connection in (idle, slow):
            self.addCleanup(connection.close)
        idle.request("GET", "/before", headers=PROMISE)
        self.assertEqual(idle.getresponse().read(), b"ok")
        slow.request("GET", "/slow")
        server.terminate()

        self.assert_bounced(server, "GET")
        self.assert_bounced(server, "PUT", bytes(1_000_000))
        self.assertEqual(server.status("/-/live"), 200)
        post = server.connect()
        post.request("POST", "/served", b"a body", PROMISE)
        answer = post.getresponse()
        self.assertEqual(answer.getheader("connection"), "close")
        self.assertEqual(answer.read(), b"ok")

        wait_for("no longer accepting", lambda: not server.accepts())
        self.assertEqual(slow.getresponse().read(), b"ok")
        idle.request("POST", "/late", b"", PROMISE)
        self.assertEqual(idle.getresponse().read(), b"ok")
        out, err = server.end()
        served = ["GET /before", "GET /slow", "POST /served", "POST /late"]
        self.assertEqual(
            out, [*(f"served {one}" for one in served), "shutdown"]
        )
        self.assertNotIn("ERROR", err)
        self.assertNotIn("Traceback", err)

    def test_h11_with_asyncio(self) -> None:
        self.leave("h11", "asyncio")

    def test_h11_with_uvloop(self) -> None:
        self.leave("h11", "uvloop")

    def test_httptools_with_asyncio(self) -> None:
        self.leave("httptools", "asyncio")

    def test_httptools_with_uvloop(self) -> None:
        self.leave("httptools", "uvloop")

    def test_a_second_sigterm_changes_nothing(self) -> None:
        server = self.serve("h11", "asyncio")
        server.terminate()
        server.terminate()
        self.assert_bounced(server, "GET")
        self.assertEqual(server.end()[0], ["shutdown"])

    def test_sigint_ends_at_once(self) -> None:
        server = self.serve("h11", "asyncio")
        idle = server.connect()
        self.addCleanup(idle.close)
        idle.request("GET", "/before")
        self.assertEqual(idle.getresponse().read(), b"ok")
        server.process.send_signal(signal.SIGINT)
        self.assertIn("shutdown", server.end()[0])

    def test_sigint_ends_the_wait_of_a_sigterm(self) -> None:
        server = self.serve("h11", "asyncio")
        idle = server.connect()
        self.addCleanup(idle.close)
        idle.request("GET", "/before")
        self.assertEqual(idle.getresponse().read(), b"ok")
        server.terminate()
        started_at = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        self.assertIn("shutdown", server.end()[0])
        # Else it would leave the idle connection alone, for Uvicorn's 5 s.
        self.assertLess(time.monotonic() - started_at, 3)

    def test_plain_uvicorn_says_that_it_leaves(self) -> None:
        if find_spec("uvicorn") is None:
            self.skipTest("uvicorn is not installed")
        port = free_port()
        options = ("--port", str(port), "--log-level", "warning")
        command = ("-m", "uvicorn", "tests.served:duck", *options)
        server = Server(*command, port=port)
        self.addCleanup(server.stop)
        self.assertEqual(server.status("/-/ready"), 200)
        slow = server.connect()
        self.addCleanup(slow.close)
        slow.request("GET", "/slow")
        wait_for("the request is served", lambda: self.first_line(server))
        server.process.send_signal(signal.SIGTERM)
        answer = slow.getresponse()
        self.assertEqual(answer.getheader("connection"), "close")
        self.assertEqual(answer.read(), b"ok")
        self.assertEqual(server.end()[0], ["shutdown"])

    @staticmethod
    def first_line(server: Server) -> bool:
        assert server.process.stdout is not None
        return server.process.stdout.readline() == "served GET /slow\n"


if __name__ == "__main__":
    unittest.main()
