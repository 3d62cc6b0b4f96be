"""What a sweep runs on: versions and hardware, recorded so that a replay can compare."""

from __future__ import annotations

import getpass
import importlib.metadata
import os
import platform
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

LIBRARIES = ("lanewise", "ray", "torch", "optuna", "mlflow", "scikit-learn", "numpy")
_GPUS = Path("/proc/driver/nvidia/gpus")


def versions() -> dict[str, str]:
    """Of Python and of the libraries that a sweep stands on."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            found[library] = "missing"
    return found


def hardware() -> dict[str, str]:
    """Of this machine, without asking torch."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _value("model name", "/proc/cpuinfo") or platform.processor() or "unknown",
        "cpus": str(os.cpu_count()),
        "gpu": ", ".join(sorted(_gpus())) or "none",
    }


def differences(
    before: Mapping[str, str] | None, now: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """What is another by now: name -> (then, now). What was not recorded is left out."""
    was = before or {}
    return {name: (was[name], now[name]) for name in now if was.get(name, now[name]) != now[name]}


def user() -> str:
    """USER@HOST."""
    name = "unknown"
    with suppress(KeyError, OSError):  # a user without a name
        name = getpass.getuser()
    return f"{name}@{socket.gethostname()}"


def _gpus() -> list[str]:
    found = []
    with suppress(OSError):
        for each in sorted(_GPUS.iterdir()):
            found.append(_value("Model", each / "information") or "unknown")
    return found


def _value(key: str, file: str | Path) -> str | None:
    with suppress(OSError):
        named = re.search(rf"^{key}\s*:\s*(.+)$", Path(file).read_text(), re.MULTILINE)
        return named[1].strip() if named else None
    return None
