"""The server's side of the ledger, the same as serverLedger() of @lameduck/ledger.

With LEDGER_DIR set, each process writes LEDGER_DIR/<NODE_NAME>-<pid>.log: "S id" when a request
arrives, before its body is read, and "F id" when its answer was handed over completely. Each line
is one synchronous write to a file opened with O_APPEND, so a SIGKILL loses none.
"""

import os
import re
from typing import Optional
from urllib.parse import parse_qs

NODE = os.environ.get("NODE_NAME") or "node"
DIRECTORY = os.environ.get("LEDGER_DIR")

# whatever else a client sends as its id must not be able to forge lines
PLAIN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")

_file: Optional[int] = None
_file_pid: Optional[int] = None


def _open_file() -> int:
    """This process's own file: a worker forked after import (--preload) must not share its master's."""
    global _file, _file_pid
    if _file is None or _file_pid != os.getpid():
        os.makedirs(DIRECTORY, exist_ok=True)
        path = os.path.join(DIRECTORY, f"{NODE}-{os.getpid()}.log")
        _file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        _file_pid = os.getpid()
    return _file


def _write(mark: str, request_id: str) -> None:
    os.write(_open_file(), f"{mark} {request_id}\n".encode())


class LedgerMiddleware:
    """Plain ASGI: no task and no buffer between server and application."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        request_id = ""
        if DIRECTORY and scope["type"] == "http":
            query = parse_qs(scope["query_string"].decode("latin-1"))
            request_id = query.get("id", [""])[0]
        if not PLAIN_ID.fullmatch(request_id):
            await self.app(scope, receive, send)
            return

        async def send_noted(message):
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                _write("F", request_id)

        _write("S", request_id)
        await self.app(scope, receive, send_noted)
