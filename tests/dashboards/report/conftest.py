"""Sweeps to report on: simulated, or made event by event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lanewise.search.control.simulate import simulate
from lanewise.search.core.events import Failure
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run
from lanewise.search.store.view import View, open_view
from lanewise.spaces import Space

Curve = Callable[[dict[str, Any], int], dict[str, float]]


@pytest.fixture
def swept(lab) -> Callable[..., View]:
    """Makes a finished sweep of a space and a curve; returns its view."""

    def make(
        space: dict[str, object], curve: Curve, trials: int = 6, epochs: int = 6, **more: Any
    ) -> View:
        objective = more.get("objective", Objective("val_accuracy", "max"))
        scheduler = Plugin(more.get("scheduler", "none"))
        asked = Spec(
            Space(space), (objective,), Budget(epochs, trials), Plugin("random"), scheduler
        )
        sweep = lab.begun(asked)
        lab.write(simulate(sweep, curve, workers=4))
        return open_view(lab.journal, "s1")

    return make


@pytest.fixture
def failed(lab) -> Callable[..., View]:
    """Makes a sweep whose trials fail with the given texts, a trial each; returns its view."""

    def make(*messages: str, space: dict[str, object] | None = None) -> View:
        asked = lab.spec(trials=len(messages), **({"space": Space(space)} if space else {}))
        sweep = lab.begun(asked)
        for message in messages:
            run = sweep.ask()
            assert isinstance(run, Run)
            sweep.fail(run.number, Failure("bug", message))
        sweep.close("trials")
        lab.take(sweep)
        return open_view(lab.journal, "s1")

    return make
