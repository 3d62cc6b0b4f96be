"""Generative adversarial networks: both networks, both optimizers, the games, what they make."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import nn
from torch.nn import functional as F  # noqa: N812

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.checkpoints.weights import weights_of
from lanewise.trainables.config import check, check_data, check_together, complete
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.convert import from_frame, from_matrix
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import Reading, read_as
from lanewise.trainables.errors import ConfigError, ModelError
from lanewise.trainables.metrics import generated
from lanewise.trainables.models.gan import GAMES as NAMES
from lanewise.trainables.models.gan import replica as gan_replica
from lanewise.trainables.models.gan.module import Chosen, gan
from lanewise.trainables.models.gan.replica import GAMES, Player, squared_slope
from lanewise.trainables.optim import OPTIMIZERS
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {"hidden": [8], "critic_hidden": [8], "latent": 3, "batch_size": 32, "lr": 0.01}


def points(rows=200):
    rng = np.random.default_rng(0)
    x = np.where(rng.random((rows, 1)) < 0.5, -2, 3) + rng.normal(0, [0.2, 0.5], (rows, 2))
    return from_matrix(x, np.zeros(rows), ["a", "b"])


def customers(rows=300):
    """Numbers, some of which are missing, and a category that goes with one of them."""
    rng = np.random.default_rng(0)
    city = rng.choice(["Bern", "Rome", "Oslo"], rows, p=[0.5, 0.3, 0.2])
    age = rng.normal(40, 10, rows) + 20 * (city == "Rome")
    income = np.where(rng.random(rows) < 0.2, np.nan, rng.normal(5000, 900, rows))
    frame = pd.DataFrame({"city": city, "age": age, "income": income})
    return from_frame(frame, Columns(has_target=False), "customers")


def recipe_of(table, **more):
    reading = more.pop("reading", Reading())
    folds = more.pop("folds", 1)
    made = prepare(table, source="x", task="generation", folds=folds, seed=0, reading=reading)
    shared = {"model": "gan", "monitor": "val_two_sample", "mode": "min", "threads": 1}
    return Recipe(prepared=made.for_trials(), **{**shared, **more})


@pytest.fixture(scope="module")
def digits():
    from lanewise.trainables.data.source import load

    rows, reading = read_as(load("sklearn:digits", target=None, base="."), ("image",), None)
    return rows.take(np.arange(200)), reading


def trained(recipe, config, epochs=2, seed=1):
    trial = open_trial(recipe, config, seed)
    trial.advance(epochs)
    return trial


def values(trial):
    return [t for r in trial.replicas for t in weights_of(r.module).values()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(values(one), values(other), strict=True))


# -- the networks --------------------------------------------------------------------------------


def image(*shape):
    return Info("generation", shape, math.prod(shape), form="image")


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 5), (2, 1, 9)])
@pytest.mark.parametrize("network", ["dense", "conv"])
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("widths", [[8], [8, 4], [4, 8, 6]])
def test_shapes(shape, network, norm, widths):
    own = {"network": network, "norm": norm, "hidden": widths, "critic_hidden": widths}
    module = gan(complete("gan", own), image(*shape)).train()
    z = torch.randn(5, 16)
    rows = module(z)
    assert rows.shape == (5, math.prod(shape))
    assert module.critic(rows).shape == (5, 1)
    assert module.eval()(z).shape == rows.shape


def test_columns_of_zeros_and_ones_are_chosen_with_the_slope_of_probabilities():
    layer = Chosen(((1, 1), (3, 3)), 7)
    logits = torch.randn(6, 7, requires_grad=True)
    found = layer(logits)
    assert torch.equal(found[:, [0, 2, 6]], logits[:, [0, 2, 6]])
    assert torch.equal(found[:, 1], (logits[:, 1] > 0).float())
    assert torch.equal(found[:, 3:6], F.one_hot(logits[:, 3:6].argmax(1), 3).float())
    weights = torch.randn(6, 7)
    (slope,) = torch.autograd.grad((found * weights).sum(), logits)
    chosen = [logits[:, 1:2].sigmoid(), logits[:, 2:3], logits[:, 3:6].softmax(1)]
    soft = torch.cat([logits[:, :1], *chosen, logits[:, 6:]], 1)
    (expected,) = torch.autograd.grad((soft * weights).sum(), logits)
    assert torch.allclose(slope, expected)


# -- the games -----------------------------------------------------------------------------------


def test_every_game_is_defined():
    assert set(GAMES) == set(NAMES)


def test_the_standard_game_is_cross_entropy_with_labels():
    real, fake = torch.randn(9), torch.randn(9)
    cross_entropy = F.binary_cross_entropy_with_logits
    critic, generator = GAMES["standard"]
    expected = cross_entropy(real, torch.full((9,), 0.9)) + cross_entropy(fake, torch.zeros(9))
    assert torch.allclose(critic(real, fake, 0.1), expected)
    assert torch.allclose(generator(fake), cross_entropy(fake, torch.ones(9)))


def test_the_other_games():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.5])
    assert float(GAMES["hinge"][0](real, fake, 0.0)) == pytest.approx(0.25 + 0.75)
    assert float(GAMES["wasserstein"][0](real, fake, 0.0)) == pytest.approx(-1.25 - 1.25)
    assert float(GAMES["hinge"][1](fake)) == float(GAMES["wasserstein"][1](fake)) == 1.25


def test_the_slope_of_a_linear_critic_is_its_weight():
    critic = nn.Linear(3, 1)
    slope = squared_slope(critic, torch.randn(4, 3))
    assert torch.allclose(slope, critic.weight.square().sum().expand(4))
    (found,) = torch.autograd.grad(slope.mean(), critic.weight)
    assert torch.allclose(found, 2 * critic.weight)


def test_a_player_leaves_the_other_alone():
    module = gan(complete("gan", SMALL), Info("generation", (2,), 2))
    player = Player(complete("gan", SMALL), module.generator)
    before = {name: t.clone() for name, t in module.named_parameters()}
    player.step(-module.critic(module.train()(torch.randn(5, 3))).mean(), 1.0)
    for name, now in module.named_parameters():
        assert torch.equal(now, before[name]) == (not name.startswith("generator"))
        assert (now.grad is None) == (not name.startswith("generator"))


def test_the_generator_takes_a_step_for_several_of_the_critic(monkeypatch):
    taken = []
    plain = Player.step
    monkeypatch.setattr(Player, "step", lambda s, *a: (taken.append(s), plain(s, *a))[1])
    trial = trained(recipe_of(points()), {**SMALL, "critic_steps": 2}, 1)
    (replica,) = trial.replicas
    order = ["critic" if player is replica.critic else "generator" for player in taken]
    # Five batches of 32 of 140 rows: after the second, the fourth and the last.
    assert order == ["critic", "critic", "generator"] * 2 + ["critic", "generator"]


def test_the_running_mean_follows_the_generator():
    trial = open_trial(recipe_of(points()), {**SMALL, "batch_size": 64, "average": 0.999}, 1)
    (replica,) = trial.replicas
    (first, *_), (mean, *_) = (
        [p.detach().clone() for p in m.parameters()]
        for m in (replica.module.generator, replica.module.mean)
    )
    assert torch.equal(first, mean)
    seen, plain = [], replica.generator.step
    replica.generator.step = lambda *a: (
        plain(*a),
        seen.append(replica.module.generator[0].weight.detach().clone()),
    )[0]
    trial.advance(1)
    for step, weight in enumerate(seen):
        share = (1 + step) / (10 + step)
        mean = share * mean + (1 - share) * weight
    assert torch.allclose(replica.module.mean[0].weight, mean)


# -- hyperparameters -----------------------------------------------------------------------------

KNOBS = [
    {"latent": 4},
    {"hidden": [9]},
    {"critic_hidden": [9]},
    {"activation": "tanh"},
    {"critic_activation": "tanh"},
    {"norm": "batch"},
    {"norm": "layer"},
    {"dropout": 0.3},
    {"init": "orthogonal"},
    {"game": "hinge"},
    {"game": "wasserstein"},
    {"game": {"name": "standard", "r1": 0.5}},
    {"critic_lr": 0.002},
    {"critic_optimizer": "rmsprop"},
    {"critic_steps": 2},
    {"label_smoothing": 0.2},
    {"noise": 0.3},
    {"average": 0.0},
    {"average": 0.3},
    {"lr": 0.002},
    {"optimizer": "sgd"},
    {"schedule": "cosine"},
    {"batch_size": 16},
    {"l1": 0.1},
    {"l2": 0.1},
    {"clip_norm": 0.01},
    {"clip_value": 0.001},
    {"precision": "bfloat16"},
]


@pytest.fixture(scope="module")
def base():
    return trained(recipe_of(points()), SMALL)


@pytest.mark.parametrize("change", KNOBS, ids=str)
def test_every_hyperparameter_matters(base, change):
    other = trained(recipe_of(points()), {**SMALL, **change})
    assert other.rows != base.rows
    assert all(math.isfinite(v) for v in other.rows[-1][1].values())


def test_options_of_games_matter():
    games = [{"name": "wasserstein", "penalty": p} for p in (0, 1, 10)]
    games += [{"name": "hinge", "r1": r} for r in (0, 1)]
    rows = [trained(recipe_of(points()), {**SMALL, "game": game}).rows for game in games]
    assert all(one != other for k, one in enumerate(rows) for other in rows[:k])


def test_a_critic_of_its_own_rate_and_optimizer():
    """Null is the same as naming the generator's."""
    named = {**SMALL, "critic_lr": 0.01, "critic_optimizer": {"name": "adam"}}
    assert same(trained(recipe_of(points()), named), trained(recipe_of(points()), SMALL))


def test_of_a_network_of_images_every_kind_learns(digits):
    rows, reading = digits
    for network in ("dense", "conv"):
        own = {**SMALL, "network": network, "hidden": [8, 8], "norm": "batch"}
        trial = trained(recipe_of(rows, reading=reading), own, 1)
        assert math.isfinite(trial.rows[0][1]["val_two_sample"])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"game": "chess"}, "game: 'chess' is not a game (standard, hinge, wasserstein)"),
        ({"game": {"name": "hinge", "penalty": 1}}, "game.penalty: hinge has no option 'penalty'"),
        ({"game": {"name": "wasserstein", "penalty": -1}}, "game.penalty: -1 is not allowed"),
        ({"latent": 0}, "latent: 0 is not allowed (a whole number ≥ 1)"),
        ({"critic_lr": 0}, "critic_lr: 0 is not allowed (a number > 0 or null)"),
        ({"critic_optimizer": "adma"}, "critic_optimizer: 'adma' is not an optimizer"),
        ({"critic_optimizer": {"name": "adam", "beta1": 2}}, "critic_optimizer.beta1: 2"),
        ({"average": 1}, "average: 1 is not allowed (a number ≥ 0 and < 1)"),
        ({"network": "rnn"}, "network: 'rnn' is not allowed (dense, conv)"),
        ({"critic_hiden": [3]}, "critic_hiden: gan has no hyperparameter 'critic_hiden'"),
    ],
)
def test_a_bad_value_is_one_line(config, words):
    with pytest.raises(ConfigError) as error:
        check("gan", config)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"label_smoothing": 0.1, "game": "hinge"},
            "label_smoothing: the game hinge has no",
        ),
        ({"norm": "batch", "batch_size": 1}, "batch_size: 1 is too few"),
        ({"norm": "layer", "hidden": [1]}, "hidden: a layer norm of a single value"),
        ({"activity_l1": 0.1}, "activity_l1: a gan has no penalty on activations"),
        ({"network": "conv", "hidden": []}, "hidden: network conv needs at least one layer"),
    ],
)
def test_values_that_do_not_go_together_are_one_line(config, words):
    with pytest.raises(ConfigError) as error:
        check_together("gan", config)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"network": "conv"}, "network: conv is for images, not for a table"),
        ({"class_weight": "balanced"}, "class_weight: 'balanced' is for classification"),
        ({"sampling": "balanced"}, "sampling: 'balanced' is for classification"),
    ],
)
def test_what_the_data_do_not_allow_is_one_line(config, words):
    with pytest.raises(ConfigError) as error:
        open_trial(recipe_of(points()), config, 0)
    assert words in str(error.value)


def test_label_smoothing_stays_for_classification_in_other_models():
    with pytest.raises(ConfigError, match=r"label_smoothing: .* is for classification"):
        check_data("mlp", {"label_smoothing": 0.1}, Info("regression", (2,), 1))


# -- training ------------------------------------------------------------------------------------


def test_the_seed_and_the_replica_decide_everything():
    one, again = (trained(recipe_of(points(), seeds=2), SMALL) for _ in range(2))
    other = trained(recipe_of(points(), seeds=2), SMALL, seed=2)
    assert same(one, again)
    assert not same(one, other)
    first, second = one.replicas
    assert not torch.equal(first.module.generator[0].weight, second.module.generator[0].weight)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("game", NAMES)
def test_resume_is_exact(tmp_path, optimizer, game):
    other = "adam" if optimizer != "adam" else "rmsprop"
    plateau = {"name": "plateau", "patience": 0, "factor": 0.5}
    own = {"norm": "batch", "dropout": 0.2, "noise": 0.1, "critic_steps": 2, "schedule": plateau}
    config = {**SMALL, **own, "optimizer": optimizer, "critic_optimizer": other, "game": game}
    recipe = recipe_of(points(), metrics=("grad_norm",), epochs=5)
    straight = trained(recipe, config, 5)
    trained(recipe, config, 2).save(tmp_path / "c")
    resumed = open_trial(recipe, config, 1, tmp_path / "c")
    resumed.advance(5)
    assert same(straight, resumed)
    assert straight.rows == resumed.rows
    (one,), (two,) = straight.replicas, resumed.replicas
    ours, theirs = one.tensors(), two.tensors()
    assert sorted(ours) == sorted(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_another_optimizer_of_the_critic_begins_anew(tmp_path):
    recipe = recipe_of(points())
    trained(recipe, SMALL, 1).save(tmp_path / "c")
    config = {**SMALL, "critic_optimizer": "adagrad"}
    resumed = open_trial(recipe, config, 1, tmp_path / "c")
    (replica,) = resumed.replicas
    assert not replica.generator.optimizer.state
    resumed.advance(2)


def test_a_generator_that_explodes_is_a_bad_value():
    from lanewise.trainables.errors import BadValue

    with pytest.raises(BadValue, match="train_loss is"):
        trained(recipe_of(points()), {**SMALL, "lr": 1e30, "game": "wasserstein"}, 5)


# -- what it makes -------------------------------------------------------------------------------


def saved(recipe, config, epochs, path):
    trial = trained(recipe, config, epochs)
    trial.save(path / "c")
    return trial, TrainedModel.load(path / "c", recipe)


def test_a_table_is_sampled_in_its_own_units(tmp_path):
    recipe = recipe_of(customers(), metrics=("val_precision", "val_recall", "train_wasserstein"))
    trial, model = saved(recipe, {**SMALL, "hidden": [32], "critic_hidden": [32]}, 12, tmp_path)
    assert recipe.prepared.info.one_hot == ((2, 1), (3, 3))
    best = min(trial.rows, key=lambda row: row[1]["val_two_sample"])
    assert (model.epoch, model.metrics) == best
    assert model.evaluate() == pytest.approx({n: best[1][n] for n in model.evaluate()})
    found = model.sample(500)
    assert list(found.columns) == ["city", "age", "income"]
    assert len(found) == 500
    assert set(found["city"]) <= {"Bern", "Rome", "Oslo"}
    assert found["age"].dtype == found["income"].dtype == np.float64
    assert abs(found["age"].mean() - 46) < 15
    assert abs(found["income"].mean() - 5000) < 1500
    assert found.equals(model.sample(500))
    assert not found.equals(model.sample(500, seed=1))
    alone = TrainedModel.load(tmp_path / "c", Recipe(model="gan"))
    assert found.equals(alone.sample(500))
    # What it makes is what a model takes.
    assert model.preprocess[0].transform(found).shape == (500, 6)


def test_images_are_sampled_in_their_own_scale(tmp_path, digits):
    rows, reading = digits
    recipe = recipe_of(rows, reading=reading)
    config = {**SMALL, "network": "conv", "hidden": [8, 8], "critic_hidden": [8, 8]}
    _, model = saved(recipe, config, 3, tmp_path)
    found = model.sample(7)
    assert found.shape == (7, 1, 8, 8)
    assert 0 < found.mean() < 16
    z = torch.zeros(1, 3)
    with torch.no_grad():
        made = model.module(z).view(1, 1, 8, 8).double().numpy()
    fitted = model.preprocess[0]
    scaled = made * fitted.scales[0] + fitted.means[0]
    assert fitted.transform(scaled) == pytest.approx(made, abs=1e-5)


def test_each_replica_makes_its_part(tmp_path):
    _, model = saved(recipe_of(points(), seeds=2, folds=2), SMALL, 1, tmp_path)
    assert len(model.modules) == 4
    found = model.sample(10).to_numpy()
    assert found.shape == (10, 2)
    assert len(np.unique(found, axis=0)) == 10


def test_there_is_nothing_to_predict(tmp_path):
    _, model = saved(recipe_of(points()), SMALL, 1, tmp_path)
    for call in (model.predict, model.predict_proba):
        with pytest.raises(ModelError, match="sample"):
            call(np.zeros((1, 2)))


def test_only_a_generator_makes_rows(recipe, tmp_path):
    trial = trained(recipe(), {}, 1)
    trial.save(tmp_path / "c")
    with pytest.raises(ModelError, match="makes no rows"):
        TrainedModel.load(tmp_path / "c", recipe()).sample(3)


def test_folds_that_see_other_categories_choose_none():
    table = customers(40)
    rare = np.where(np.arange(40) == 7, "Paris", table.categories["city"])
    table = dataclasses.replace(table, categories={"city": rare.astype(object)})
    recipe = recipe_of(table, folds=3)
    assert len({fold.preprocess.one_hot for fold in recipe.prepared.folds}) == 2
    assert recipe.prepared.info.one_hot == ()
    trained(recipe, SMALL, 1)


# -- metrics -------------------------------------------------------------------------------------


def normal(rows, columns=2, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, columns)))


def test_wasserstein_is_scipys_for_each_column():
    one, other = normal(50, 3), 2 * normal(50, 3, 1) + 1
    expected = np.mean([wasserstein_distance(*pair) for pair in zip(one.T, other.T, strict=True)])
    assert float(generated.wasserstein(one, other, 1.0)) == pytest.approx(expected)


def test_two_samples_of_one_distribution_are_not_told_apart():
    """Over 10 · 1000 asked rows 6 sigma of the share are 0.03, a little more as they share k-NN."""
    found = [
        float(generated.two_sample(normal(1000, 2, s), normal(1000, 2, s + 99), 1.0))
        for s in range(10)
    ]
    assert abs(np.mean(found) - 0.5) < 0.04


def test_two_samples_that_differ_are_told_apart():
    real = normal(1000)
    assert float(generated.two_sample(real + 10, real, 1.0)) == 1
    # Bayes' share for a shift by d = 1 in one of two columns is Φ(1/2) = 0.69.
    shifted = normal(1000, seed=1) + torch.tensor([1.0, 0.0])
    assert 0.62 < float(generated.two_sample(shifted, real, 1.0)) < 0.76
    mode = 0.1 * normal(1000, seed=2)
    assert float(generated.two_sample(mode, real, 1.0)) > 0.85


def test_precision_and_recall_see_what_is_false_and_what_is_lost():
    real = torch.cat([normal(300), normal(300, seed=1) + 20])
    one_mode = normal(600, seed=2)
    assert float(generated.precision(one_mode, real, 1.0)) > 0.9
    assert float(generated.recall(one_mode, real, 1.0)) == pytest.approx(0.5, abs=0.05)
    wide = 40 * normal(600, seed=3)
    assert float(generated.precision(wide, real, 1.0)) < 0.2
    assert float(generated.precision(real, real, 1.0)) == 1
    assert float(generated.recall(real, real, 1.0)) == 1


METRICS = ("wasserstein", "two_sample", "precision", "recall")


@pytest.mark.parametrize("name", METRICS)
def test_lanes_are_scored_as_one_by_one(name):
    output, y = normal(120, 3).view(3, 40, 3), normal(120, 3, 1).view(3, 40, 3)
    metric = getattr(generated, name)
    alone = torch.stack([metric(o, t, 1.0) for o, t in zip(output, y, strict=True)])
    assert torch.allclose(metric(output, y, 1.0), alone)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("rows", [2, 3, 5, 3000])
def test_few_rows_and_many(name, rows):
    found = float(getattr(generated, name)(normal(rows), normal(rows, seed=1), 1.0))
    assert 0 <= found < 3


@pytest.mark.parametrize("name", METRICS)
def test_a_broken_output_has_no_metric(name):
    output = normal(20)
    output[3, 1] = math.nan
    assert math.isnan(float(getattr(generated, name)(output, normal(20, seed=1), 1.0)))


def test_the_noise_of_an_evaluation_is_always_the_same(base):
    (replica,) = base.replicas
    names = ["val_wasserstein", "val_loss"]
    found = replica.evaluate(names)
    assert found == replica.evaluate(names)
    assert found["val_loss"] == pytest.approx(found["val_wasserstein"], rel=1e-5)


def test_the_page_of_games_is_this_files():
    assert all(f"| {name} |" in (gan_replica.__doc__ or "") for name in NAMES)


# -- data without a target -----------------------------------------------------------------------

MADE = """
import numpy as np, pandas as pd

def array():
    return np.arange(40.0).reshape(20, 2)

def pictures():
    return np.arange(180.0).reshape(20, 1, 3, 3)

def frame():
    return pd.DataFrame({"a": np.arange(20.0), "b": ["x", "y"] * 10})

def nothing():
    return None
"""


def planned(folder, source, **more):
    from lanewise import sweepfile
    from lanewise.plan import make_plan

    body = {
        "name": "made",
        "data": {"source": source},
        "model": "gan",
        "objective": {"minimize": "val_two_sample"},
        "budget": {"trials": 1, "epochs": 1},
    }
    return make_plan(sweepfile.parse({**body, **more}, "made"), folder)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "made.py").write_text(MADE)
    (tmp_path / "rows.csv").write_text("a,b\n" + "1.5,x\n2.5,y\n" * 10)
    np.savez(tmp_path / "rows.npz", X=np.arange(180.0).reshape(20, 1, 3, 3))
    return tmp_path


@pytest.mark.parametrize(
    ("source", "shape"),
    [
        ("python:made.py:array", (2,)),
        ("python:made.py:pictures", (1, 3, 3)),
        ("python:made.py:frame", (3,)),
        ("csv:rows.csv", (3,)),
        ("npz:rows.npz", (1, 3, 3)),
        ("sklearn:iris", (4,)),
    ],
)
def test_data_need_no_target(folder, source, shape):
    plan = planned(folder, source, loss="wasserstein")
    info = plan.prepared.info
    assert (info.task, info.input_shape, info.outputs) == ("generation", shape, math.prod(shape))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"data": {"source": "python:made.py:nothing"}}, "data.source: made.py:nothing returned"),
        ({"task": "regression"}, "task: 'regression' is not a task of this model (generation)"),
        ({"objective": {"maximize": "val_accuracy"}}, "'val_accuracy' is a metric of binary"),
        (
            {"objective": {"maximize": "val_two_sample"}},
            "val_two_sample is better when it is lower",
        ),
        ({"loss": "mse"}, "this task is generation (wasserstein)"),
        ({"model": {"gan": {"network": "conv"}}}, "model.gan.network: conv is for images"),
        ({"space": {"sampling": "balanced"}}, "space.sampling: 'balanced' is for classification"),
        (
            {"space": {"label_smoothing": 0.1, "game": {"choice": ["standard", "hinge"]}}},
            "space.label_smoothing: the game hinge has no labels",
        ),
    ],
)
def test_a_mistake_in_the_sweep_file_is_one_line(folder, more, words):
    from lanewise.errors import SweepFileError
    from lanewise.trainables.errors import TrainableError

    with pytest.raises((SweepFileError, TrainableError)) as error:
        planned(folder, "csv:rows.csv", **more)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
