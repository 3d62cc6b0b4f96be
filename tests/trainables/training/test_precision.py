"""Mixed precision: products in bfloat16 or float16, weights and what is reported in float32."""

import pytest
import torch

from lanewise.trainables.config import check, complete
from lanewise.trainables.errors import ConfigError
from lanewise.trainables.optim.build import gradient_adjustment
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.training.descent import descent
from lanewise.trainables.trial import open_trial

CONFIG = {"hidden": [16], "lr": 0.01, "batch_size": 32}


def rows(recipe, precision):
    trial = open_trial(recipe(), {**CONFIG, "precision": precision}, 0)
    trial.advance(5)
    (replica,) = trial.replicas
    assert all(p.dtype == torch.float32 for p in replica.module.parameters())
    assert all(p.grad.dtype == torch.float32 for p in replica.params)
    return trial.rows


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_products_are_rounded_and_the_network_still_learns(recipe, one_thread, precision):
    full, mixed = rows(recipe, "float32"), rows(recipe, precision)
    assert full[0][1]["train_loss"] != mixed[0][1]["train_loss"]
    assert mixed[0][1]["train_loss"] == pytest.approx(full[0][1]["train_loss"], rel=0.02)
    assert mixed[-1][1]["val_loss"] < 0.9 * mixed[0][1]["val_loss"]


def test_it_trains_alone_and_says_so(recipe):
    pool = Pool(recipe(), force_packing=True)
    assert pool.open({**CONFIG, "precision": "bfloat16"}, 0).alone == "its precision is bfloat16"
    assert pool.open(CONFIG, 0).alone == ""


def test_another_precision_is_one_line(recipe):
    with pytest.raises(ConfigError, match="precision: 'float8' is not allowed"):
        open_trial(recipe(), {"precision": "float8"}, 0)


def test_a_gan_takes_no_float16():
    with pytest.raises(ConfigError, match="precision: 'float16' is not allowed"):
        check("gan", {"precision": "float16"})


def trial_of(recipe, config, seed=0, checkpoint=None):
    return open_trial(recipe(), {**CONFIG, "precision": "float16", **config}, seed, checkpoint)


def weights(trial):
    (replica,) = trial.replicas
    return torch.cat([p.detach().reshape(-1) for p in replica.params])


def step_once(factor):
    """A parameter of 1 after a step of sgd whose loss has this factor, and the norm it told."""
    param = torch.ones((), requires_grad=True)
    adjust = gradient_adjustment(complete("mlp", {}), [param], wants_norm=True)
    descend = descent("float16", "cpu", torch.optim.SGD([param], lr=0.1), adjust)
    told = descend(param.half().float() * factor)
    return float(param.detach()), told, descend


def test_gradients_too_small_for_float16_are_not_lost():
    """1e-8 is less than half of the smallest float16; scaled by 65,536 it is not."""
    param = torch.ones((), requires_grad=True)
    descend = descent("float16", "cpu", torch.optim.SGD([param], lr=1e6), None)
    descend(param.half().float() * 1e-8)
    assert float(param.detach()) == pytest.approx(1 - 1e-2, rel=1e-3)


def test_a_step_that_overflows_is_left_out_and_the_scale_halved():
    value, told, descend = step_once(2.0)  # 131,072 > 65,504
    assert value == 1.0
    assert told.isnan()
    assert descend.tensors()["loss_scale"].tolist() == [32768.0, 0.0]
    value, told, _ = step_once(0.5)
    assert value == pytest.approx(0.95)
    assert told == 0.5


def test_an_epoch_without_a_step_goes_by_and_reports_no_norm(recipe, one_thread):
    trial = open_trial(recipe(metrics=("grad_norm",)), {**CONFIG, "precision": "float16"}, 0)
    before = weights(trial)
    (replica,) = trial.replicas
    replica.descend.restore({"loss_scale": torch.tensor([2.0**60, 0.0])})
    trial.advance(1)
    assert weights(trial).equal(before)
    assert "grad_norm" not in trial.rows[0][1]
    assert trial.rows[0][1]["val_loss"] > 0


def test_the_scale_goes_on_from_a_checkpoint(recipe, tmp_path, one_thread):
    whole, half = trial_of(recipe, {"lr": 10.0}), trial_of(recipe, {"lr": 10.0})
    whole.advance(6)
    half.advance(3)
    half.save(tmp_path / "checkpoint")
    again = trial_of(recipe, {"lr": 10.0}, checkpoint=tmp_path / "checkpoint")
    (replica,), (before,) = again.replicas, half.replicas
    assert replica.descend.tensors()["loss_scale"].equal(before.descend.tensors()["loss_scale"])
    assert replica.descend.tensors()["loss_scale"][1] > 0
    again.advance(6)
    assert weights(again).equal(weights(whole))


def test_the_norm_that_is_reported_is_of_the_gradient_not_of_what_was_scaled(recipe, one_thread):
    norms = []
    for precision in ("float32", "float16"):
        shared = recipe(metrics=("grad_norm",))
        trial = open_trial(shared, {**CONFIG, "precision": precision}, 0)
        trial.advance(1)
        norms.append(trial.rows[0][1]["grad_norm"])
    assert norms[1] == pytest.approx(norms[0], rel=0.02)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_on_a_gpu(recipe, precision):
    trial = open_trial(recipe(device="cuda"), {**CONFIG, "precision": precision}, 0)
    trial.advance(2)
    assert [epoch for epoch, _ in trial.rows] == [1, 2]
