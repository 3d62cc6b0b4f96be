"""A model that adds two numbers, and what a test asks a server that serves it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import Message

from lanewise.cluster.serving.app import App
from lanewise.cluster.serving.limits import Limits
from lanewise.trainables.errors import RowError
from lanewise.trainables.export.about import About, Column

HERE = "http://127.0.0.1:8000"
COLUMNS = (Column("a", "number", False, 1.5), Column("b", "number", True, None))


@dataclass
class Adding:
    """Of a row the sum of a and b, plus `more`."""

    more: float = 0.0
    version: int = 1
    calls: list[int] = field(default_factory=list)  # rows of each
    hold: threading.Event | None = None  # a call waits for it
    called: threading.Event = field(default_factory=threading.Event)

    @property
    def about(self) -> About:
        return About("adding", "regression", "table", (2,), 1, COLUMNS, version=self.version)

    def answers(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        self.calls.append(len(rows))
        self.called.set()
        if self.hold is not None:
            assert self.hold.wait(20)
        found = []
        for number, row in enumerate(rows):
            for name, value in row.items():
                if not isinstance(value, int | float | None):
                    raise RowError(number, name, f"{value!r} is no number")
            found.append({"value": row["a"] + (row["b"] or 0) + self.more})
        return found


@dataclass
class Fixed:
    """A source that a test moves on."""

    model: Any

    def current(self) -> str:
        return str(id(self.model))

    def load(self) -> Any:
        if isinstance(self.model, Exception):
            raise self.model
        return self.model


def app_of(model: Any, token: str | None = None, **limits: Any) -> App:
    return App(Fixed(model), Limits(**limits), token)


@asynccontextmanager
async def running(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, while its source is followed."""
    sent: asyncio.Queue[Message] = asyncio.Queue()
    received: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan"}, received.get, sent.put))
    await received.put({"type": "lifespan.startup"})
    assert (await sent.get())["type"] == "lifespan.startup.complete"
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
        yield client
    await received.put({"type": "lifespan.shutdown"})
    assert (await sent.get())["type"] == "lifespan.shutdown.complete"
    await task


def asking(app: App, do: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
    """What `do` makes of a client."""

    async def whole() -> Any:
        async with running(app) as client:
            return await do(client)

    return asyncio.run(whole())


def post(app: App, body: Any, **headers: str) -> tuple[int, Any]:
    """Status and JSON of one request to /predict; a body of bytes goes as it is."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json", **headers}

    async def ask(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/predict", content=content, headers=sent)

    response = asking(app, ask)
    return response.status_code, response.json()


def get(app: App, path: str, **headers: str) -> httpx.Response:
    async def ask(client: httpx.AsyncClient) -> httpx.Response:
        return await client.get(path, headers=headers)

    found: httpx.Response = asking(app, ask)
    return found
