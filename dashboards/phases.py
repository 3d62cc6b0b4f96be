"""What a sweep does just now, in words, so that no display is silent while something goes on."""

from __future__ import annotations

from dataclasses import dataclass

from lanewise.dashboards.state import DUE, pending, read_cursor
from lanewise.search.store.home import Home
from lanewise.search.store.view import View

TRAINING = "training"


@dataclass(frozen=True)
class Phase:
    """A part of a sweep's life.

    Attributes:
        name: such as "starting Ray"; changes a few times in a sweep.
        detail: how far it has come, such as "120 records left"; may change at each look.
    """

    name: str = TRAINING
    detail: str = ""

    @property
    def is_training(self) -> bool:
        return self.name == TRAINING

    def __str__(self) -> str:
        return f"{self.name}, {self.detail}" if self.detail else self.name


IN_TRAINING = Phase()


def phase_of(view: View, home: Home, *, is_working: bool) -> Phase:
    """What goes on.

    Args:
        is_working: a trial has begun in this session.
    """
    history = view.history
    uses_ray = history.opened is not None and history.opened.executor != "inline"
    if history.closed or history.interrupted:
        if left := pending(home, view.launch.sweep, view.journal):
            return Phase("syncing MLflow", f"{left} records left")
        is_due = read_cursor(home, view.launch.sweep).report == DUE
        return Phase("writing the report" if is_due else "stopping Ray" if uses_ray else "ending")
    if is_working:
        return IN_TRAINING
    return Phase("starting Ray" if uses_ray else "starting")
