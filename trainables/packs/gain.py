"""What lanes cost: whether they train faster than one trial after the other, and how many pay.

A few steps are timed of a replica alone, of two lanes and of eight. What lanes gain depends on how
much of a step is overhead: a network that keeps the processor busy by itself gains nothing, and
beyond some lanes there is no overhead left to share.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from lanewise.trainables.packs.data import join_folds
from lanewise.trainables.packs.lane import Lane
from lanewise.trainables.packs.pack import Epoch, Pack
from lanewise.trainables.training.replica import Replica
from lanewise.trainables.training.unit import Unit

_FEW, _LANES, _STEPS, _TIMES = 2, 8, 3, 6
_CLEAR = 1.5  # a gain at which there is nothing to doubt
_LONG = 1.0  # seconds
_BUSY = 0.01  # seconds of a step beyond which what it calls costs little beside what it computes
_OVERHEAD = 0.05  # the share of a step at which more lanes no longer pay
_MEMORY = 0.5  # of what is free, for the lanes of all workers on the machine


@dataclass(frozen=True)
class Costs:
    """gain: seconds of a step alone over a lane's among eight; enough: lanes, more hardly pay."""

    gain: float
    enough: int


def measure(unit: Unit) -> Costs:
    """Time a few steps of a configuration on the first rows of its fold."""
    rows = _STEPS * unit.config["batch_size"]
    x, y = unit.data.x_train[:rows], unit.data.y_train[:rows]
    data = replace(unit.data, x_train=x, y_train=y)
    # Each with a configuration of its own, as trials have: replicas of one step together.
    few_rows = [
        replace(unit, config={**unit.config}, data=data, seed=seed, number=0, fold=0)
        for seed in range(_LANES)
    ]
    replica = Replica(few_rows[0])
    replica.train_epoch(1)  # warms up
    began = time.perf_counter()
    replica.train_epoch(1)
    if time.perf_counter() - began > _BUSY * len(replica.batch_sizes):
        return Costs(1.0, 1)  # there is little overhead to share, and the probe would take long
    lanes = [Lane(each) for each in few_rows]
    pack = Pack(unit.recipe, join_folds((data,)), lanes[0], lambda pack, why: None)
    for lane in lanes:
        pack.seat(lane)
    alone, few, many = _fastest(
        lambda: replica.train_epoch(1),
        Epoch(pack, lanes[:_FEW]).train,
        Epoch(pack, lanes).train,
    )
    # A step of K lanes takes a + b·K.
    each = max((many - few) / (_LANES - _FEW), 1e-9)
    shared = max(0.0, many - each * _LANES)
    return Costs(_LANES * alone / many, max(_LANES, math.ceil(shared / each / _OVERHEAD)))


def _fastest(alone: Callable[[], object], *packed: Callable[[], object]) -> list[float]:
    """Seconds of each, the fastest of several runs in turn.

    What else runs on the machine only makes them slower. Where lanes are clearly ahead, or a run
    takes long, fewer runs will do.
    """
    works = (alone, *packed)
    for work in works:
        work()  # the first one warms up
    seconds = [math.inf] * len(works)
    for turn in range(_TIMES):
        for place, work in enumerate(works):
            began = time.perf_counter()
            work()
            seconds[place] = min(seconds[place], time.perf_counter() - began)
        if turn and (_LANES * seconds[0] > _CLEAR * seconds[-1] or sum(seconds) > _LONG):
            break
    return seconds


def room_for(lane: Lane, device: str, *, has_own_data: bool = False) -> int:
    """How many lanes like this one memory has room for.

    A lane has its parameters, their gradients and states (as `stack` keeps them, and once more in
    its module), and for each row of a batch what its layers put out, with gradients and masks.
    """
    assert lane.parked is not None
    item = lane.parked.rows.element_size()
    values = lane.recording.values if lane.recording else 0
    if lane.program:
        values = max(lane.batch_sizes) * sum(lane.program.widths)
    bytes_each = 2 * lane.parked.rows.nbytes + 4 * values * item
    if has_own_data:
        data = (lane.data.x_train, lane.data.x_val)
        bytes_each += sum(x.nbytes for x in data if isinstance(x, Tensor))
    return max(1, int(_MEMORY * _free(device) / bytes_each))


def _free(device: str) -> float:
    """Bytes that this process may count on."""
    if device.startswith("cuda"):
        import torch

        return float(torch.cuda.mem_get_info(device)[0])
    import psutil

    return float(psutil.virtual_memory().available) / (os.cpu_count() or 1)
