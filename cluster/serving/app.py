"""The server as an ASGI application."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from lanewise.cluster.serving.access import Access, Headers
from lanewise.cluster.serving.answering import Answer, Served, answers, failure, refusal
from lanewise.cluster.serving.batcher import Batcher
from lanewise.cluster.serving.errors import RequestError
from lanewise.cluster.serving.limits import Limits
from lanewise.cluster.serving.metrics import CONTENT_TYPE, Metrics
from lanewise.cluster.serving.model import Source
from lanewise.cluster.serving.openapi import document, title
from lanewise.search.plain import say

EVERY = 1.0  # seconds between two looks at the source
RETRY = 30  # looks until a model that could not be loaded is tried again
OPEN = ("/health", "/docs")  # need no token: nothing of the model is in them but its name

# The page takes no script, style or picture from elsewhere, and asks nobody but this server.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


class App:
    """Answers requests with the source's model, and follows the source."""

    def __init__(self, source: Source, limits: Limits, token: str | None = None) -> None:
        """Loads the model and lets it answer once.

        Raises:
            CheckpointError: it cannot be loaded.
        """
        self.metrics = Metrics()
        self._source, self._limits, self._has_token = source, limits, token is not None
        self._access = Access(token)
        self._identity = source.current()
        self.served = Served.of(source.load())
        self._batcher = Batcher(self._answers)
        pages = {
            "/health": self._health,
            "/metadata": self._metadata,
            "/metrics": self._metrics,
            "/openapi.json": self._openapi,
            "/docs": self._docs,
        }
        self._paths = {"/predict", *pages}
        routes = [Route(path, page, methods=["GET"]) for path, page in pages.items()]
        handlers: Any = {HTTPException: _refuse_route}
        self._pages = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)
        self._pages.router.redirect_slashes = False  # to where a header says

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._pages(scope, receive, send)
        if scope["type"] != "http":  # a WebSocket
            return await send({"type": "websocket.close", "code": 1000})
        started = time.perf_counter()
        path, status = scope["path"], 0
        self.metrics.in_flight += 1

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if path not in OPEN:
                self._access.check(scope["headers"])
            if path == "/predict":
                await self._predict(scope, receive, counted)
            else:
                await self._pages(scope, receive, counted)
        except RequestError as error:
            await _send(counted, refusal(error))
        except _GoneError:
            status = 499
        except Exception as error:
            answer = failure(error)
            if not status:  # nothing was sent yet
                await _send(counted, answer)
        finally:
            self.metrics.in_flight -= 1
            known = path if path in self._paths else "other"
            self.metrics.requests[known, status] += 1
            if path == "/predict":
                self.metrics.seconds.observe(time.perf_counter() - started)

    # -- predictions ---------------------------------------------------------------------------

    async def _predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise RequestError(405, "send rows by POST")
        _check_media(scope["headers"])
        body = await _read(scope["headers"], receive, self._limits)
        answer = await self._batcher.answer(body)
        self.metrics.rows += answer.rows
        await _send(send, answer)

    def _answers(self, bodies: Sequence[bytes]) -> list[Answer]:
        """In the worker thread. The model is the one that is served when a batch begins."""
        self.metrics.together.observe(len(bodies))
        return answers(bodies, self.served, self._limits)

    # -- pages -----------------------------------------------------------------------------------

    async def _health(self, request: Request) -> Response:
        about = self.served.model.about
        return _json({"status": "ok", "model": about.name, "version": about.version})

    async def _metadata(self, request: Request) -> Response:
        return _json(self.served.model.about.to_json())

    async def _metrics(self, request: Request) -> Response:
        about = self.served.model.about
        text = self.metrics.text({"name": about.name, "version": str(about.version or "")})
        return Response(text, headers={"content-type": CONTENT_TYPE})

    async def _openapi(self, request: Request) -> Response:
        about = self.served.model.about
        return _json(document(about, self._limits, has_token=self._has_token))

    async def _docs(self, request: Request) -> Response:
        headers = {"content-security-policy": _POLICY, "x-content-type-options": "nosniff"}
        return Response(_page(), media_type="text/html", headers=headers)

    # -- following the source --------------------------------------------------------------------

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            self._batcher.close()

    async def _follow(self) -> None:
        failed: dict[str, int] = {}  # an identity, and how often it was seen since
        while True:
            await asyncio.sleep(EVERY)
            try:
                identity = await asyncio.to_thread(self._source.current)
                if identity == self._identity:
                    failed.clear()
                    continue
                failed = {identity: failed.get(identity, RETRY) + 1}
                if failed[identity] <= RETRY:
                    continue
                failed[identity] = 0
                served = await asyncio.to_thread(lambda: Served.of(self._source.load()))
            except Exception as error:
                self.metrics.failed_reloads += 1
                told = " ".join(str(error).split())[:300]
                say(f"lanewise: the model stays as it is: {type(error).__name__}: {told}")
                continue
            self.served, self._identity, failed = served, identity, {}
            self.metrics.reloads += 1
            say(f"lanewise: serving {title(served.model.about)} from now on")


class _GoneError(Exception):
    """The client has gone."""


def _check_media(headers: Headers) -> None:
    media = next((value for name, value in headers if name == b"content-type"), b"")
    if media.partition(b";")[0].strip().lower() != b"application/json":
        raise RequestError(415, "send the body as Content-Type: application/json")
    if any(name == b"content-encoding" and value != b"identity" for name, value in headers):
        raise RequestError(415, "send the body as it is, without Content-Encoding")


async def _read(headers: Headers, receive: Receive, limits: Limits) -> bytes:
    """The body, unless it is too large or too slow.

    Raises:
        RequestError: 413 by what is declared, else as soon as more has arrived; 408.
    """
    too_large = RequestError(413, f"the body may have {limits.bytes} bytes")
    declared = next((value for name, value in headers if name == b"content-length"), b"0")
    if not declared.isdigit() or len(declared) > 18 or int(declared) > limits.bytes:
        raise too_large
    try:
        async with asyncio.timeout(limits.seconds):
            parts, size, is_more = [], 0, True
            while is_more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _GoneError
                part = message.get("body", b"")
                size += len(part)
                if size > limits.bytes:
                    raise too_large
                parts.append(part)
                is_more = message.get("more_body", False)
    except TimeoutError:
        raise RequestError(408, f"the body did not arrive in {limits.seconds:g} s") from None
    return b"".join(parts)


async def _send(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer.body)).encode()),
        *_SAFE,
    ]
    if answer.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if answer.status == 405:
        headers.append((b"allow", b"POST"))
    if answer.status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _json(value: Any) -> Response:
    text = json.dumps(value, indent=1) + "\n"
    return Response(text, media_type="application/json", headers={"cache-control": "no-store"})


async def _refuse_route(request: Request, error: HTTPException) -> Response:
    messages = {404: "there is no such page; see /docs", 405: "this method is not allowed here"}
    told = {"error": messages.get(error.status_code, "the request is refused")}
    return JSONResponse(told, error.status_code, headers=error.headers)


@functools.cache
def _page() -> bytes:
    return Path(__file__).with_name("page.html").read_bytes()
