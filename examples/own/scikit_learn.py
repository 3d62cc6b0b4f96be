"""Training without PyTorch. `lanewise run examples/own/scikit_learn.yaml`

A linear classifier of scikit-learn, by `partial_fit`: one pass over the rows is an epoch. Search,
early stopping, resume, failures and MLflow are the same as for a network.
"""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

EPOCHS = 27  # as budget.epochs; the scheduler ends most trials earlier, inside report()


def train(config, report):
    x, y, x_val, y_val = rows()
    model = SGDClassifier(
        loss="log_loss",
        penalty="elasticnet",
        alpha=config.get("alpha", 1e-4),
        l1_ratio=config.get("l1_ratio", 0.15),
        learning_rate="invscaling",
        eta0=config.get("eta0", 0.1),
        power_t=config.get("power_t", 0.25),
    )
    if report.checkpoint:
        restore(model, Path(report.checkpoint))
    for epoch in range(report.epoch + 1, EPOCHS + 1):
        # A seed for each epoch, so that a trial that goes on draws what it would have drawn.
        model.random_state = epoch_seed(report.seed, epoch)
        model.partial_fit(x, y, classes=np.arange(10))
        with tempfile.TemporaryDirectory() as folder:
            save(model, Path(folder))
            report(
                epoch,
                checkpoint=folder,
                val_accuracy=model.score(x_val, y_val),
                val_loss=log_loss(y_val, model.predict_proba(x_val)),
            )


# A checkpoint is numbers, not a pickle: to unpickle a file runs whatever is in it, and a pickle
# of one scikit-learn is not promised to open in the next. For a linear model the numbers are few:
# the weights, and how many steps its learning rate has come down by. An MLPClassifier keeps its
# optimizer in private attributes, and boosted trees hand out no numbers: report those without a
# checkpoint. An interrupted trial then starts again at epoch 1, and reports nothing twice.


def save(model: SGDClassifier, folder: Path) -> None:
    np.savez(
        folder / "model.npz",
        coef=model.coef_,
        intercept=model.intercept_,
        classes=model.classes_,
        steps=model.t_,
    )


def restore(model: SGDClassifier, folder: Path) -> None:
    with np.load(folder / "model.npz", allow_pickle=False) as numbers:
        model.coef_, model.intercept_ = numbers["coef"], numbers["intercept"]
        model.classes_, model.t_ = numbers["classes"], float(numbers["steps"])


def epoch_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


@cache  # once in a worker, not once in a trial
def rows():
    """Training and validation part. All trials get the same; keep a test part out of both."""
    x, y = load_digits(return_X_y=True)
    x, x_rest, y, y_rest = train_test_split(x, y, test_size=0.3, stratify=y, random_state=0)
    x_val, _, y_val, _ = train_test_split(x_rest, y_rest, test_size=0.5, random_state=0)
    scale = StandardScaler().fit(x)  # by the training part only
    return scale.transform(x), y, scale.transform(x_val), y_val
