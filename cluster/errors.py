"""What can go wrong outside of trials."""

from __future__ import annotations


class ClusterError(RuntimeError):
    """Ray cannot be started or reached, or does not have what a trial asks for."""


class RayGoneError(ClusterError):
    """Ray's own processes are gone: soon it ends this process, too, from native code."""
