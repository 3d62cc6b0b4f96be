"""How fast a model of the digits answers over HTTP, beside `mlflow models serve`.

    python benchmarks/serving.py [--rounds 5] [--seconds 5]

A network 64-64-10 is tuned, exported, and packaged for MLflow. Both servers run on one core, the
load comes from another; they take turns in each round. Three kinds of load, each bounded:

latency: so many requests of one row a second, sent when they are due, whatever the server does; a
    request's time counts from then. throughput: 8 connections, each asks again once it is answered.
batches: one connection, 1,000 rows a request.

What is answered in a second depends on what else the machine does; a server's own CPU time for a
request or a row much less.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

import lanewise as lw
from comparison.machine import machine
from lanewise.trainables.export.folder import export

RATE = 200  # requests a second
CONNECTIONS = 8
BATCH = 1000  # rows
MOST = 50_000  # requests in a measurement, whatever happens
UNANSWERED = 32  # requests that a server may be behind; those due beyond count as never answered
BARS = (
    f"bars: p99 below 10 ms at {RATE} requests a second; 5 times the throughput of mlflow models "
    "serve; 10,000 rows a second in batches"
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    asked = arguments.parse_args()
    cores, about = sorted(os.sched_getaffinity(0)), machine()
    os.sched_setaffinity(0, cores[-1:])
    with tempfile.TemporaryDirectory() as base:
        rows = prepare(Path(base))
        with (
            started("lanewise", Path(base), cores[0]) as ours,
            started("mlflow", Path(base), cores[0]) as theirs,
        ):
            measure([ours, theirs], rows, asked.rounds, asked.seconds)
    print(f"\n{BARS}\n{about}")


def measure(
    servers: Sequence[Server], rows: list[dict[str, float]], rounds: int, seconds: float
) -> None:
    """Prints a row a server: medians over the rounds, and the ratio within each."""
    found: dict[str, dict[str, list[float]]] = {server.name: {} for server in servers}
    for server in servers:
        asyncio.run(closed(server, rows[:1], CONNECTIONS, 0.5))  # which warms it up
    for number in range(rounds):
        for server in servers if number % 2 else servers[::-1]:
            single = asyncio.run(closed(server, rows[:1], CONNECTIONS, seconds))
            batches = asyncio.run(closed(server, rows[:BATCH], 1, seconds))
            times = asyncio.run(opened(server, rows[:1], seconds))
            each = {
                "p50 ms": 1e3 * statistics.median(times),
                "p99 ms": 1e3 * sorted(times)[int(0.99 * len(times))],
                "requests/s": single.a_second,
                "CPU ms/request": 1e3 * single.cpu,
                "rows/s": BATCH * batches.a_second,
                "CPU µs/row": 1e6 / BATCH * batches.cpu,
            }
            for name, value in each.items():
                found[server.name].setdefault(name, []).append(value)
    names = [*found[servers[0].name]]
    print(f"| | {' | '.join(names)} |\n|---{'|---' * len(names)}|")
    for server in servers:
        medians = [f"{statistics.median(found[server.name][name]):,.1f}" for name in names]
        print(f"| {server.name} | {' | '.join(medians)} |")
    first, second = (found[server.name] for server in servers)
    ratios = []
    for name in names:
        each_round = [a / b for a, b in zip(first[name], second[name], strict=True)]
        low, high = min(each_round), max(each_round)
        ratios.append(f"{statistics.median(each_round):.2f} ({low:.2f} to {high:.2f})")
    print(f"| ratio | {' | '.join(ratios)} |")


# -- the servers -----------------------------------------------------------------------------------


def prepare(base: Path) -> list[dict[str, float]]:
    """The model in both forms, and raw rows as clients send them."""
    from lanewise.registry.packaging import package

    result = lw.tune(
        model={"mlp": {"hidden": [64]}},
        data="sklearn:digits",
        space={"lr": lw.Float(1e-3, 1e-2, log=True)},
        maximize="val_accuracy",
        trials=2,
        epochs=10,
        executor="inline",
        home=base / "home",
        progress=False,
    )
    about = export(result.best.model, base / "model")
    from sklearn.datasets import load_digits

    frame = load_digits(as_frame=True).data.head(BATCH)
    rows: list[dict[str, float]] = frame.to_dict("records")
    model_id = "m-" + "0" * 32
    package(base / "mlflow", {"exported": base / "model"}, about, rows[:2], {}, model_id)
    return rows


@dataclass(frozen=True)
class Server:
    """One that answers; key: of the rows in a request's body."""

    name: str
    port: int
    path: str
    key: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Of its process and those that it started."""
        each = [self.process, *self.process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in each)

    def request(self, rows: list[dict[str, float]]) -> bytes:
        body = json.dumps({self.key: rows}).encode()
        head = f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        return (head + "Content-Type: application/json\r\n\r\n").encode() + body


@contextmanager
def started(name: str, base: Path, core: int) -> Iterator[Server]:
    """A server's process on one core."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    binaries = Path(sys.executable).parent
    if name == "lanewise":
        words = [str(binaries / "lanewise"), "serve", str(base / "model"), "--port", str(port)]
        about = (name, port, "/predict", "rows")
    else:
        words = [str(binaries / "mlflow"), "models", "serve", "-m", str(base / "mlflow")]
        words += ["-p", str(port), "--env-manager", "local"]
        about = ("mlflow models serve", port, "/invocations", "dataframe_records")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{binaries}:{os.defpath}"}
    with (base / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            words,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        try:
            await_health(port, process, base / f"{name}.log")
            yield Server(*about, psutil.Process(process.pid))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            process.wait(30)


def await_health(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            return
        time.sleep(0.2)
    raise RuntimeError(f"no server answers:\n{log.read_text()}")


# -- the load --------------------------------------------------------------------------------------


class Rate(NamedTuple):
    """Requests a second, and the server's CPU seconds for one."""

    a_second: float
    cpu: float


async def closed(
    server: Server, rows: list[dict[str, float]], connections: int, seconds: float
) -> Rate:
    """Of so many connections, each of which asks again once it is answered."""
    request, start, spent = server.request(rows), time.perf_counter(), server.cpu_seconds()
    end = start + seconds

    counts = await asyncio.gather(*(asking(server.port, request, end) for _ in range(connections)))
    took, count = time.perf_counter() - start, sum(counts)
    return Rate(count / took, (server.cpu_seconds() - spent) / count)


async def asking(port: int, request: bytes, end: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.perf_counter() < end and count < MOST:
        await exchange(reader, writer, request)
        count += 1
    writer.close()
    return count


async def opened(server: Server, rows: list[dict[str, float]], seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer; infinite for what was not sent."""
    request = server.request(rows)
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    times: list[float] = []
    tasks: set[asyncio.Task[None]] = set()

    async def ask(due: float) -> None:
        pair = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", server.port)
        await exchange(*pair, request)
        times.append(time.perf_counter() - due)
        idle.append(pair)

    start = time.perf_counter()
    for number in range(min(MOST, int(RATE * seconds))):
        due = start + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if len(tasks) >= UNANSWERED:
            times.append(math.inf)
            continue
        task = asyncio.create_task(ask(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    return times


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> None:
    """One request, and its answer, which must be a success."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise RuntimeError(head.decode())
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)


if __name__ == "__main__":
    main()
