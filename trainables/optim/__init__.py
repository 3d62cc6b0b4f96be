"""Optimizers, one file each: options, torch's class, a lane's step. No torch until one is used.

A row here registers an optimizer; everything else is derived from it. `build` makes torch's
optimizer of a configuration, `state` takes its state into checkpoints and back, and `packs/steps`
takes the steps of lanes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lanewise.trainables.knobs import Family, Knob
from lanewise.trainables.optim.adadelta import ADADELTA
from lanewise.trainables.optim.adagrad import ADAGRAD
from lanewise.trainables.optim.adam import ADAM, ADAMW
from lanewise.trainables.optim.adamax import ADAMAX
from lanewise.trainables.optim.nadam import NADAM
from lanewise.trainables.optim.optimizer_type import OptimizerType
from lanewise.trainables.optim.rmsprop import RMSPROP
from lanewise.trainables.optim.sgd import SGD

OPTIMIZERS: dict[str, OptimizerType] = {
    "sgd": SGD,
    "rmsprop": RMSPROP,
    "adagrad": ADAGRAD,
    "adadelta": ADADELTA,
    "adam": ADAM,
    "adamax": ADAMAX,
    "nadam": NADAM,
    "adamw": ADAMW,
}


class _Options(Mapping[str, Mapping[str, Knob]]):
    """The options of each registered optimizer, also of one that a program registers later."""

    def __getitem__(self, name: str) -> Mapping[str, Knob]:
        return OPTIMIZERS[name].options

    def __iter__(self) -> Iterator[str]:
        return iter(OPTIMIZERS)

    def __len__(self) -> int:
        return len(OPTIMIZERS)


# A value of `optimizer`, or of any key like it.
OPTIMIZER = Family(
    "optimizer",
    _Options(),
    lambda name, options: OPTIMIZERS[name].check(options),
    ("lr", "l2", "l1", "clip_norm", "schedule"),
)
