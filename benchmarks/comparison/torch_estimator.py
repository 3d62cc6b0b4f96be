"""A plain PyTorch loop as a scikit-learn estimator, as one is written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn


class TorchClassifier(ClassifierMixin, BaseEstimator):
    """Trains what ``network()`` makes, for two classes, with torch's default kernels."""

    def __init__(
        self,
        network: Callable[[], nn.Module],
        optimizer: str = "Adam",
        lr: float = 0.01,
        batch_size: int = 10,
        epochs: int = 100,
        seed: int = 0,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.lr = lr
        self.batch_size = batch_size
        self.epochs = epochs
        self.seed = seed

    def fit(self, X: Any, y: Any) -> TorchClassifier:
        torch.manual_seed(self.seed)
        torch.set_num_threads(1)
        self.classes_, codes = np.unique(y, return_inverse=True)
        x_ND, y_N = torch.from_numpy(X), torch.from_numpy(codes.astype(np.float32))
        self.module_ = self.network()
        optimizer = getattr(torch.optim, self.optimizer)(self.module_.parameters(), lr=self.lr)
        loss = nn.BCEWithLogitsLoss()
        for _ in range(self.epochs):
            for rows_B in torch.randperm(len(x_ND)).split(self.batch_size):
                optimizer.zero_grad()
                loss(self.module_(x_ND[rows_B]).squeeze(1), y_N[rows_B]).backward()
                optimizer.step()
        return self

    def predict(self, X: Any) -> Any:
        with torch.no_grad():
            found = self.module_(torch.from_numpy(X)).squeeze(1) > 0
        return self.classes_[found.long().numpy()]
