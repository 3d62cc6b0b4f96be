"""Whether lanes train faster than one trial after the other: a few steps of each, timed.

That depends on how much of a step is overhead. A network that keeps the processor busy by itself
gains nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from trainables.course import Course
from trainables.lane import Lane
from trainables.pack import Epoch, Pack, join_folds
from trainables.replica import Build, Replica
from trainables.tensors import FoldTensors
from trainables.trial import Recipe

LEAST = 1.1  # below, the difference is noise, and alone is simpler
_LANES, _STEPS, _TIMES = 8, 3, 3


def measure_gain(
    recipe: Recipe,
    build: Build,
    for_build: Mapping[str, Any],
    course: Course,
    data: FoldTensors,
    device: str,
) -> float:
    """Seconds of a few steps of a replica alone, over those of a lane among eight."""
    assert recipe.prepared is not None
    rows = _STEPS * course.config["batch_size"]
    data = replace(data, x_train=data.x_train[:rows], y_train=data.y_train[:rows])
    replica = Replica(
        recipe,
        build,
        for_build,
        course.config,
        recipe.prepared.info,
        data,
        seed=0,
        number=0,
        device=device,
    )
    lanes = [
        Lane(
            recipe,
            build,
            for_build,
            course.config,
            data,
            seed=seed,
            number=0,
            fold=0,
            device=device,
        )
        for seed in range(_LANES)
    ]
    pack = Pack(recipe, join_folds((data,)), lanes[0], lambda pack, why: None)
    for lane in lanes:
        pack.seat(lane)
    epoch = Epoch(pack, lanes)
    return _LANES * _fastest(lambda: replica.train_epoch(1)) / _fastest(epoch.train)


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest run: what others do on the machine only makes it slower."""
    work()  # the first one warms up
    found = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)
