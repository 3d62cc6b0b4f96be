"""What can go wrong on the way to a dashboard."""

from __future__ import annotations


class ProjectionError(Exception):
    """MLflow could not be written; one line that says where and why, without secrets."""
