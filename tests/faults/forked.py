"""The command line in forks of a process that has imported it: many kills in little time.

What is forked is all of a command but its projector, which MLflow's imports would make slow, and
which other tests kill; so nothing is shown in MLflow before a command of its own process does it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

from commandline import Lanewise, environment

# A request is a line of JSON: arguments and a folder to fork the command in, which is answered by
# its process's id, or null to wait for it, which is answered by its exit status.
SERVER = """
import contextlib, json, os, sys
import lanewise.cli, lanewise.cluster.worker, lanewise.launch, lanewise.showing
import safetensors.torch, sklearn.datasets

class Projector(lanewise.showing.Projector):
    def start(self):
        pass

    def finish(self, journal, patience):
        return 1  # pending

lanewise.launch.Projector = Projector
lanewise.launch.warmed = lambda home, uri: contextlib.nullcontext()
print("ready", flush=True)
for line in sys.stdin:
    if request := json.loads(line):
        child = os.fork()
        if not child:
            os.chdir(request["folder"])
            out = os.open("stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os._exit(lanewise.cli.run(request["arguments"]))
        print(child, flush=True)
    else:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    """Runs one command at a time, in the folder and the home of `lanewise`."""

    def __init__(self, lanewise: Lanewise) -> None:
        self.lanewise = lanewise
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(lanewise.home),
        )
        assert self._answer() == "ready"

    def start(self, *arguments: str) -> int:
        """Its process's id; `wait` ends it."""
        return int(self._ask({"arguments": arguments, "folder": str(self.lanewise.folder)}))

    def wait(self) -> int:
        """The started command's exit status."""
        return int(self._ask(None))

    def kill_after(self, arguments: tuple[str, ...], seconds: float) -> bool:
        """Starts a command and kills it; False if it has ended before."""
        process = self.start(*arguments)
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)  # it is there until somebody has waited for it
        status = self.wait()
        assert status in (0, -signal.SIGKILL), (self.lanewise.folder / "stderr").read_text()
        return status != 0

    def close(self) -> None:
        with self.process:  # closes its pipes, and waits
            self.process.kill()

    def _ask(self, request: object) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()
