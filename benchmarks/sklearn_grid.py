"""The grid of seven optimizers, cv=3, by TuneSearchCV and by scikit-learn's GridSearchCV.

    python benchmarks/sklearn_grid.py [--rounds 5] [--epochs 100] [--contenders NAME,NAME…]

The work is the one that tutorials tune optimizers on: 768 rows of 8 numbers, two classes, a network
8-12-8-1, batches of 10. Each fit is in a process of its own, a round has one of each in turn:

    lanewise        lw.TuneSearchCV(lw.Classifier(…), grid, cv=3, n_jobs=-1)
    lanewise-alone  the same with n_jobs=None: one process, one thread
    torch           GridSearchCV(n_jobs=-1) over a plain loop of PyTorch as an estimator
    skorch          GridSearchCV(n_jobs=-1) over skorch's NeuralNetClassifier, where it is installed

A fit includes the start of processes and the training of the best configuration on all rows. The
table shows the medians of its seconds and of the CPU seconds of all its processes, and the ratios
to lanewise within each round. Everyone standardises the rows once, has the same learning rate and
batches, and each configuration sees them in another order.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import psutil

from comparison.machine import machine, versions

OPTIMIZERS = ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "NAdam")
LR, BATCH, HIDDEN = 0.01, 10, (12, 8)
NAMES = ("lanewise", "lanewise-alone", "torch", "skorch")


def rows() -> tuple[Any, Any]:
    from sklearn.datasets import make_classification

    X, y = make_classification(768, 8, n_informative=5, random_state=0)
    return ((X - X.mean(0)) / X.std(0)).astype(np.float32), y


def network() -> Any:
    from torch import nn

    widths = (8, *HIDDEN)
    layers = [
        layer for wide, narrow in pairwise(widths) for layer in (nn.Linear(wide, narrow), nn.ReLU())
    ]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 1))


# -- the contenders -------------------------------------------------------------------------------


def lanewise(epochs: int, n_jobs: int | None) -> Any:
    import lanewise as lw

    model = lw.Classifier(
        "mlp", hidden=list(HIDDEN), lr=LR, batch_size=BATCH, epochs=epochs, random_state=0
    )
    grid = {"optimizer": [name.lower() for name in OPTIMIZERS]}
    return lw.TuneSearchCV(model, grid, cv=3, n_jobs=n_jobs)


def plain_torch(epochs: int) -> Any:
    from sklearn.model_selection import GridSearchCV

    from comparison.torch_estimator import TorchClassifier

    model = TorchClassifier(network, lr=LR, batch_size=BATCH, epochs=epochs)
    return GridSearchCV(model, {"optimizer": list(OPTIMIZERS)}, cv=3, n_jobs=-1)


def skorch(epochs: int) -> Any:
    import torch
    from sklearn.model_selection import GridSearchCV
    from skorch import NeuralNetBinaryClassifier

    torch.set_num_threads(1)
    model = NeuralNetBinaryClassifier(
        network(), lr=LR, batch_size=BATCH, max_epochs=epochs, train_split=None, verbose=0
    )
    grid = {"optimizer": [getattr(torch.optim, name) for name in OPTIMIZERS]}
    return GridSearchCV(model, grid, cv=3, n_jobs=-1)


MADE: dict[str, Callable[[int], Any]] = {
    "lanewise": lambda epochs: lanewise(epochs, -1),
    "lanewise-alone": lambda epochs: lanewise(epochs, None),
    "torch": plain_torch,
    "skorch": skorch,
}


def fit(name: str, epochs: int) -> dict[str, Any]:
    """One fit in this process: seconds, CPU seconds, and what was best."""
    import torch  # noqa: F401  (everyone needs it; its import is no part of a fit)

    X, y = rows()
    search = MADE[name](epochs)
    before, began = cpu_seconds(), time.perf_counter()
    search.fit(X, y.astype(np.float32) if name == "skorch" else y)
    seconds = time.perf_counter() - began
    best = search.best_params_["optimizer"]
    mean = search.cv_results_["mean_test_score"]
    return {
        "seconds": seconds,
        "cpu": cpu_seconds() - before,
        "best": getattr(best, "__name__", best).lower(),
        "scores": dict(zip([each.lower() for each in OPTIMIZERS], map(float, mean), strict=True)),
    }


def cpu_seconds() -> float:
    me = psutil.Process()
    each = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(times.user + times.system for times in each)


# -- the table ------------------------------------------------------------------------------------


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--epochs", type=int, default=100)
    arguments.add_argument("--contenders", default=",".join(NAMES))
    arguments.add_argument("--fit", choices=NAMES, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.fit:
        print(json.dumps(fit(asked.fit, asked.epochs)))
        return
    names = [name for name in asked.contenders.split(",") if name in NAMES]
    if importlib.util.find_spec("skorch") is None and "skorch" in names:
        names.remove("skorch")
        print("skorch is not installed (pip install 'lanewise[bench]'): it is left out\n")
    rounds = [one_round(names, asked.epochs) for _ in range(asked.rounds)]
    print("| | s | CPU s | times lanewise | times its CPU | best | its score |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        print(row(name, [each[name] for each in rounds], [each[names[0]] for each in rounds]))
    print(
        f"\n7 optimizers, cv=3, {asked.epochs} epochs, medians of {asked.rounds} rounds; ", end=""
    )
    print(f"{machine()}; {versions()}.")


def one_round(names: list[str], epochs: int) -> dict[str, dict[str, Any]]:
    found = {}
    for name in names:
        command = [sys.executable, __file__, "--fit", name, "--epochs", str(epochs)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
        print(f"{name}: {found[name]['seconds']:.1f} s", file=sys.stderr)
    return found


def row(name: str, own: list[dict[str, Any]], base: list[dict[str, Any]]) -> str:
    cells = [f"{statistics.median(each[key] for each in own):.1f}" for key in ("seconds", "cpu")]
    for key in ("seconds", "cpu"):
        ratios = [a[key] / b[key] for a, b in zip(own, base, strict=True)]
        cells.append(f"{statistics.median(ratios):.1f}")
    best = statistics.mode(each["best"] for each in own)
    score = statistics.median(max(each["scores"].values()) for each in own)
    return "| " + " | ".join([name, *cells, best, f"{score:.3f}"]) + " |"


if __name__ == "__main__":
    main()
