"""The machine and the versions, in words."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

LIBRARIES = ("lanewise", "ray", "optuna", "torch", "mlflow", "numpy")


def machine() -> str:
    """CPU model, the cores in use, memory, system."""
    cores = len(os.sched_getaffinity(0))
    memory = psutil.virtual_memory().total / 2**30
    return f"{_cpu()}, {cores} cores of {os.cpu_count()}, {memory:.0f} GiB, {platform.system()}"


def versions() -> str:
    found = [f"{name} {version(name)}" for name in LIBRARIES]
    return ", ".join([f"Python {platform.python_version()}", *found])


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
