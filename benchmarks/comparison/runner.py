"""One contender, once: in a fresh process and a fresh home, with nothing of the last one left."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil

from comparison.audit import audit
from comparison.contenders import Contender
from comparison.occupied import occupancy
from comparison.records import Run
from digits_mlp import workload
from lanewise.search.store.home import Home
from lanewise.search.store.view import open_view

BENCHMARKS = Path(__file__).parent.parent
_MARK = "LANEWISE_COMPARISON"  # in the environment of a run's processes, its daemons included
_SETTLES = 90.0  # seconds that a run's processes have to end after it
_PER_TRIAL, _START = 60.0, 300.0  # seconds after which a run is taken for hanging


class RunError(RuntimeError):
    """In one line: what happened, and where the log lies."""


def run(contender: Contender, seed: int, round: int) -> Run:
    """Run a contender's sweep and count what it left.

    Raises:
        RunError: it failed, or hung; its folder is kept.
    """
    home = Path(tempfile.mkdtemp(prefix=f"compare-{contender.name}-"))
    try:
        done = _run(contender, seed, round, home)
    except KeyboardInterrupt:
        shutil.rmtree(home, ignore_errors=True)
        raise
    shutil.rmtree(home, ignore_errors=True)
    return done


def run_in(home: Path, contender: Contender, seed: int) -> float:
    """Run a contender's sweep in a home that is laid out; the seconds that its process took.

    Raises:
        RunError: as `run`.
    """
    limit = _START + _PER_TRIAL * contender.trials
    return _run_to_end(contender.command(contender.trials, seed, home), home, limit)


def _run(contender: Contender, seed: int, round: int, home: Path) -> Run:
    contender.lay_out(home)
    busy = _busy()
    launched = time.time()
    seconds = run_in(home, contender, seed)
    try:
        facts = audit(home)
        best_known, occupied = _decided(home, launched) if contender.is_lanewise else (None, None)
    except Exception as error:
        raise RunError(f"nothing to count was left ({error}); see {home}") from error
    return Run(
        contender=contender.name,
        round=round,
        trials=contender.trials,
        seconds=seconds,
        startup=min(facts.first_report - launched, seconds),
        statuses=facts.statuses,
        epochs=facts.epochs,
        best=facts.best,
        busy=busy,
        best_known=best_known,
        occupied=occupied,
    )


def _decided(home: Path, launched: float) -> tuple[float, float | None]:
    """Seconds to Lanewise's last decision, and the share of its lanes in use."""
    sweep = json.loads((home / "stdout.txt").read_text())["sweep"]
    view = open_view(Home(home).journal(), sweep)
    found = occupancy(view.journal.read(sweep))
    return view.decided_at - launched, found.share if found else None


def _run_to_end(command: list[str], home: Path, limit: float) -> float:
    """Seconds from the launch of `command` to its end."""
    mark = uuid.uuid4().hex
    log = home / "log.txt"
    with log.open("wb") as errors, (home / "stdout.txt").open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=home,
            env=_environment(mark),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        except BaseException:
            _end(process, mark)
            raise
        seconds = time.perf_counter() - began
    _end(process, mark)
    if code is None:
        raise RunError(f"no end within {limit:.0f} s; see {log}")
    if code != 0:
        raise RunError(f"it ended with exit code {code}; see {log}")
    return seconds


def _environment(mark: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "LANEWISE_"))}
    return {
        **kept,
        _MARK: mark,
        "PYTHONPATH": str(BENCHMARKS),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Leave nothing of a run behind that would share the cores with the next one."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _SETTLES
    while left := list(_marked(mark)):
        if time.monotonic() > deadline:
            for one in left:
                with contextlib.suppress(psutil.Error):
                    one.kill()
            return
        time.sleep(0.2)
    process.wait()


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_over = process.status() == psutil.STATUS_ZOMBIE
            if not is_over and process.environ().get(_MARK) == mark:
                yield process


def _busy() -> float:
    """How busy this process's cores are with other work."""
    percent = psutil.cpu_percent(interval=1.0, percpu=True)
    cores = os.sched_getaffinity(0)
    return sum(percent[core] for core in cores) / 100 / len(cores)


def use_two_cores() -> None:
    """Bind this process, and so all contenders, to two cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: workload.SLOTS])
