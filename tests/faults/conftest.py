"""Fixtures of the fault tests: the command line's, and a tracking server of our own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# importlib mode leaves sys.path alone: the helpers here and of others are found by name.
sys.path += [str(Path(__file__).parents[1] / name) for name in ("faults", "lanewise", "cluster")]

from commandline import lanewise as lanewise
from commandline import migrated as migrated
from tracking import Proxy, Server


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), migrated)
    yield server
    server.stop()


@pytest.fixture
def server(one_server: Server) -> Server:
    """A real ``mlflow server`` that runs; a test may stop it."""
    if one_server.process is None:
        one_server.start()
    return one_server


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """In front of it."""
    proxy = Proxy(server.port)
    yield proxy
    proxy.close()
