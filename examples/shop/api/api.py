"""The shop's Python node: gunicorn -k uvicorn.workers.UvicornWorker api:app"""

import asyncio
import hashlib
import os
from typing import AsyncIterator

from fastapi import FastAPI, Query, Request
from fastapi.responses import StreamingResponse

from server_ledger import NODE, LedgerMiddleware

app = FastAPI()
app.add_middleware(LedgerMiddleware)


def signature(request_id: str) -> dict:
    return {"id": request_id, "node": NODE, "pid": os.getpid()}


async def hash_body(request: Request, request_id: str) -> dict:
    digest = hashlib.sha256()
    size = 0
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
    return {**signature(request_id), "sha256": digest.hexdigest(), "bytes": size}


async def stream_chunks(request_id: str, chunks: int, size: int, ms: int) -> AsyncIterator[bytes]:
    for index in range(chunks):
        if index > 0:
            await asyncio.sleep(ms / 1000)
        line = f"{request_id}:{index}\n".encode()
        yield (line * (size // len(line) + 1))[:size]


@app.get("/healthz")
async def healthz() -> dict:
    return {"ok": True}


@app.get("/fast")
async def fast(id: str = "") -> dict:
    return signature(id)


@app.get("/slow")
async def slow(id: str = "", ms: int = Query(0, ge=0, le=600_000)) -> dict:
    await asyncio.sleep(ms / 1000)
    return signature(id)


@app.post("/echo")
async def echo(request: Request, id: str = "") -> dict:
    return await hash_body(request, id)


@app.post("/upload")
async def upload(request: Request, id: str = "") -> dict:
    return await hash_body(request, id)


@app.get("/stream")
async def stream(
    id: str = "",
    chunks: int = Query(10, ge=1, le=10_000),
    bytes: int = Query(1024, ge=1, le=1_048_576),
    ms: int = Query(0, ge=0, le=600_000),
) -> StreamingResponse:
    body = stream_chunks(id, chunks, bytes, ms)
    return StreamingResponse(body, media_type="application/octet-stream")
