"""Schedulers: at which epochs trials are compared, and who stops there. One algorithm a file."""

from __future__ import annotations

from typing import Any

from lanewise.search.core.spec import Spec
from lanewise.search.plugins import construct
from lanewise.search.schedulers.asha import ASHA
from lanewise.search.schedulers.base import Scheduler as Scheduler
from lanewise.search.schedulers.constant import Constant
from lanewise.search.schedulers.hyperband import Hyperband
from lanewise.search.schedulers.median import Median
from lanewise.search.schedulers.none import NoScheduler
from lanewise.search.schedulers.pbt import PBT

# name -> class with the signature (spec, **options)
SCHEDULERS: dict[str, Any] = {
    "none": NoScheduler,
    "constant": Constant,
    "asha": ASHA,
    "hyperband": Hyperband,
    "median": Median,
    "pbt": PBT,
}


def make_scheduler(spec: Spec) -> Scheduler:
    """The scheduler that the spec names; SearchError for unknown names and bad options."""
    plugin = spec.scheduler
    made: Scheduler = construct("scheduler", SCHEDULERS, plugin.name, plugin.options, spec)
    return made
