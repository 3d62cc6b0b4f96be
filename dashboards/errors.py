"""What can go wrong on the way to a dashboard."""

from __future__ import annotations


class ProjectionError(Exception):
    """MLflow could not be written; one line that says where and why, without secrets."""


class PermanentError(ProjectionError):
    """One that does not go away by waiting: somebody has to do something first."""


class ReplacedError(ProjectionError):
    """The database that was written to is gone, or another one is in its place."""
