"""`lanewise watch` beside a real run: it ends with the sweep, and leaving it leaves the sweep."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import time

from commandline import Lanewise, command, environment

ENDLESS = ["budget.trials=100000", "budget.epochs=9", "space.nap=0.05", "--executor", "inline"]


def begin(lanewise: Lanewise) -> subprocess.Popen[bytes]:
    """A run whose launch is in the journal."""
    run = lanewise.start("run", "sweep.yaml", *ENDLESS)
    deadline = time.monotonic() + 120
    while not (lanewise.home / "sweeps").exists():
        assert time.monotonic() < deadline, "the sweep does not begin"
        time.sleep(0.05)
    return run


def leave(lanewise: Lanewise) -> int:
    """Watches on a terminal of its own until the screen is full, then presses Ctrl-C."""
    screen, terminal = pty.openpty()
    viewer = subprocess.Popen(
        command("watch", "--interval", "0.2"),
        cwd=lanewise.folder,
        env={**environment(lanewise.home), "TERM": "xterm-256color"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        # Where the tests themselves run in the background of a shell, this signal is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(terminal)
    seen = b""
    while b"Ctrl-C leaves this view" not in seen:
        seen += os.read(screen, 65536)
    assert b"small" in seen
    viewer.send_signal(signal.SIGINT)
    # A terminal goes on reading; with nobody at the other end, a full one would hold the viewer up.
    with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
        while os.read(screen, 65536):
            pass
    os.close(screen)
    return viewer.wait(60)


def test_it_follows_a_run_to_its_end_and_leaving_it_changes_nothing(lanewise: Lanewise) -> None:
    run = begin(lanewise)
    assert leave(lanewise) == 0
    assert run.poll() is None
    watch = command("watch", "small", "--interval", "0.2", "--json")
    with subprocess.Popen(
        watch, cwd=lanewise.folder, env=environment(lanewise.home), stdout=subprocess.PIPE
    ) as viewer:
        assert viewer.stdout is not None
        first = json.loads(viewer.stdout.readline())
        assert first["status"] in ("starting", "running")
        assert lanewise.run("stop").returncode == 0
        *_, last = map(json.loads, viewer.stdout)
    assert viewer.returncode == 0
    assert last["status"] == "done"
    assert last["trials"]["asked"] >= first["trials"]["asked"]
    assert run.wait(120) == 0


def test_what_cannot_be_watched_is_one_line(lanewise: Lanewise) -> None:
    done = lanewise.run("watch")
    assert done.returncode == 2
    assert "there are no sweeps in" in done.stderr
