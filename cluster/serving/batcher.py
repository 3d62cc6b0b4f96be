"""Requests that wait while others are answered are answered together, in one worker thread.

Nothing waits for company: a request that comes alone is answered at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lanewise.cluster.serving.answering import Answer
from lanewise.cluster.serving.errors import RequestError

TOGETHER = 256  # requests, and
TOGETHER_BYTES = 2**20  # that begin a batch
WAITING_BYTES = 2**28  # beyond which requests are refused

Work = Callable[[Sequence[bytes]], list[Answer]]


class Batcher:
    """Hands what waits to `work`, batch by batch."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._waiting: deque[tuple[bytes, asyncio.Future[Answer]]] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def answer(self, body: bytes) -> Answer:
        """What `work` made of the body.

        Raises:
            RequestError: 503, too much waits already.
        """
        if self._bytes + len(body) > WAITING_BYTES:
            raise RequestError(503, "too many requests are waiting; try again")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, future))
        self._bytes += len(body)
        if self._task is None:
            self._task = asyncio.create_task(self._answer_waiting())
        return await future

    async def _answer_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        self._thread = self._thread or ThreadPoolExecutor(1, "answers")
        try:
            while self._waiting:
                bodies, futures = self._next()
                try:
                    found = await loop.run_in_executor(self._thread, self._work, bodies)
                except Exception as error:
                    for future in futures:
                        if not future.done():
                            future.set_exception(error)
                    continue
                finally:
                    self._bytes -= sum(map(len, bodies))
                for future, answer in zip(futures, found, strict=True):
                    if not future.done():  # its client may have gone
                        future.set_result(answer)
        finally:
            self._task = None

    def _next(self) -> tuple[list[bytes], list[asyncio.Future[Answer]]]:
        bodies: list[bytes] = []
        futures: list[asyncio.Future[Answer]] = []
        size = 0
        while self._waiting and len(bodies) < TOGETHER and size < TOGETHER_BYTES:
            body, future = self._waiting.popleft()
            bodies.append(body)
            futures.append(future)
            size += len(body)
        return bodies, futures

    def close(self) -> None:
        """Ends the worker thread, once it has answered what it has."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
