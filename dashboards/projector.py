"""The projector: follows the journal and keeps MLflow as the journal has it.

    python -m lanewise.dashboards.projector --home DIR

A process of its own, one per home: a second one waits for the lock and takes over. The sweep never
waits for it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Thread

from lanewise.dashboards.service import quiet, serve
from lanewise.search.store.home import Home

NICENESS = 10  # added while a sweep trains


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lanewise.dashboards.projector")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--home", type=Path)
    asked.add_argument("--spare", action="store_true", help="wait on stdin to be given a home")
    parser.add_argument("--database", type=Path, help="where a spare one makes MLflow's ahead")
    given = parser.parse_args()
    # Ctrl-C and a closed terminal reach the whole process group: it drains and ends by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield_to = yielding()
    yield_to(True)
    home = _await_home(given.database) if given.spare else Home.find(given.home)
    serve(home, yield_to)


def yielding() -> Callable[[bool], None]:
    """Makes this process nice while a sweep trains; what is left then, a person waits for.

    Only root may lower a niceness again. Anyone else's projector stays nice, which costs nothing on
    cores that nobody else wants.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)

    def yield_to(trains: bool) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, min(19, before + NICENESS * trains))

    return yield_to


def _await_home(spare: Path | None) -> Home:
    """Imports MLflow, then the home that the launcher gives; ends if that goes without a word."""
    order: Future[bytes] = Future()
    # Read from the start: a launcher that ends at once must not leave its spare importing.
    Thread(target=_read_order, args=(order,), daemon=True).start()
    quiet()
    import lanewise.dashboards.writer  # noqa: F401  (an import is what a spare process is for)
    from lanewise.dashboards.database import warm

    warm(spare)
    given = json.loads(order.result())
    os.environ.update(given["env"])
    home = Home.find(Path(given["home"]))
    log = os.open(home.root / "projector.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    return home


def _read_order(order: Future[bytes]) -> None:
    text = sys.stdin.buffer.read()
    if not text:
        os._exit(0)
    order.set_result(text)


if __name__ == "__main__":
    main()
