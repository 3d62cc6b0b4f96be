"""One network to train: a configuration on one fold with one seed, before anything is built."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from lanewise.trainables.config import check_data
from lanewise.trainables.data.info import Info
from lanewise.trainables.errors import ConfigError, ModelError
from lanewise.trainables.models import MODELS
from lanewise.trainables.recipe import Recipe, find_build
from lanewise.trainables.training.draws import Draws, own_draws
from lanewise.trainables.training.streams import torch_seed
from lanewise.trainables.training.tensors import FoldTensors
from lanewise.trainables.user_code.module import first_pass, is_unfinished, placed

Build = Callable[[Mapping[str, Any], Info], nn.Module]


@dataclass(frozen=True, eq=False)
class Unit:
    """What a replica is made of, alone (`replica.Replica`) or as a lane (`lane.Lane`).

    given: what `build` gets; config: the same with all defaults, for training.
    number: of the replica in its trial; fold: the number of the fold that `data` are.
    """

    recipe: Recipe
    build: Build
    given: Mapping[str, Any]
    config: Mapping[str, Any]
    data: FoldTensors
    device: str
    seed: int = 0
    number: int = 0
    fold: int = 0

    @property
    def info(self) -> Info:
        if self.recipe.prepared is None:
            raise ConfigError("data", "a model needs data; give a source")
        return self.recipe.prepared.info

    @property
    def dtype(self) -> torch.dtype:
        found: torch.dtype = getattr(torch, self.recipe.dtype)
        return found

    def module(self) -> tuple[nn.Module, Draws]:
        """Built with initial values of the trial's own stream, and what its layers draw from."""
        start, draws = torch_seed(self.seed, self.number, "init", 0), Draws()
        built = build_module(
            self.build,
            self.given,
            self.info,
            seed=start,
            device=self.device,
            dtype=self.recipe.dtype,
        )
        module = own_draws(built, draws)
        if is_unfinished(module):
            with seeded(torch_seed(self.seed, self.number, "init", 1), self.device):
                first_pass(module, self.data.x_train[: self.config["batch_size"]])
        return module, draws


def units(
    recipe: Recipe,
    given: Mapping[str, Any],
    config: Mapping[str, Any],
    folds: Sequence[FoldTensors],
    device: str,
    seed: int,
) -> list[Unit]:
    """A trial's replicas, number = fold · seeds + seed's place.

    Raises:
        ConfigError: the configuration does not suit the data.
    """
    build, for_build = build_for(recipe, given, config)
    made = [
        Unit(recipe, build, for_build, config, data, device, seed, number=0, fold=fold)
        for fold, data in enumerate(folds)
        for _ in range(recipe.seeds)
    ]
    check_data(recipe.model, config, made[0].info)
    return [replace(unit, number=number) for number, unit in enumerate(made)]


def build_for(
    recipe: Recipe, given: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[Build, Mapping[str, Any]]:
    """The build function, and what it gets.

    A built-in model needs its defaults; a user's build gets exactly what the user wrote.
    """
    built_in = recipe.callable is None and recipe.model in MODELS
    return find_build(recipe), config if built_in else given


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Torch's global generators start from `seed` inside, and are as before outside."""
    cuda = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        yield


def build_module(
    build: Build, config: Mapping[str, Any], info: Info, *, seed: int, device: str, dtype: str
) -> nn.Module:
    """The module that `build` returns, with initial values drawn from `seed` in float32.

    `build` gets a copy of `config`: it may change what it is given, and is called for each replica.
    """
    with seeded(seed, device):
        module = build(copy.deepcopy(dict(config)), info)
    if not isinstance(module, nn.Module):
        raise ModelError("model", f"build(config, info) {_returned(module)}")
    return placed(module, device, getattr(torch, dtype))


def _returned(what: object) -> str:
    if what is None:
        return "returned nothing; it has to return an nn.Module"
    if isinstance(what, type):
        return f"returned the class {what.__name__}, not a module: {what.__name__}(…)"
    return f"returned a {type(what).__name__}, not an nn.Module"
