"""What can be wrong with a machine before a sweep is."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lanewise.machine import LIBRARIES
from lanewise.search.store.home import Home


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    detail: str


def examine(home: Home) -> list[Finding]:
    """Looks at everything; a check that fails does not keep the others from being made."""
    return [_guarded(what, check) for what, check in _checks(home)]


def _checks(home: Home) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "python", lambda: sys.version.split()[0]
    for library in LIBRARIES:
        yield library, lambda library=library: importlib.metadata.version(library)  # type: ignore[misc]
    yield "home", lambda: _home(home)
    yield "journal", lambda: _journal(home)
    yield "cpus", lambda: str(len(os.sched_getaffinity(0)))
    yield "devices", _devices
    yield "ray", _ray
    yield "ray's token", _token


def _guarded(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except Exception as error:
        return Finding(what, False, " ".join(f"{type(error).__name__}: {error}".split()))


def _home(home: Home) -> str:
    home.root.mkdir(parents=True, exist_ok=True)
    probe = home.root / ".doctor"
    probe.write_text("")
    probe.unlink()
    free = shutil.disk_usage(home.root).free
    return f"{home.root} can be written, {free / 1e9:.1f} GB free"


def _journal(home: Home) -> str:
    journal = home.journal(create=True)
    try:
        return f"{len(journal.launches())} sweeps in {journal.path}"
    finally:
        journal.close()


def _devices() -> str:
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(gpus) or "no GPU; trains on CPUs"


def _ray() -> str:
    from lanewise.cluster.listening import open_to_others
    from lanewise.cluster.ray_session import RaySession

    session = RaySession(None)
    resources = session.open()
    places = open_to_others()
    session.close()
    cpus = f"a local cluster starts, with {resources.get('CPU', 0):g} CPUs"
    if places:
        where = ", ".join(places)
        return f"{cpus}; other machines reach it, and its token alone keeps them out: {where}"
    return f"{cpus}, and listens on the loopback address alone"


def _token() -> str:
    """Ray's, which keeps other users of this machine out."""
    from lanewise.cluster.ray_token import TOKEN, readable_by_others, token_path

    if os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        raise RuntimeError("RAY_AUTH_MODE turns it off: whoever reaches a local cluster may use it")
    if os.environ.get(TOKEN):
        return f"in {TOKEN}"
    path = token_path()
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there")
    if readable_by_others(path):
        raise PermissionError(f"{path} can be read by other users: chmod 600 {path}")
    return f"{path}, for its owner alone"
