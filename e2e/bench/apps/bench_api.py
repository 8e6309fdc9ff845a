"""The same small answer by FastAPI."""
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def answer():
    return {"ok": True}
