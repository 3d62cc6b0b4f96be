"""A real ``mlflow server``, and a proxy before it that can be slow, silent, or tell of a call."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Its queues for jobs are seven processes more, of which each imports MLflow.
SERVER = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
PASSED_ON = ("content-type", "accept", "user-agent", "content-length")


class Server:
    """``mlflow server`` on a port that it keeps."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        shutil.copy(migrated, folder / "mlflow.db")
        self.folder = folder
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        """Where what it was told can be read, whether it runs or not."""
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--backend-store-uri", self.database, "--port", str(self.port)]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **SERVER},
                start_new_session=True,
            )
        deadline = time.monotonic() + 120
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "the server does not come up"
            time.sleep(0.2)

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """At once, with all of its workers."""
        if self.process is not None:
            os.killpg(self.process.pid, 9)
            self.process.wait()
            self.process = None


LOST, REPEATED, LATE = "lost", "repeated", "late"
REFUSED, FAILED, DEAD = "refused", "failed", "dead"


class Proxy:
    """Passes calls on to a port of this machine.

    Attributes:
        delay: seconds that each call takes longer.
        fault: called with the path of a call; what goes wrong with it: ``LOST`` (it is carried
            out, and no answer comes), ``REPEATED`` (it is carried out twice), ``LATE`` (no answer
            comes, and ``late`` seconds after that it is carried out), ``REFUSED`` (an answer of
            500, and nothing is done), ``FAILED`` (it is carried out and answered with 500),
            ``DEAD`` (no call gets through for ``late`` seconds), or "".
        before, after: called with the path of a call, before and behind its being carried out;
            ``after`` runs before the caller hears of it.
    """

    def __init__(self, port: int) -> None:
        self.delay = 0.0
        self.before: Callable[[str], None] = lambda path: None
        self.after: Callable[[str], None] = lambda path: None
        self.fault: Callable[[str], str] = lambda path: ""
        self.late = 1.5
        self._dead_until = 0.0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                proxy._pass_on(self, port)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815

            def log_message(self, *arguments: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _pass_on(self, caller: BaseHTTPRequestHandler, port: int) -> None:
        path = caller.path.partition("?")[0]
        body = caller.rfile.read(int(caller.headers.get("content-length") or 0))
        fault = "" if time.monotonic() < self._dead_until else self.fault(path)
        if fault == DEAD:
            self._dead_until = time.monotonic() + self.late
        if time.monotonic() < self._dead_until:
            _hang_up(caller)
            return
        self.before(path)
        time.sleep(self.delay)
        headers = {key: v for key, v in caller.headers.items() if key.lower() in PASSED_ON}
        call = (port, caller.command, caller.path, body, headers)
        try:
            if fault == LATE:
                _hang_up(caller)
                time.sleep(self.late)
            if fault == REPEATED:
                _carry_out(*call)
            status, kind, text = (500, None, b"") if fault == REFUSED else _carry_out(*call)
            if fault in (LOST, LATE):
                _hang_up(caller)
                return
            self.after(path)
            caller.send_response(500 if fault == FAILED else status)
            caller.send_header("content-type", kind or "text/plain")
            caller.send_header("content-length", str(len(text)))
            caller.end_headers()
            caller.wfile.write(text)
        except OSError:  # either side has gone
            caller.close_connection = True


def _carry_out(
    port: int, method: str, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, str | None, bytes]:
    """(status, content type, text) of the server's answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("content-type"), answer.read()
    finally:
        connection.close()


def _hang_up(caller: BaseHTTPRequestHandler) -> None:
    """The caller sees its connection closed, without a word."""
    caller.close_connection = True
    with contextlib.suppress(OSError):
        caller.connection.shutdown(socket.SHUT_RDWR)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
