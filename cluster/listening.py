"""Where the processes of a local Ray listen: on the loopback address, or for others, too."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def open_to_others(pid: int | None = None) -> list[str]:
    """Where a process and its children listen for more than this machine: ``raylet [::]:41234``.

    Args:
        pid: of the process; by default this one.
    """
    import psutil

    root = psutil.Process(pid)
    found = []
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            found += [f"{process.name()} {where}" for where in _places(process)]
    return found


def _places(process: psutil.Process) -> Iterator[str]:
    for connection in process.net_connections("inet"):
        if connection.status == "LISTEN" and not is_loopback(connection.laddr.ip):
            ip = connection.laddr.ip
            yield f"{f'[{ip}]' if ':' in ip else ip}:{connection.laddr.port}"


def is_loopback(ip: str) -> bool:
    """Whether only this machine can reach the address; also of IPv4 in IPv6's form."""
    address = ipaddress.ip_address(ip)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
