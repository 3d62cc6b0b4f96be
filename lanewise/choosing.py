"""``lanewise best --verify``: the best trials after they were trained again, and which is taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lanewise.describe import write_constants
from lanewise.errors import DONE
from lanewise.launch import Options
from lanewise.options import Preference
from lanewise.search.store.view import View
from lanewise.verify import Request, verify

if TYPE_CHECKING:
    from rich.console import Console


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
    told = verified.to_json()
    if console is None:
        print(json.dumps(taken | {"verified": told}))
    else:
        render_verified(console, view, told, chosen.trial)
    return DONE
