"""Recurrent networks: what they are made of, their knobs, and that they train as lanes."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lanewise.trainables.checkpoints import files as checkpoints
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.config import check, check_data, check_together, complete
from lanewise.trainables.data.dataset import Fold, Prepared
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.scaling import Scaling
from lanewise.trainables.errors import ConfigError
from lanewise.trainables.models import MODELS
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.augment import Augment
from lanewise.trainables.training.draws import Draws, own_draws
from lanewise.trainables.training.streams import stream
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = ("rnn", "gru", "lstm")
B, T, F = 6, 8, 2
FORECAST = Info("forecasting", (T, F), 6, form="sequence")  # three steps of two series
LABELS = Info("multiclass", (T, F), 3, (0, 1, 2), form="sequence")
RICH = {
    "hidden": [6, 5],
    "bidirectional": True,
    "window": 5,
    "pooling": "max",
    "dropout": 0.3,
    "recurrent_dropout": 0.4,
    "norm": "layer",
    "dense": [7],
    "activation": "gelu",
}


def build(name, info=LABELS, seed=0, **config) -> nn.Module:
    check(name, config)
    check_together(name, config)
    check_data(name, complete(name, config), info)
    torch.manual_seed(seed)
    return MODELS[name].builder(complete(name, config), info).double()


def inputs(rows=B):
    seed = torch.Generator().manual_seed(1)
    return torch.randn(rows, T, F, generator=seed, dtype=torch.float64)


def recurrent_layers(module):
    return [part for part in module.modules() if isinstance(part, nn.RNNBase)]


# --- what a person would write -------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_two_layers_are_torchs_own_one_behind_the_other(name):
    module = build(name, hidden=[5, 4]).eval()
    first, second = recurrent_layers(module)
    head = module.head[-1]
    x = inputs()
    assert torch.equal(module(x), head(second(first(x)[0])[0][:, -1]))


@pytest.mark.parametrize("name", NAMES)
def test_the_last_state_of_both_directions_is_what_torch_calls_the_final_one(name):
    module = build(name, bidirectional=True, hidden=[5]).eval()
    (layer,) = recurrent_layers(module)
    final = layer(inputs())[1]
    final = final[0] if isinstance(final, tuple) else final
    assert torch.equal(module(inputs()), module.head(torch.cat([final[0], final[1]], -1)))


@pytest.mark.parametrize(("pooling", "of"), [("mean", torch.mean), ("max", torch.amax)])
def test_pooling_is_over_the_steps(pooling, of):
    module = build("gru", pooling=pooling).eval()
    states = recurrent_layers(module)[0](inputs())[0]
    assert torch.equal(module(inputs()), module.head(of(states, 1)))


@pytest.mark.parametrize("name", NAMES)
def test_a_window_is_the_last_steps(name):
    module, whole = build(name, window=3).eval(), build(name).eval()
    assert torch.equal(module(inputs()), whole(inputs()[:, -3:]))
    assert not torch.equal(module(inputs()), whole(inputs()))


def test_a_forecast_from_the_last_step_moves_with_the_series():
    module = build("lstm", FORECAST, from_last=True).eval()
    shift = torch.tensor([3.0, -2.0], dtype=torch.float64)
    moved = module(inputs() + shift)
    assert torch.allclose(moved, module(inputs()) + shift.repeat(3))
    plain = build("lstm", FORECAST).eval()
    assert not torch.allclose(plain(inputs() + shift), plain(inputs()) + shift.repeat(3))


def test_the_first_values():
    module = build("lstm", hidden=[6], forget_bias=2.0)
    (layer,) = recurrent_layers(module)
    for gate in layer.weight_hh_l0.chunk(4):
        assert torch.allclose(gate @ gate.T, torch.eye(6, dtype=gate.dtype), atol=1e-6)
    biases = (layer.bias_ih_l0 + layer.bias_hh_l0).detach().chunk(4)
    assert [float(b.min()) for b in biases] == [float(b.max()) for b in biases] == [0, 2, 0, 0]


def test_recurrent_dropout_drops_weights_of_a_whole_batch_and_only_in_training():
    module = build("lstm", recurrent_dropout=0.5, hidden=[6])
    draws = Draws()
    module = own_draws(module, draws)
    plain = build("lstm", hidden=[6])
    plain.load_state_dict(module.state_dict())
    assert torch.equal(module.eval()(inputs()), plain.eval()(inputs()))
    draws.generator = stream(1, 0, "dropout", 1)
    dropped = module.train()(inputs())
    (layer,) = recurrent_layers(plain)
    draws.generator = stream(1, 0, "dropout", 1)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(
            draws.dropout(layer.weight_hh_l0, 0.5, tuple(layer.weight_hh_l0.shape))
        )
    assert torch.allclose(dropped, plain.train()(inputs()))
    assert (layer.weight_hh_l0 == 0).double().mean() == pytest.approx(0.5, abs=0.2)
    dropped.sum().backward()
    ours = recurrent_layers(module)[0].weight_hh_l0.grad
    assert ours[layer.weight_hh_l0 == 0].abs().max() == 0
    assert ours.abs().max() > 0


CHANGES = [
    {"hidden": [5]}, {"bidirectional": True}, {"window": 2}, {"pooling": "mean"},
    {"norm": "layer"}, {"dense": [5]}, {"dense": [5], "activation": "tanh"},
    {"dense": [5], "init": "orthogonal"},
]  # fmt: skip
OWN = {"rnn": {"nonlinearity": "relu"}, "gru": {}, "lstm": {"forget_bias": 3.0}}


@pytest.mark.parametrize("name", NAMES)
def test_every_knob_matters(name):
    made = [build(name, **c).eval()(inputs()) for c in ({}, *CHANGES, *filter(None, [OWN[name]]))]
    for number, one in enumerate(made):
        assert one.shape == (B, 3)
        assert not any(torch.equal(one, other) for other in made[number + 1 :])


@pytest.mark.parametrize("knob", ["dropout", "recurrent_dropout"])
@pytest.mark.parametrize("name", NAMES)
def test_dropouts_matter_in_training(name, knob):
    draws = Draws()
    module = own_draws(build(name, **{knob: 0.5}), draws).train()
    draws.generator = stream(0, 0, "dropout", 1)
    assert not torch.equal(module(inputs()), module(inputs()))
    assert torch.equal(module.eval()(inputs()), build(name).eval()(inputs()))


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "info", "path", "words"),
    [
        ({"hidden": []}, LABELS, "hidden", "at least one"),
        ({"hidden": [0]}, LABELS, "hidden", "at least one"),
        ({"pooling": "lsat"}, LABELS, "pooling", "did you mean 'last'"),
        ({"recurrent_dropout": 1.0}, LABELS, "recurrent_dropout", "< 1"),
        ({"norm": "batch"}, LABELS, "norm", "layer"),
        ({"norm": "layer", "hidden": [4, 1]}, LABELS, "hidden", "2 or more"),
        ({"window": 0}, LABELS, "window", "≥ 1"),
        ({"window": T + 1}, LABELS, "window", "9 steps are more than the 8"),
        ({"from_last": True}, LABELS, "from_last", "multiclass"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_bad_value_is_one_line(name, config, info, path, words):
    with pytest.raises(ConfigError) as caught:
        build(name, info, **config)
    assert caught.value.path == path
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_only_an_lstm_has_a_forget_gate():
    with pytest.raises(ConfigError, match="forget_bias"):
        check("gru", {"forget_bias": 1.0})


# --- training ------------------------------------------------------------------------------------


def prepared(info, rows=40):
    """Sequences whose first step decides."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, T, F)).astype(np.float32)
    if info.task == "multiclass":
        y = np.digitize(x[:, 0, 0], [-0.4, 0.4])
    elif info.task == "regression":
        y = x[:, 0, 0]
    else:
        y = np.concatenate([np.tile(x[:, -1], (1, 3)), rng.normal(size=(rows, 6))], 1)
    y = y.astype(np.int64 if info.task == "multiclass" else np.float32)
    fitted = Scaling((T, F), (0.0,) * F, (1.0,) * F, (0.0,) * info.outputs, (1.0,) * info.outputs)
    half = rows // 2
    return Prepared((Fold(x[:half], y[:half], x[half:], y[half:], fitted),), info, {}, None)


def recipe(name, info, **more):
    shared = {"monitor": "val_loss", "dtype": "float64", "epochs": 3, "threads": 1}
    return Recipe(model=name, prepared=prepared(info), **{**shared, **more})


INFOS = {
    "multiclass": LABELS,
    "regression": Info("regression", (T, F), 1, form="sequence"),
    "forecasting": FORECAST,
}


@pytest.mark.parametrize("task", INFOS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("config", [{"hidden": [6]}, RICH], ids=["plain", "rich"])
def test_a_lane_computes_what_the_trial_does_alone(name, task, config, tmp_path):
    """Other rates share its stack, and so does another size of batch at the end of the epoch."""
    shared = recipe(name, INFOS[task])
    config = {**config, "batch_size": 8, "lr": 0.01, "clip_norm": 1.0}
    if task == "forecasting":
        config = {**config, "from_last": True}
    other = {**config, "lr": 0.03}
    if "dropout" in config:
        other |= {"dropout": 0.1, "recurrent_dropout": 0.2}
    pool = Pool(shared, None, force_packing=True)
    members = [pool.open(c, seed) for seed, c in enumerate((config, other))]
    assert [member.alone for member in members] == ["", ""]
    assert len({id(lane.pack) for member in members for lane in member.replicas}) == 1
    for member in members:
        member.until = 3
    while pool.due():
        pool.turn()
    for seed, (member, wanted) in enumerate(zip(members, (config, other), strict=True)):
        assert member.error is None
        alone = open_trial(shared, wanted, seed)
        alone.advance(3)
        member.save(tmp_path / "lane")
        alone.save(tmp_path / "alone")
        ours, theirs = (checkpoints.read(tmp_path / file)[0] for file in ("lane", "alone"))
        assert set(ours) == set(theirs)
        for key, value in theirs.items():
            assert torch.allclose(ours[key].double(), value.double(), rtol=1e-6, atol=1e-9), key


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_and_a_checkpoint_gives_the_best_row(name, tmp_path):
    shared = recipe(name, LABELS, dtype="float32", metrics=("val_accuracy",))
    config = {**RICH, "batch_size": 8, "lr": 0.01}
    trials = [open_trial(shared, config, seed) for seed in (1, 1, 2)]
    for trial in trials:
        trial.advance(3)
    assert trials[0].rows == trials[1].rows != trials[2].rows
    trials[0].save(tmp_path / "trial")
    model = TrainedModel.load(tmp_path / "trial", shared)
    assert model.evaluate() == pytest.approx(
        {k: v for k, v in model.metrics.items() if k != "train_loss"}, rel=1e-6
    )
    assert model.predict(shared.prepared.folds[0].x_val).shape == (20,)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_that_explode_are_clipped_and_logged(name):
    shared = recipe(name, INFOS["regression"], metrics=("grad_norm",))
    config = {"hidden": [6], "batch_size": 8, "optimizer": "sgd", "lr": 1.0}
    trial = open_trial(shared, {**config, "clip_norm": 1e-9}, 0)
    before = copy.deepcopy(trial.replicas[0].module.state_dict())
    trial.advance(1)
    assert trial.rows[0][1]["grad_norm"] > 1e-3
    after = trial.replicas[0].module.state_dict()
    assert max(float((after[n] - before[n]).abs().max()) for n in before) < 1e-8


def test_it_can_be_exported():
    module = build("lstm", FORECAST, **RICH, from_last=True).eval()
    batch = torch.export.Dim("batch", min=2, max=4096)
    with warnings.catch_warnings():
        # torch warns of what its own recurrent layers do with their weights.
        warnings.filterwarnings("ignore", "The tensor attributes .*_flat_weights")
        exported = torch.export.export(module, (inputs(),), dynamic_shapes=({0: batch},))
    assert torch.allclose(exported.module()(inputs(9)), module(inputs(9)))


def test_noise_on_the_inputs_is_a_knob_of_sequences_too():
    shared = recipe("gru", LABELS)
    config = {"hidden": [4], "batch_size": 8}
    rows = []
    for noise in (0.0, 0.5):
        assert Augment.of({"noise": noise}).does_something == bool(noise)
        trial = open_trial(replace(shared), {**config, "noise": noise}, 0)
        trial.advance(1)
        rows.append(trial.rows)
    assert rows[0] != rows[1]
