"""Records the learning curves in `curves/`: what samplers and schedulers are replayed on.

    python benchmarks/record_curves.py [--workloads table,image,series,text] [--configs 1000]
        [--seeds 3]

Each workload is a sweep file in `curves/`. Its configurations are drawn at random from its space
(seed 0) and train as lanes of packs for all 27 epochs, each from three seeds. After each epoch the
validation metric is what the trial reports; the test metric is measured beside, on the same
weights, by rows that no trial is given. Chunks of 100 configurations are kept in build/curves/, so
that an interrupted recording goes on where it was; when all of them are there they are written
into `curves/NAME.npz` (the format is `curves.recorded`'s). It takes one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from curves.recorded import ERROR_STEP, FOLDER, NAMES, Curves, write
from lanewise.plan import Plan, make_plan
from lanewise.sweepfile import read
from lanewise.trainables.data.targets import Targets
from lanewise.trainables.metrics.scores import scores_of
from lanewise.trainables.packs.lane import Lane
from lanewise.trainables.packs.pack import Epoch, Pack
from lanewise.trainables.packs.packer import PackedTrial
from lanewise.trainables.packs.pool import Member, Pool

CHUNK = 100  # configurations that train together
PARTIAL = Path(__file__).parent.parent / "build" / "curves"

Config = dict[str, Any]
Values = npt.NDArray[np.float64]  # [configurations, seeds, epochs]


def main(arguments: Sequence[str] | None = None) -> None:
    given = parse(arguments)
    torch.set_num_threads(1)
    for name in given.workloads:
        workload = Workload.open(name)
        write(record(workload, given.configs, given.seeds), workload.steps)


def record(workload: Workload, count: int, seeds: int) -> Curves:
    """All curves of a workload, chunk by chunk."""
    configs, began = workload.configs(count), time.process_time()
    chunks = []
    for first in range(0, count, CHUNK):
        path = PARTIAL / f"{workload.name}-{seeds}-{first}.npz"
        if not path.exists():
            val, test = workload.record(configs[first : first + CHUNK], seeds, first * seeds)
            keep(path, val, test)
            minutes = (time.process_time() - began) / 60
            print(f"{workload.name}: {first + len(val)} of {count}, {minutes:.1f} min", flush=True)
        with np.load(path) as found:
            chunks.append((found["val"], found["test"]))
    val, test = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return workload.curves(configs, val, test)


def keep(path: Path, val: Values, test: Values) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(part, val=val, test=test)
    part.rename(path)


@dataclass(frozen=True)
class Workload:
    """A sweep file's data, space and model; `x_test`, `y_test` are kept from its trials."""

    name: str
    plan: Plan
    x_test: Tensor
    y_test: Tensor

    @classmethod
    def open(cls, name: str) -> Workload:
        plan = make_plan(read(FOLDER / f"{name}.yaml"), FOLDER)
        assert plan.prepared is not None
        assert plan.prepared.test is not None
        info, inputs = plan.prepared.info, plan.prepared.folds[0].preprocess
        x, y = Targets(info.task, info.classes).part(plan.prepared.test, inputs)
        return cls(name, plan, torch.from_numpy(x), torch.from_numpy(y))

    @property
    def metric(self) -> str:
        """The objective's, without its part."""
        return self.plan.spec.objective.metric.removeprefix("val_")

    @property
    def steps(self) -> dict[str, float]:
        """As small as differences of the metric are to be kept; see `curves.recorded`."""
        assert self.plan.prepared is not None
        rows = {"val": len(self.plan.prepared.folds[0].y_val), "test": len(self.y_test)}
        is_share = self.metric == "accuracy"
        return {part: 1 / count if is_share else ERROR_STEP for part, count in rows.items()}

    def configs(self, count: int) -> list[Config]:
        rng = np.random.default_rng(0)
        return [self.plan.spec.space.sample(rng) for _ in range(count)]

    def record(
        self,
        configs: Sequence[Config],
        seeds: int = 3,
        first_seed: int = 0,
        epochs: int | None = None,
    ) -> tuple[Values, Values]:
        """Validation and test curves; NaN from the epoch on in which a replica failed.

        epochs: only the first so many of the sweep file's.
        """
        pool = Pool(self.plan.recipe(), force_packing=True)
        epochs = epochs or pool.recipe.epochs
        shape = len(configs), seeds, epochs
        val, test = np.full(shape, np.nan), np.full(shape, np.nan)
        places: dict[Member, tuple[int, int]] = {}
        for number, config in enumerate(configs):
            for seed in range(seeds):
                member = pool.open(config, first_seed + number * seeds + seed)
                member.until = epochs
                places[member] = number, seed
        while pool.due():
            trained = [member for member in pool.turn() if member.error is None]
            for member, value in zip(trained, self.test(trained), strict=True):
                epoch, metrics = member.rows[-1]
                val[(*places[member], epoch - 1)] = metrics[f"val_{self.metric}"]
                test[(*places[member], epoch - 1)] = value
        return val, test

    def test(self, members: Sequence[Member]) -> list[float]:
        """The test metric of the present weights of lanes in one pack."""
        if not members:
            return []
        lanes = [lane for member in members for lane in lanes_of(member)]
        pack = lanes[0].pack
        assert pack is not None
        assert all(lane.pack is pack for lane in lanes)
        front = pack.lanes[: 1 + max(lane.place for lane in lanes)]
        values = self.scores(pack, Epoch(pack, front))
        return [values[lane.place] for lane in lanes]

    @torch.no_grad()
    def scores(self, pack: Pack, epoch: Epoch) -> list[float]:
        output_KNC = epoch.outputs([self.x_test])
        y_KN = self.y_test.expand(epoch.count, *self.y_test.shape)
        assert self.plan.prepared is not None
        score = scores_of(self.plan.prepared.info.task)[self.metric]
        found: list[float] = score(output_KNC, y_KN, epoch.lanes[0].data.scale).tolist()
        return found

    def curves(self, configs: Sequence[Config], val: Values, test: Values) -> Curves:
        spec = self.plan.spec
        return Curves(
            self.name, spec.space, list(configs), val, test, self.metric, spec.objective.mode
        )


def lanes_of(member: Member) -> list[Lane]:
    if not isinstance(member, PackedTrial):
        raise TypeError(f"it does not train in a pack: {member.alone}")
    return member.replicas


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workloads", type=workloads, default=NAMES)
    parser.add_argument("--configs", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args(arguments)


def workloads(text: str) -> list[str]:
    names = text.split(",")
    if unknown := sorted(set(names) - set(NAMES)):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not of {', '.join(NAMES)}")
    return names


if __name__ == "__main__":
    main()
