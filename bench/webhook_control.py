"""The control of `bench webhook`: the least a durable webhook can be. One insert, one commit, no check. Run by uvicorn."""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

pool: Any = None


@asynccontextmanager
async def lifespan(app: Starlette) -> Any:
    global pool
    pool = await asyncpg.create_pool(os.environ["BENCH_DSN"], min_size=8, max_size=16)
    yield
    await pool.close()


async def receive(request: Request) -> JSONResponse:
    body = json.loads(await request.body())
    await pool.execute("INSERT INTO bench_hits (reference, amount) VALUES ($1, $2)", body["reference_number"], body["amount"])
    return JSONResponse({"status": "created"}, status_code=201)


app = Starlette(routes=[Route("/hit", receive, methods=["POST"])], lifespan=lifespan)
