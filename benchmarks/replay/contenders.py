"""Who plays: Lanewise's samplers and schedulers, Optuna's, Ray Tune's and Syne Tune's.

`BY_TRIALS` train every configuration to its end, one after the other, and learn its best loss.
`BY_EPOCHS` may stop a training early, with WORKERS trainings at a time. Lanewise runs as in every
sweep, by its controller on the simulated executor. The others are driven through their public
ask-and-tell interfaces by a loop of the same kind; so are Ray Tune's Searcher and TrialScheduler,
for Ray itself takes 10 ms a trial and seconds to start, and would decide the same.

A session writes down which configuration was trained, and how far, in that order.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from lanewise.search.control.simulate import simulate
from lanewise.search.core.spec import Budget, Objective, Plugin, Spec
from lanewise.search.core.sweep import Run
from lanewise.search.sweeps import make_sweep
from lanewise.spaces import Space
from replay.tasks import Replica

WORKERS = 4
ETA = 3
LOSS = "loss"

Config = Mapping[str, Any]


class Session:
    """One run of a contender.

    losses: of every epoch in the order in which it was trained; rows: whose, and which epoch's.
    """

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.losses: list[float] = []
        self.rows: list[tuple[int, int]] = []

    def epoch(self, config: Config, epoch: int) -> float:
        """Train one epoch; its loss."""
        row = self.replica.task.row(config)
        loss = float(self.replica.losses[row, epoch - 1])
        self.losses.append(loss)
        self.rows.append((row, epoch))
        return loss

    def whole(self, config: Config) -> float:
        """Train a configuration to its end as a single step; the best loss on the way."""
        row = self.replica.task.row(config)
        epoch = int(self.replica.losses[row].argmin())
        loss = float(self.replica.losses[row, epoch])
        self.losses.append(loss)
        self.rows.append((row, epoch + 1))
        return loss


Player = Callable[[Session, int, int], None]  # a session, a seed, how many trials or epochs


# -- Lanewise --------------------------------------------------------------------------------------


def lanewise_by_trials(sampler: str) -> Player:
    def play(session: Session, seed: int, trials: int) -> None:
        spec = _spec(session, Budget(epochs=1, trials=trials), sampler, "none", seed)
        sweep = make_sweep(spec)
        for _ in range(trials):
            run = sweep.ask()
            assert isinstance(run, Run)
            sweep.report(run.number, [(1, {LOSS: session.whole(run.params)})])

    return play


def lanewise_by_epochs(sampler: str, scheduler: str, **options: Any) -> Player:
    def play(session: Session, seed: int, epochs: int) -> None:
        budget = Budget(epochs=session.replica.task.epochs, total_epochs=epochs)
        sweep = make_sweep(_spec(session, budget, sampler, scheduler, seed, options))
        simulate(sweep, lambda c, e: {LOSS: session.epoch(c, e)}, workers=WORKERS)

    return play


def _spec(
    session: Session,
    budget: Budget,
    sampler: str,
    scheduler: str,
    seed: int,
    options: Mapping[str, Any] | None = None,
) -> Spec:
    space, objective = session.replica.task.space, Objective(LOSS, "min")
    plugins = Plugin(sampler), Plugin(scheduler, options or {})
    return Spec(space, (objective,), budget, *plugins, seed=seed)


# -- the others --------------------------------------------------------------------------------


class Peer(ABC):
    """A tuner that is asked and told.

    Args:
        epochs: the most of a trial.
    """

    def __init__(self, space: Space, seed: int, epochs: int) -> None:
        self.space, self.seed, self.epochs = space, seed, epochs

    @abstractmethod
    def ask(self, number: int) -> Config:
        """The configuration of a new trial."""

    @abstractmethod
    def report(self, number: int, epoch: int, loss: float) -> bool:
        """Takes in an epoch that is not the last one; whether the trial goes on."""

    @abstractmethod
    def end(self, number: int, epoch: int, loss: float, best: float) -> None:
        """The trial is over. loss: of its last epoch, not reported before; best: of all."""


def by_trials(make: type[Peer], **options: Any) -> Player:
    def play(session: Session, seed: int, trials: int) -> None:
        peer = make(session.replica.task.space, seed, 1, **options)
        for number in range(trials):
            loss = session.whole(peer.ask(number))
            peer.end(number, 1, loss, loss)

    return play


def by_epochs(make: type[Peer], **options: Any) -> Player:
    def play(session: Session, seed: int, epochs: int) -> None:
        most = session.replica.task.epochs
        peer, numbers = make(session.replica.task.space, seed, most, **options), itertools.count()
        slots: list[Training | None] = [None] * WORKERS
        for place in itertools.islice(itertools.cycle(range(WORKERS)), epochs):
            training = slots[place] or Training(peer, next(numbers))
            slots[place] = training if training.advance(session, most) else None

    return play


class Training:
    """A trial of a peer's under way."""

    def __init__(self, peer: Peer, number: int) -> None:
        self.peer, self.number = peer, number
        self.config = peer.ask(number)
        self.losses: list[float] = []

    def advance(self, session: Session, most: int) -> bool:
        """Train one more epoch; whether there is another one."""
        epoch = len(self.losses) + 1
        loss = session.epoch(self.config, epoch)
        self.losses.append(loss)
        if epoch < most and self.peer.report(self.number, epoch, loss):
            return True
        self.peer.end(self.number, epoch, loss, min(self.losses))
        return False


class Optuna(Peer):
    """A study in memory. sampler: makes it from a seed; halving: with its successive halving."""

    def __init__(
        self, space: Space, seed: int, epochs: int, sampler: str, *, halving: bool = False
    ) -> None:
        import optuna

        super().__init__(space, seed, epochs)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        pruner: Any = optuna.pruners.NopPruner()
        if halving:
            pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=ETA)
        made = getattr(optuna.samplers, sampler)(seed=seed)
        self.study = optuna.create_study(sampler=made, pruner=pruner)
        self.trials: dict[int, Any] = {}
        self.pruned = optuna.trial.TrialState.PRUNED

    def ask(self, number: int) -> Config:
        self.trials[number] = trial = self.study.ask()
        return self.space.suggest(trial)

    def report(self, number: int, epoch: int, loss: float) -> bool:
        trial = self.trials[number]
        trial.report(loss, epoch)
        return not trial.should_prune()

    def end(self, number: int, epoch: int, loss: float, best: float) -> None:
        trial = self.trials.pop(number)
        if epoch < self.epochs:
            self.study.tell(trial, state=self.pruned)
        else:
            self.study.tell(trial, best)


class RayTune(Peer):
    """OptunaSearch with ASHA, as Ray's documentation combines them."""

    def __init__(self, space: Space, seed: int, epochs: int) -> None:
        import optuna
        from ray.tune.schedulers import ASHAScheduler
        from ray.tune.search.optuna import OptunaSearch

        super().__init__(space, seed, epochs)
        self.search = OptunaSearch(
            lambda trial: {"config": space.suggest(trial)}, metric=LOSS, mode="min", seed=seed
        )
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.scheduler = ASHAScheduler(
            metric=LOSS, mode="min", max_t=epochs, grace_period=1, reduction_factor=ETA
        )

    def ask(self, number: int) -> Config:
        self.scheduler.on_trial_add(None, _ray_trial(number))
        config: Config = self.search.suggest(str(number))["config"]
        return config

    def report(self, number: int, epoch: int, loss: float) -> bool:
        result = _ray_result(epoch, loss)
        if self.scheduler.on_trial_result(None, _ray_trial(number), result) != "CONTINUE":
            return False
        self.search.on_trial_result(str(number), result)
        return True

    def end(self, number: int, epoch: int, loss: float, best: float) -> None:
        result = _ray_result(epoch, loss)
        self.scheduler.on_trial_complete(None, _ray_trial(number), result)
        self.search.on_trial_complete(str(number), result)


def _ray_trial(number: int) -> Any:
    return SimpleNamespace(trial_id=str(number))


def _ray_result(epoch: int, loss: float) -> dict[str, Any]:
    return {"training_iteration": epoch, LOSS: loss}


class SyneTune(Peer):
    """A scheduler of `syne_tune.optimizer.baselines`.

    Its spaces are flat: parameters of options that are not chosen are drawn and ignored.
    """

    def __init__(self, space: Space, seed: int, epochs: int, baseline: str) -> None:
        from syne_tune.optimizer import baselines

        super().__init__(space, seed, epochs)
        self.options: dict[str, list[Any]] = {}
        domains = {axis.name: self._domain(axis.name, axis.parameter) for axis in space.axes}
        more = {"time_attr": "epoch", "max_t": epochs} if baseline in ("ASHA", "BOHB") else {}
        make = getattr(baselines, baseline)
        self.scheduler = make(domains, metric=LOSS, do_minimize=True, random_seed=seed, **more)
        self.trials: dict[int, Any] = {}

    def _domain(self, name: str, parameter: Any) -> Any:
        from optuna.distributions import CategoricalDistribution, IntDistribution
        from syne_tune import config_space

        known = parameter.distribution()
        if isinstance(known, CategoricalDistribution):
            self.options[name] = list(known.choices)
            return config_space.choice([str(place) for place in range(len(known.choices))])
        whole = isinstance(known, IntDistribution)
        makes = (config_space.randint, config_space.lograndint)
        if not whole:
            makes = (config_space.uniform, config_space.loguniform)
        return makes[known.log](known.low, known.high)

    def ask(self, number: int) -> Config:
        from syne_tune.backend.trial_status import Trial

        values = dict(self.scheduler.suggest().config)
        self.trials[number] = trial = Trial(number, values, datetime.now())
        self.scheduler.on_trial_add(trial)
        options = self.options
        return self.space.config(
            {name: options[name][int(v)] if name in options else v for name, v in values.items()}
        )

    def report(self, number: int, epoch: int, loss: float) -> bool:
        result = {LOSS: loss, "epoch": epoch}
        return bool(self.scheduler.on_trial_result(self.trials[number], result) == "CONTINUE")

    def end(self, number: int, epoch: int, loss: float, best: float) -> None:
        result = {LOSS: best if self.epochs == 1 else loss, "epoch": epoch}
        if epoch == self.epochs:
            self.scheduler.on_trial_complete(self.trials.pop(number), result)


BY_TRIALS: dict[str, Player] = {
    "random": lanewise_by_trials("random"),
    "tpe": lanewise_by_trials("tpe"),
    "gp": lanewise_by_trials("gp"),
    "cmaes": lanewise_by_trials("cmaes"),
    "Optuna TPE": by_trials(Optuna, sampler="TPESampler"),
    "Optuna GP": by_trials(Optuna, sampler="GPSampler"),
    "Optuna CMA-ES": by_trials(Optuna, sampler="CmaEsSampler"),
    "Syne Tune TPE": by_trials(SyneTune, baseline="TPE"),
}
BY_EPOCHS: dict[str, Player] = {
    "random, none": lanewise_by_epochs("random", "none"),
    "random, asha": lanewise_by_epochs("random", "asha", eta=ETA),
    "tpe, none": lanewise_by_epochs("tpe", "none"),
    "tpe, asha": lanewise_by_epochs("tpe", "asha", eta=ETA),
    "tpe, asha promoting": lanewise_by_epochs("tpe", "asha", eta=ETA, promote=True),
    "tpe, hyperband": lanewise_by_epochs("tpe", "hyperband", eta=ETA),
    "cmaes, asha": lanewise_by_epochs("cmaes", "asha", eta=ETA),
    "Optuna TPE, halving": by_epochs(Optuna, sampler="TPESampler", halving=True),
    "Ray OptunaSearch, ASHA": by_epochs(RayTune),
    "Syne Tune ASHA": by_epochs(SyneTune, baseline="ASHA"),
    "Syne Tune BOHB": by_epochs(SyneTune, baseline="BOHB"),
}
