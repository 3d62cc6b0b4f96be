"""``lanewise best --verify``: the best trials after they were trained again, and which is taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lanewise.describe import write_constants
from lanewise.errors import DONE
from lanewise.launch import Options
from lanewise.options import Preference
from lanewise.search.core.events import Tested
from lanewise.search.plain import say
from lanewise.search.store.view import View
from lanewise.testpart import evaluate_test_part, show_in_mlflow
from lanewise.trainables.errors import TrainableError
from lanewise.verify import Request, verify

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE = 60.0  # seconds without progress until MLflow is no longer waited for


def verified_best(
    view: View,
    options: Options,
    request: Request,
    *,
    prefer: Preference | None,
    out: Path | None,
    console: Console | None,
) -> int:
    """Verifies a sweep's best trials, shows them, and uses the test part for the one that is taken.

    Args:
        console: where to show it; None prints JSON.
    """
    from lanewise.dashboards.verified import render_verified

    verified = verify(view, options, request)
    chosen = verified.smallest if prefer == "smaller" else verified.best
    taken = {
        "sweep": view.launch.sweep,
        "trial": chosen.trial,
        "params": dict(chosen.params),
        "metrics": dict(chosen.metrics),
        "epoch": chosen.epoch,
    }
    if out is not None:
        write_constants(view, taken, out)
    told, tested = verified.to_json(), _tested(view, options, chosen.trial)
    if console is None:
        test = {"metrics": dict(tested.metrics), "uses": len(view.uses)} if tested else None
        print(json.dumps(taken | {"verified": told, "test": test}))
    else:
        render_verified(console, view, told, chosen.trial, tested.metrics if tested else {})
    return DONE


def _tested(view: View, options: Options, trial: int) -> Tested | None:
    """What the chosen trial scores on the test part, which is used once for it; None without one.

    Where it was used for this very trial before, that record is what counts.
    """
    for _, event in view.uses:
        if event.trial == trial:
            return event
    try:
        evaluation = evaluate_test_part(view, options.home, trial)
    except (LookupError, TrainableError) as error:
        say(f"lanewise: no score on a test part: {error}")
        return None
    if evaluation.warning:
        say(f"lanewise: {evaluation.warning}")
    show_in_mlflow(view, options.home, PATIENCE)
    return view.uses[-1][1]
