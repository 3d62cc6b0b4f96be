"""Running the server: a socket, uvicorn, and an orderly end."""

from __future__ import annotations

import signal
import socket
from dataclasses import dataclass

import uvicorn

from lanewise.cluster.serving.access import is_loopback
from lanewise.cluster.serving.app import App
from lanewise.cluster.serving.errors import ServingError, UsageError
from lanewise.cluster.serving.limits import Limits
from lanewise.cluster.serving.model import Source
from lanewise.cluster.serving.openapi import title
from lanewise.search.plain import say

HOST, PORT = "127.0.0.1", 8000
CONNECTIONS = 1000  # beyond which requests get 503
GRACE = 30  # seconds in which requests in flight are answered at the end


@dataclass(frozen=True)
class Address:
    """Where to listen; port 0 for a free one."""

    host: str = HOST
    port: int = PORT

    @classmethod
    def checked(cls, host: str, port: int) -> Address:
        """
        Raises:
            UsageError: there is no such port.
        """
        if not 0 <= port <= 65535:
            raise UsageError(f"--port: must be from 0 to 65535, got {port}")
        return cls(host, port)


def serve(source: Source, address: Address, limits: Limits, token: str | None) -> None:
    """Answers requests until SIGTERM or SIGINT, then those in flight.

    Raises:
        UsageError: other machines would be answered without a token.
        ServingError: the address is not to be had.
        CheckpointError: there is no model to serve.
    """
    if token is None and not is_loopback(address.host):
        message = "answers other machines, which needs a token: set LANEWISE_TOKEN or --token-file"
        raise UsageError(f"--host {address.host}: {message}")
    with _listening(address) as listener:
        app = App(source, limits, token)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=GRACE,
        )
        server = uvicorn.Server(config)

        # For a signal before uvicorn has its own handlers, and for the one that it sends again
        # once it has ended in order.
        def stop(number: int, frame: object) -> None:
            server.should_exit = True

        before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            say(f"lanewise: serving {title(app.served.model.about)} at {_url(listener)}")
            server.run(sockets=[listener])
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _listening(address: Address) -> socket.socket:
    try:
        stream = socket.SOCK_STREAM
        family, *_, place = socket.getaddrinfo(address.host, address.port, type=stream)[0]
        # With its protocol named asyncio sends each answer at once; else it waits 40 ms (Nagle).
        listener = socket.socket(family, stream, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen(2048)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "no such address"
        raise ServingError(f"cannot listen at {address.host}, port {address.port}: {why}") from None
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port} (/docs says how to ask)"
