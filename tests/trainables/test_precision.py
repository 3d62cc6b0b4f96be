"""Mixed precision: products in bfloat16, weights and what is reported in float32."""

import pytest
import torch

from trainables.errors import ConfigError
from trainables.pool import Pool
from trainables.trial import open_trial

CONFIG = {"hidden": [16], "lr": 0.01, "batch_size": 32}


def rows(recipe, precision):
    trial = open_trial(recipe(), {**CONFIG, "precision": precision}, 0)
    trial.advance(5)
    (replica,) = trial.replicas
    assert all(p.dtype == torch.float32 for p in replica.module.parameters())
    assert all(p.grad.dtype == torch.float32 for p in replica.params)
    return trial.rows


def test_products_are_rounded_and_the_network_still_learns(recipe, one_thread):
    full, mixed = rows(recipe, "float32"), rows(recipe, "bfloat16")
    assert full[0][1]["train_loss"] != mixed[0][1]["train_loss"]
    assert mixed[0][1]["train_loss"] == pytest.approx(full[0][1]["train_loss"], rel=0.02)
    assert mixed[-1][1]["val_loss"] < 0.9 * mixed[0][1]["val_loss"]


def test_it_trains_alone_and_says_so(recipe):
    pool = Pool(recipe(), packs_at_any_price=True)
    assert pool.open({**CONFIG, "precision": "bfloat16"}, 0).alone == "its precision is bfloat16"
    assert pool.open(CONFIG, 0).alone == ""


def test_another_precision_is_one_line(recipe):
    with pytest.raises(ConfigError, match="precision: 'float16' is not allowed"):
        open_trial(recipe(), {"precision": "float16"}, 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_on_a_gpu(recipe):
    trial = open_trial(recipe(device="cuda"), {**CONFIG, "precision": "bfloat16"}, 0)
    trial.advance(2)
    assert [epoch for epoch, _ in trial.rows] == [1, 2]
