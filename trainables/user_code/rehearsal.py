"""A user's `build` tried on a few rows before the first trial.

It shows which names of the space nothing reads, whether what `build` returns can be trained, and
whether a trained module, stored and loaded, still is what was trained.
"""

from __future__ import annotations

import contextlib
import copy
import random
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lanewise.trainables.checkpoints import files as checkpoints
from lanewise.trainables.checkpoints.trained import load_state
from lanewise.trainables.config import TRAINING, complete
from lanewise.trainables.data.dataset import Fold
from lanewise.trainables.data.table import Array
from lanewise.trainables.data.unread import Unread
from lanewise.trainables.errors import CheckpointError, ModelError, listing, nearest
from lanewise.trainables.recipe import Recipe, find_build
from lanewise.trainables.synonyms import SYNONYMS
from lanewise.trainables.training.model_trial import threads
from lanewise.trainables.training.replica import Replica, forward
from lanewise.trainables.training.streams import torch_seed
from lanewise.trainables.training.tensors import FoldTensors
from lanewise.trainables.training.unit import Unit, build_module, seeded
from lanewise.trainables.user_code.mentions import mentions_of
from lanewise.trainables.user_code.reading import Watched

ROWS = 8
_STEPS = 2
_BUILDS, _BUILD_SECONDS = 32, 5.0  # the most that are made to learn which names are read
_PASSES, _PASS_SECONDS = 8, 2.0  # of these, how many are trained, stored and loaded as well
_LARGE = 20_000_000  # parameters above which none is: a pass of it takes too long
_COARSE = {torch.float16: 2e-2, torch.bfloat16: 5e-2}


class _LostError(Exception):
    """What was trained is not what is loaded: why, in a line."""


@dataclass
class _Findings:
    """What became of the configurations that were tried."""

    read: set[str] = field(default_factory=set)
    is_whole: bool = False  # some build took its configuration as a whole
    is_cut: bool = False  # there were more configurations than time
    built: int = 0
    mistakes: list[ModelError] = field(default_factory=list)  # against what is asked of a build
    bugs: list[Exception] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def rehearse(
    recipe: Recipe, configs: Sequence[Mapping[str, Any]], paths: Mapping[str, str]
) -> list[str]:
    """Try a user's `build` with configurations of the space.

    A bug in it is left to the trials, which show its traceback; so is what needs a GPU.

    Args:
        configs: the space's corners, without the recipe's fixed settings.
        paths: the key path of each name that a configuration has ("space.width").

    Returns:
        What a person should know, a sentence each.

    Raises:
        ModelError: `build` cannot be called, returns what cannot be trained, loses a part of what
            it learns, or leaves a name unread that nothing else reads. One line.
    """
    build = find_build(recipe)
    found = _Findings()
    with _unnoticed(), threads(recipe.threads):
        _try_all(recipe, build, configs, set(paths) - set(TRAINING), found)
    if not found.built and found.mistakes:
        raise found.mistakes[0]
    if not found.built and isinstance(build, type) and found.bugs:
        _refuse_class(build, found.bugs)
    notes = list(dict.fromkeys(found.notes))
    if found.built:
        notes += _unread(build, paths, found, recipe.model or "build")
    return notes


def _try_all(
    recipe: Recipe,
    build: Callable[..., Any],
    configs: Sequence[Mapping[str, Any]],
    names: set[str],
    found: _Findings,
) -> None:
    began = time.monotonic()
    for place, config in enumerate(configs):
        seconds = time.monotonic() - began
        is_trained = place < _PASSES and seconds < _PASS_SECONDS
        if not is_trained and (found.is_whole or names <= found.read):
            return
        if place >= _BUILDS or seconds >= _BUILD_SECONDS:
            found.is_cut = True
            return
        own = copy.deepcopy({**recipe.fixed, **config})
        watched = Watched(copy.deepcopy(own))
        try:
            if is_trained:
                found.notes += _pass(recipe, build, watched, own)
            else:
                _build(recipe, lambda info, given=watched: build(given, info), 0)
            found.built += 1
        except _LostError as error:
            raise ModelError("model", str(error)) from None
        except ModelError as error:
            found.mistakes.append(error)
        except Exception as error:
            found.bugs.append(error)
        found.read |= watched.read
        found.is_whole |= watched.is_whole


def _build(recipe: Recipe, build: Callable[..., Any], seed: int) -> nn.Module:
    assert recipe.prepared is not None
    start = torch_seed(seed, 0, "init", 0)
    info = recipe.prepared.info
    return build_module(
        lambda _, info: build(info), {}, info, seed=start, device="cpu", dtype=recipe.dtype
    )


def _pass(
    recipe: Recipe, build: Callable[..., Any], watched: Watched, own: Mapping[str, Any]
) -> list[str]:
    """Train a module for two steps, store it, load it, and compare what both put out."""
    assert recipe.prepared is not None
    data, info = _few(recipe.prepared.folds[0], recipe.dtype), recipe.prepared.info
    config = complete(recipe.model, own) | {
        "batch_size": max(2, len(data.x_train) // _STEPS),
        "sampling": None,
        "class_weight": None,
        "precision": "float32",
    }
    on_cpu = replace(recipe, device="cpu")
    unit = Unit(on_cpu, lambda _, info: build(watched, info), {}, config, data, "cpu")
    replica = Replica(unit)
    if sum(p.numel() for p in replica.params) > _LARGE:
        return []
    replica.train_epoch(1)
    outputs = [_output(replica.module, data, info.outputs) for _ in range(2)]
    if not all(output.isfinite().all() for output in outputs):
        return []  # it diverges with this configuration: nothing can be told
    if not torch.equal(*outputs):
        return [
            "two evaluations of the same weights differ: the forward pass is random or remembers "
            "outside of training, so best.model need not give best.metrics again"
        ]
    replica.keep_best()
    loaded = _build(recipe, lambda info: build(copy.deepcopy(dict(own)), info), unit.seed)
    try:
        with tempfile.TemporaryDirectory() as folder:
            checkpoints.write(Path(folder) / "c", replica.tensors(), {})
            tensors, _ = checkpoints.read(Path(folder) / "c")
        load_state(loaded, tensors, "best.", info, recipe.dtype)
        again = _output(loaded, data, info.outputs)
    except CheckpointError as error:
        why = str(error).removeprefix("the checkpoint is of another model: ")
        raise _LostError(f"a trained module could not be loaded again: {why}") from None
    except ModelError:
        raise
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise _LostError(f"a trained module could not be loaded again: {why}") from error
    _compare(replica.module, loaded, outputs[0], again)
    return []


def _few(fold: Fold, dtype: str) -> FoldTensors:
    """Some rows of each part."""

    def rows(x: Array | Unread) -> Tensor:
        numbers = np.unique(np.linspace(0, len(x) - 1, ROWS).astype(int))
        made = torch.from_numpy(x.read(numbers) if isinstance(x, Unread) else x[numbers].copy())
        return made.to(getattr(torch, dtype)) if made.is_floating_point() else made

    std = fold.preprocess.target_std
    scale = std if isinstance(std, float) else torch.tensor(std, dtype=torch.float64)
    x_train, y_train = rows(fold.x_train), rows(fold.y_train)
    if not len(fold.x_val):
        return FoldTensors(x_train, y_train, x_train, y_train, scale)
    return FoldTensors(x_train, y_train, rows(fold.x_val), rows(fold.y_val), scale)


def _output(module: nn.Module, data: FoldTensors, outputs: int) -> Tensor:
    with seeded(0, "cpu"):
        return forward(module, data.x_val, outputs)


def _compare(trained: nn.Module, loaded: nn.Module, was: Tensor, now: Tensor) -> None:
    """Raise _LostError where a loaded module puts out something else than the trained one."""
    if torch.equal(was, now):
        return
    attribute = _differing_attribute(trained, loaded)
    tolerance = max((_COARSE.get(p.dtype, 1e-4) for p in trained.parameters()), default=1e-4)
    if attribute is None and (was - now).abs().max() <= tolerance * (1 + was.abs().max()):
        return  # rounding
    what = "a part of what the module learns is lost when it is stored"
    if attribute is not None:
        owner, name = attribute
        what = f"{owner}.{name} changes and is not stored, neither parameter nor buffer"
    raise _LostError(
        f"best.model would not be what was trained: {what} (use nn.Parameter, nn.ModuleList, "
        "register_buffer or get_extra_state)"
    )


def _differing_attribute(one: nn.Module, other: nn.Module) -> tuple[str, str] | None:
    """(class, attribute) of the first plain attribute that two modules of one kind have unlike."""
    others = dict(other.named_modules())
    for place, part in one.named_modules():
        twin = others.get(place)
        if twin is None or type(twin) is not type(part):
            continue
        for name, value in vars(part).items():
            if name.startswith("_") or name == "training":
                continue
            if _differ(value, vars(twin).get(name)):
                return type(part).__name__, name
    return None


def _differ(one: Any, other: Any, depth: int = 3) -> bool:
    """Whether two plain values, tensors, or lists or mappings of them are known to differ."""
    if isinstance(one, Tensor | np.ndarray) and isinstance(other, type(one)):
        first, second = torch.as_tensor(one), torch.as_tensor(other)
        return first.shape != second.shape or not torch.equal(first, second)
    if isinstance(one, nn.Module) and isinstance(other, nn.Module):  # in a list, not registered
        pairs = zip(one.parameters(), other.parameters(), strict=False)
        return any(_differ(a.detach(), b.detach()) for a, b in pairs)
    if type(one) is not type(other):
        is_plain = isinstance(one, Tensor | np.ndarray | int | float | str | list | dict)
        return is_plain or (one is None and other is not None)
    if isinstance(one, Mapping) and depth:
        keys = one.keys() | other.keys()
        return any(_differ(one.get(k), other.get(k), depth - 1) for k in keys)
    if isinstance(one, list | tuple) and depth:
        pairs = zip(one, other, strict=False)
        return len(one) != len(other) or any(_differ(a, b, depth - 1) for a, b in pairs)
    return isinstance(one, bool | int | float | str) and one != other


def _refuse_class(build: type, bugs: Sequence[Exception]) -> None:
    """A class as `build` that takes other things than (config, info), whatever they are called."""
    if all(isinstance(bug, TypeError) for bug in bugs):
        name, why = build.__name__, " ".join(str(bugs[0]).split())
        message = (
            f"{name}(config, info) raised TypeError: {why}; give a function that makes it: "
            f"lambda config, info: {name}(…)"
        )
        raise ModelError("model", message) from bugs[0]


def _unread(
    build: Callable[..., Any], paths: Mapping[str, str], found: _Findings, reference: str
) -> list[str]:
    """Refuse names that nothing can read, and say which are not known to be read."""
    own = [name for name in paths if name not in TRAINING]
    left = own if found.is_whole else [name for name in own if name not in found.read]
    if not left:
        return []
    mentions = mentions_of(build)
    if found.is_whole:
        # It may go anywhere with `**config`: only what others call one of ours is worth a word.
        strange = [n for n in left if n not in mentions and _means_ours(n)]
        return [f"{paths[n]}: perhaps nothing reads it{nearest(n, TRAINING)}" for n in strange]
    who = "build" if reference.startswith("python:") else reference
    known = {*TRAINING, *(name for name in found.read if name not in paths)}
    is_sure = not (found.is_cut or found.bugs or found.mistakes)
    notes = []
    for name in left:
        hint = nearest(name, known)
        if is_sure and name not in mentions:
            names = listing(TRAINING, limit=40)
            message = f"nothing reads it{hint} ({who} does not; the training loop reads {names})"
            raise ModelError(paths[name], message)
        tried = f"{found.built} configuration{'s' * (found.built != 1)} tried beforehand"
        notes.append(f"{paths[name]}: {who} read it in none of {tried}{hint}")
    return notes


def _means_ours(name: str) -> bool:
    """Whether others call a hyperparameter of the training loop so."""
    return any(n in TRAINING for n in SYNONYMS.get(name.replace("_", "").lower(), ()))


@contextlib.contextmanager
def _unnoticed() -> Iterator[None]:
    """Random numbers of this process go on as if nothing had been tried; no warning is said."""
    python, numpy_state = random.getstate(), np.random.get_state()
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_state)
