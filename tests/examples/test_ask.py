"""The script that serves a model and asks it."""

from __future__ import annotations

import importlib.util
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

FILE = Path(__file__).parent.parent.parent / "examples" / "ask.py"


@pytest.fixture
def ask() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ask", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Handler(BaseHTTPRequestHandler):
    """Says which columns there are, and gives a row back."""

    def do_GET(self) -> None:
        assert self.path == "/metadata"
        self.answer({"columns": [{"name": "a", "example": 1.5}, {"name": "b", "example": None}]})

    def do_POST(self) -> None:
        assert self.path == "/predict"
        self.answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def answer(self, body: Any) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: Any) -> None:
        pass


def test_it_asks_for_a_row_of_the_examples(ask: ModuleType) -> None:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            answer = ask.ask(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
    assert answer == {"rows": [{"a": 1.5, "b": None}]}


def test_it_reads_where_the_server_is(ask: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    said = "a note\nlanewise: serving digits 1 at http://127.0.0.1:4711\n"
    server = SimpleNamespace(stderr=io.StringIO(said), wait=lambda: 4)
    assert ask.address(server) == "http://127.0.0.1:4711"
    assert capsys.readouterr().err == "a note\n"
    with pytest.raises(SystemExit, match="4"):
        ask.address(SimpleNamespace(stderr=io.StringIO("no\n"), wait=lambda: 4))
