"""The same small answers by FastAPI."""
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Order(BaseModel):
    item: str
    count: int


@app.get("/")
async def answer():
    return {"ok": True}


@app.post("/orders")
async def order(order: Order):
    return order
