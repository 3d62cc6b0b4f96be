"""Trains a Lightning module in a Lanewise trial, without Lightning's Trainer. Copy it as it is.

    def train(config, report):
        seed_all(report.seed, 0)                     # before the module draws its weights
        module = MyModule(**config)
        fit(module, train_loader, val_loader, report, epochs=27)

What the module logs becomes the epoch's metrics: `self.log("val_loss", ...)` is `val_loss` in the
sweep file. What steps log is averaged over the epoch, weighted by rows; a torchmetrics object is
computed at its end. Every epoch ends with a checkpoint to go on from.

Not here: manual optimization, several optimizers, mixed precision, accumulated gradients, several
devices. For gradient clipping, override `on_before_optimizer_step` in your module.
"""

import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau


def fit(module, train_batches, val_batches, report, *, epochs, device=None) -> None:
    """Train up to `epochs`, or until `report` ends the trial; goes on from `report.checkpoint`.

    train_batches, val_batches: a DataLoader, or a list of batches.
    device: by default the GPU, if there is one.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    loop = Loop(module.to(device), device, steps=len(train_batches), epochs=epochs)
    if report.checkpoint:
        loop.restore(Path(report.checkpoint))
    loop.hook("on_fit_start")
    loop.hook("on_train_start")
    for epoch in range(report.epoch + 1, epochs + 1):
        seed_all(report.seed, epoch)  # an epoch draws the same, whatever ran before it
        metrics = loop.epoch(epoch, train_batches, val_batches)
        with tempfile.TemporaryDirectory() as folder:
            loop.save(Path(folder))
            report(epoch, checkpoint=folder, **metrics)  # may raise: the trial is over
    loop.hook("on_train_end")
    loop.hook("on_fit_end")


def seed_all(seed: int, epoch: int) -> None:
    """Seed torch, numpy and random, by both numbers."""
    drawn = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    torch.manual_seed(drawn)
    np.random.seed(drawn)
    random.seed(drawn)


class Loop:
    """The module with its optimizer and schedules; an epoch in the order of Lightning's hooks."""

    def __init__(self, module, device, *, steps, epochs) -> None:
        if not getattr(module, "automatic_optimization", True):
            raise ValueError("manual optimization: the adapter drives the optimizer itself")
        self.module, self.device = module, device
        # What modules ask self.trainer for; self.current_epoch and self.global_step come from it.
        module.trainer = self.trainer = SimpleNamespace(
            current_epoch=0,
            global_step=0,
            max_epochs=epochs,
            num_training_batches=steps,
            estimated_stepping_batches=steps * epochs,
            sanity_checking=False,
            is_global_zero=True,
            logger=None,
            loggers=[],
        )
        self.hook("setup", "fit")
        self.optimizer, self.schedules = configured(module)

    def hook(self, name, *arguments) -> None:
        if hasattr(self.module, name):
            getattr(self.module, name)(*arguments)

    def epoch(self, epoch, train_batches, val_batches) -> dict[str, float]:
        self.trainer.current_epoch = epoch - 1
        trained = self.listen(Logged())
        self.hook("on_train_epoch_start")
        for number, batch in enumerate(train_batches):
            trained.rows = rows(batch)
            self.step(moved(batch, self.device), number)
        self.rate("epoch", epoch)
        validated = self.validate(val_batches)
        self.listen(trained)
        self.hook("on_train_epoch_end")
        metrics = {**trained.means(), **validated.means()}
        self.rate("epoch", epoch, metrics)
        return metrics

    def listen(self, logged: "Logged") -> "Logged":
        logged.rows = 1
        self.module.log, self.module.log_dict = logged, logged.log_dict
        return logged

    def step(self, batch, number) -> None:
        self.module.train()
        self.hook("on_train_batch_start", batch, number)
        found = self.module.training_step(batch, number)
        loss = found["loss"] if isinstance(found, Mapping) else found
        if loss is not None:  # None skips the batch
            self.optimizer.zero_grad()
            loss.backward()
            self.hook("on_before_optimizer_step", self.optimizer)
            self.optimizer.step()
            self.trainer.global_step += 1
        self.rate("step", number + 1)
        self.hook("on_train_batch_end", found, batch, number)

    @torch.no_grad()
    def validate(self, batches) -> "Logged":
        self.module.eval()
        logged = self.listen(Logged())
        self.hook("on_validation_epoch_start")
        for number, batch in enumerate(batches):
            logged.rows = rows(batch)
            self.module.validation_step(moved(batch, self.device), number)
        logged.rows = 1
        self.hook("on_validation_epoch_end")
        return logged

    def rate(self, interval, count, metrics=None) -> None:
        """Step the schedules that are due; those on a plateau once there are metrics."""
        for each in self.schedules:
            is_plateau = isinstance(each.scheduler, ReduceLROnPlateau)
            is_due = each.interval == interval and count % each.frequency == 0
            if is_due and is_plateau == (metrics is not None):
                each.scheduler.step(*([metrics[each.monitor]] if is_plateau else []))

    def save(self, folder: Path) -> None:
        state = {
            "state_dict": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedules": [each.scheduler.state_dict() for each in self.schedules],
            "global_step": self.trainer.global_step,
        }
        self.hook("on_save_checkpoint", state)
        torch.save(state, folder / "module.pt")

    def restore(self, folder: Path) -> None:
        # weights_only: tensors and plain values; a file that would run code is refused.
        state = torch.load(folder / "module.pt", map_location=self.device, weights_only=True)
        self.hook("on_load_checkpoint", state)
        self.module.load_state_dict(state["state_dict"])
        self.optimizer.load_state_dict(state["optimizer"])
        for each, kept in zip(self.schedules, state["schedules"], strict=True):
            each.scheduler.load_state_dict(kept)
        self.trainer.global_step = state["global_step"]


class Logged:
    """What was logged in a part of an epoch; it stands in for the module's `log`."""

    def __init__(self) -> None:
        self.rows = 1  # of the batch under way
        self.kept: dict[
            str, Any
        ] = {}  # a name's (sum of value × rows, rows), or torchmetrics object

    def __call__(self, name, value, *_, batch_size=None, reduce_fx="mean", **flags) -> None:
        if reduce_fx != "mean":
            raise ValueError(f"log({name!r}): the adapter averages, reduce_fx must be 'mean'")
        if hasattr(value, "compute"):
            self.kept[name] = value
            return
        weight = batch_size or self.rows
        total, weights = self.kept.get(name, (0.0, 0))
        value = torch.as_tensor(value, dtype=torch.float64).detach()  # stays where it is
        self.kept[name] = (total + value * weight, weights + weight)

    def log_dict(self, values, *arguments, **flags) -> None:
        for name, value in values.items():
            self(name, value, *arguments, **flags)

    def means(self) -> dict[str, float]:
        found = {}
        for name, kept in self.kept.items():
            if isinstance(kept, tuple):
                found[name] = float(kept[0] / kept[1])
            else:
                found[name] = float(kept.compute())
                kept.reset()
        return found


@dataclass
class Schedule:
    """A learning rate's schedule with Lightning's settings for it."""

    scheduler: Any
    interval: str = "epoch"
    frequency: int = 1
    monitor: str | None = None
    reduce_on_plateau: bool = False  # seen from the scheduler's class
    strict: bool = True  # always
    name: str | None = None  # for a monitor of rates, which is not here

    def __post_init__(self) -> None:
        is_plateau = isinstance(self.scheduler, ReduceLROnPlateau)
        if is_plateau and (self.monitor is None or self.interval != "epoch"):
            raise ValueError("ReduceLROnPlateau needs a monitor, and interval='epoch'")


def configured(module) -> tuple[torch.optim.Optimizer, list[Schedule]]:
    """What `configure_optimizers` gives, in any of its forms: an optimizer, two lists, a dict."""
    found, schedules = module.configure_optimizers(), []
    if isinstance(found, Mapping):
        schedules = [found["lr_scheduler"]] if found.get("lr_scheduler") else []
        found = found["optimizer"]
    elif isinstance(found, tuple | list) and found and isinstance(found[0], tuple | list):
        found, schedules = found
    optimizers = found if isinstance(found, tuple | list) else [found]
    if len(optimizers) != 1 or not isinstance(optimizers[0], torch.optim.Optimizer):
        raise ValueError(f"configure_optimizers must give one optimizer, not {found!r:.200}")
    return optimizers[0], [Schedule(**s) if isinstance(s, dict) else Schedule(s) for s in schedules]


def rows(batch) -> int:
    """Of the first tensor in a batch."""
    if isinstance(batch, Mapping):
        batch = list(batch.values())
    if isinstance(batch, tuple | list) and batch:
        return rows(batch[0])
    return batch.shape[0] if isinstance(batch, torch.Tensor) and batch.ndim else 1


def moved(batch, device):
    """The batch on the device: tensors in lists, tuples and dicts, or whatever has a `to`."""
    if hasattr(batch, "to"):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {name: moved(part, device) for name, part in batch.items()}
    return [moved(part, device) for part in batch] if isinstance(batch, tuple | list) else batch
