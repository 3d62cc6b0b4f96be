"""What the modules of a trained model give for raw rows. N rows, C outputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import Inputs
from lanewise.trainables.data.table import Array
from lanewise.trainables.data.unread import Unread
from lanewise.trainables.training.replica import forward
from lanewise.trainables.training.streamed import Streamed


def outputs(module: nn.Module, x: Array | Unread, info: Info, dtype: torch.dtype) -> Tensor:
    """Logits or standardised values [N, C] of transformed rows."""
    device = next(module.parameters()).device
    if isinstance(x, Unread):
        return forward(module, Streamed([x], str(device), dtype), info.outputs)
    inputs = torch.from_numpy(x).to(device)
    inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
    return forward(module, inputs, info.outputs)


def mean_output(
    replicas: Iterable[tuple[nn.Module, Inputs]], X: Any, info: Info, dtype: torch.dtype
) -> Array:
    """Probabilities, or values in original units, averaged over replicas; float64 [N, C]."""
    found = []
    for module, preprocess in replicas:
        output = outputs(module, preprocess.transform(X), info, dtype).double()
        if info.task == "multiclass":
            output = output.softmax(1)
        elif info.task == "binary":
            output = output.sigmoid()
        values = output.cpu().numpy()
        if info.task in ("regression", "forecasting"):
            values = preprocess.decode_target(values)
        found.append(values)
    return np.asarray(sum(found) / len(found))
