"""What is asked of a promotion, and what has come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lanewise.registry.limits import Limits
from lanewise.registry.variants import Measured
from lanewise.search.core.history import Trial
from lanewise.search.store.view import View
from lanewise.testpart import Evaluation

if TYPE_CHECKING:
    from lanewise.registry.store import Version
    from lanewise.trainables.checkpoints.trained import TrainedModel


@dataclass(frozen=True)
class Request:
    """What is to be promoted.

    trial: its number; None for the best. variants: their names; None for all of them.
    refit: whether the weights are trained anew on the training and the validation part.
    tracking_uri: --tracking-uri.
    """

    name: str
    alias: str
    trial: int | None = None
    limits: Limits = field(default_factory=Limits)
    variants: tuple[str, ...] | None = None
    refit: bool = False
    is_dry: bool = False
    tracking_uri: str | None = None


@dataclass(frozen=True, eq=False)
class Promotion:
    """What a promotion has made.

    model: its recipe has the data of its training. evaluation: of a final training, on the test
    part. version: None after a dry run.
    """

    view: View
    request: Request
    trial: Trial
    model: TrainedModel
    measured: Measured
    evaluation: Evaluation | None = None
    version: Version | None = None
