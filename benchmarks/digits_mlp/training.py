"""The network and one epoch of it, in plain torch: what a user of Ray Tune or Optuna writes.

Batches are cut from one permutation: a DataLoader would cost these small rows more than their
training. A config holds width, lr, l2, dropout and optimizer; another batch and a norm are for
`packs.py`. N rows, B batch, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (torch's own convention)

from digits_mlp.workload import BATCH, METRIC, OPTIMIZERS, Parts


class Tensors(NamedTuple):
    """As `workload.Parts`."""

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor


def tensors(parts: Parts) -> Tensors:
    """Copies, since arrays from Ray's object store are read-only."""
    return Tensors(*(torch.tensor(array) for array in parts))


NORMS: dict[str | None, Callable[[int], list[nn.Module]]] = {
    None: lambda width: [],
    "batch": lambda width: [nn.BatchNorm1d(width)],
    "layer": lambda width: [nn.LayerNorm(width)],
}


def network(config: Mapping[str, Any]) -> nn.Sequential:
    """Two hidden layers of equal width."""
    width, layers = config["width"], list[nn.Module]()
    for inputs in (64, width):
        layers += [nn.Linear(inputs, width), *NORMS[config.get("norm")](width), nn.ReLU()]
        if config["dropout"]:
            layers.append(nn.Dropout(config["dropout"]))
    return nn.Sequential(*layers, nn.Linear(width, 10))


def optimizer(
    config: Mapping[str, Any], params: list[nn.Parameter], **options: Any
) -> torch.optim.Optimizer:
    """`l2` is a term of the gradient: torch's `weight_decay`, except for AdamW (`Training.train`),
    whose own decay is decoupled and stays at torch's default. `options` are torch's own.
    """
    lr, l2 = config["lr"], config["l2"]
    match config["optimizer"]:
        case "sgd":
            return torch.optim.SGD(params, lr=lr, momentum=0.9, weight_decay=l2, **options)
        case "adam":
            return torch.optim.Adam(params, lr=lr, weight_decay=l2, **options)
        case "adamw":
            return torch.optim.AdamW(params, lr=lr, **options)
        case "rmsprop":
            return torch.optim.RMSprop(params, lr=lr, weight_decay=l2, **options)
        case unknown:
            raise ValueError(f"optimizer {unknown!r} is not of this workload {OPTIMIZERS}")


class Training:
    """One configuration in training; `options` go to torch's optimizer."""

    def __init__(self, config: Mapping[str, Any], data: Tensors, **options: Any) -> None:
        torch.set_num_threads(1)  # two trials share two cores
        self.data = data
        self.batch = config.get("batch", BATCH)
        self.network = network(config)
        self.params = list(self.network.parameters())
        self.optimizer = optimizer(config, self.params, **options)
        self.gradient_l2 = config["l2"] if config["optimizer"] == "adamw" else 0.0

    def epoch(self) -> dict[str, float]:
        """Train one epoch in a random order; its metrics."""
        loss = self.train(torch.randperm(len(self.data.x_train)))
        return {"train_loss": loss, **self.evaluate()}

    def train(self, order_N: Tensor) -> float:
        """One pass over the training rows in this order; the mean loss of its rows."""
        self.network.train()
        total = 0.0
        for rows_B in torch.split(order_N, self.batch):
            self.optimizer.zero_grad()
            loss = F.cross_entropy(
                self.network(self.data.x_train[rows_B]), self.data.y_train[rows_B]
            )
            loss.backward()  # type: ignore[no-untyped-call]
            if self.gradient_l2:
                for param in self.params:
                    assert param.grad is not None
                    param.grad.add_(param.detach(), alpha=self.gradient_l2)
            self.optimizer.step()
            total += loss.item() * len(rows_B)
        return total / len(order_N)

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        self.network.eval()
        output = self.network(self.data.x_val)
        loss = F.cross_entropy(output, self.data.y_val)
        correct = (output.argmax(1) == self.data.y_val).double().mean()
        return {"val_loss": float(loss), METRIC: float(correct)}

    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
