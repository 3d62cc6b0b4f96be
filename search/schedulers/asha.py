"""ASHA: asynchronous successive halving, without waiting for a full rung.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020. Their Algorithm 2
promotes a configuration when it is in the top 1/eta of its rung (``top_k(rung, |rung| / eta)``),
highest rung first, and begins a new one where there is none. The stopping variant asks the same
question once, when a trial reaches the rung, and stops it otherwise; so no trial is ever paused.
"""

from __future__ import annotations

from lanewise.search.core.events import Continue, Decision, Pause, Stop
from lanewise.search.core.history import History
from lanewise.search.core.rungs import Rung, geometric
from lanewise.search.core.spec import Spec
from lanewise.search.schedulers.options import check_flag, check_whole


class ASHA:
    """Lets a trial go on from a rung if it is in the top 1/eta of all that have reached the rung.

    Args:
        eta: how many trials reach a rung for one that goes on.
        min_epochs: the first rung, at most the epochs of a trial.
        promote: whether the others pause, and may go on once more trials stand below them;
            else they stop.

    Raises:
        SearchError: for another eta, min_epochs or promote.
    """

    def __init__(
        self, spec: Spec, eta: int = 3, min_epochs: int = 1, promote: bool = False
    ) -> None:
        check_whole("eta", eta, 2)
        check_whole("min_epochs", min_epochs, 1, spec.budget.epochs, "epochs")
        check_flag("promote", promote)
        self.trials = spec.budget.trials
        self.eta = eta
        self.promote = promote
        self._rungs = geometric(min_epochs, eta, spec.budget.epochs)

    def rungs(self, number: int) -> tuple[int, ...]:
        return self._rungs

    def decide(self, history: History, number: int) -> Decision:
        rung = history.rung_of(number)
        if self.promote:
            is_on_top = rung.better(number) < self._promoted(history, rung)
            return Continue() if is_on_top else Pause()
        top = max(1, len(rung) // self.eta)  # the best so far always goes on
        if rung.score(number) < rung.best(top):
            return Stop(f"rung {history.trials[number].rung}")
        return Continue()

    def next(self, history: History) -> int | None:
        for epoch in reversed(self._rungs[:-1]):
            rung = history.rung(self._rungs, epoch)
            # The best one that is paused: where it is not on top, none is.
            promoted = self._promoted(history, rung)
            if rung.paused and rung.better(-rung.paused[-1][1]) < promoted:
                return -rung.paused[-1][1]
        return None

    def _promoted(self, history: History, rung: Rung) -> int:
        """How many of a rung go on. Once all trials have begun, at least its best one does.

        The paper's stream of configurations never ends; without this, eight trials would end with
        two at the second rung and none beyond it.
        """
        return max(int(history.has_all_begun(self.trials)), len(rung) // self.eta)
