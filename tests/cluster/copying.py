"""A scheduler that copies, and a training function by whose reports one sees what was copied."""

from __future__ import annotations

from lanewise.search.core.events import Continue, Decision, Exploit
from lanewise.search.core.history import History
from lanewise.search.core.spec import Spec

# Its weight is a sum of rates: of all epochs that its weights have seen, whoever trained them.
TRAIN = """
import pathlib, tempfile, time

def train(config, report):
    weight, first = 0.0, 1
    if report.checkpoint:
        weight = float((pathlib.Path(report.checkpoint) / "weight").read_text())
        first = report.epoch + 1
    for epoch in range(first, 7):
        time.sleep(config.get("nap", 0))
        weight += config["lr"]
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "weight").write_text(repr(weight))
            report(epoch, checkpoint=folder, score=weight)
"""


class Copying:
    """Who is the worst at a rung so far goes on with the best one's weights and half its rate."""

    exploits = True

    def __init__(self, spec: Spec) -> None:
        self._rungs = (2, 4, spec.budget.epochs)

    def rungs(self, number: int) -> tuple[int, ...]:
        return self._rungs

    def decide(self, history: History, number: int) -> Decision:
        rung = history.rung_of(number)
        if len(rung) < 2 or rung.better(number) < len(rung) - 1:
            return Continue()
        trial, best = history.trials[number], history.trials[-rung.standings[-1][1]]
        rate = best.params_at(trial.epoch)["lr"] / 2
        return Exploit(best.number, {**trial.params, "lr": rate})

    def next(self, history: History) -> int | None:
        return None


def weight(history: History, number: int, epoch: int) -> float:
    """What that trial must have reported: the training function's sum, by the journal alone."""
    trial = history.trials[number]
    segment = next(s for s in reversed(trial.segments) if s.epoch < epoch or not s.epoch)
    before = 0.0
    if segment.source is not None:
        before = weight(history, segment.source, segment.epoch)
    for _ in range(segment.epoch, epoch):
        before += segment.params["lr"]
    return before


def check_weights(history: History) -> None:
    """Every trial reported each epoch once, of the weights that it was to have."""
    metric = history.objective.metric
    for trial in history:
        assert [epoch for epoch, _ in trial.rows] == list(range(1, trial.epoch + 1))
        for epoch, row in trial.rows:
            assert row[metric] == weight(history, trial.number, epoch), (trial.number, epoch)
