"""Whether lanes train faster than one trial after the other: a few steps of each, timed.

That depends on how much of a step is overhead. A network that keeps the processor busy by itself
gains nothing.
"""

from __future__ import annotations

import math
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
_LANES, _STEPS, _TIMES = 8, 3, 6
_CLEAR = 1.5  # a gain at which there is nothing to doubt
_LONG = 1.0  # seconds


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
    return _LANES * _ratio(lambda: replica.train_epoch(1), epoch.train)


def _ratio(one: Callable[[], object], other: Callable[[], object]) -> float:
    """Seconds of one over those of the other, each the fastest of several runs in turn.

    What else runs on the machine only makes them slower. Where lanes are clearly ahead, or a run
    takes long, fewer runs will do.
    """
    one()  # the first ones warm up
    other()
    seconds = [math.inf, math.inf]
    for turn in range(_TIMES):
        for place, work in enumerate((one, other)):
            began = time.perf_counter()
            work()
            seconds[place] = min(seconds[place], time.perf_counter() - began)
        if turn and (_LANES * seconds[0] > _CLEAR * seconds[1] or sum(seconds) > _LONG):
            break
    return seconds[0] / seconds[1]
