"""The autoencoder: shapes, what each hyperparameter does, lanes, what a model gives back."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.config import check, check_data, check_together, complete
from lanewise.trainables.data.block import Block
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import Reading
from lanewise.trainables.data.restore import restored
from lanewise.trainables.data.table import Table
from lanewise.trainables.errors import ConfigError, DataError, ModelError
from lanewise.trainables.knobs import INITS
from lanewise.trainables.models.autoencoder.module import Sampled, autoencoder, divergence, sparsity
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.penalties import Term, watched
from lanewise.trainables.training.unit import build_module
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

BASE = {"hidden": [12], "code": 3, "batch_size": 16, "lr": 0.01}


def module(config, shape=(6,), form="table", seed=0, dtype="float64"):
    info = Info("reconstruction", shape, int(np.prod(shape)), form=form)
    full = complete("autoencoder", config)
    return build_module(autoencoder, full, info, seed=seed, device="cpu", dtype=dtype)


def images(rows=60, shape=(1, 6, 5), seed=0):
    """Sums of three patterns: each is described by three numbers."""
    patterns = np.random.default_rng(9).normal(size=(3, *shape))
    rng = np.random.default_rng(seed)
    x = np.einsum("ni,ichw->nchw", rng.normal(size=(rows, 3)), patterns)
    x += 0.1 * rng.normal(size=x.shape)
    return Block(x.astype(np.float32), np.zeros(rows))


def recipe(rows=None, form="image", **more):
    made = prepare(
        images() if rows is None else rows,
        source="x",
        task="reconstruction",
        reading=Reading(form),
    )
    shared = {"model": "autoencoder", "prepared": made.for_trials(), "threads": 1, "epochs": 3}
    return Recipe(**{**shared, **more})


# --- the module ----------------------------------------------------------------------------------

CONVOLUTIONS = {"channels": [4, 6], "hidden": [], "code": 3}


@pytest.mark.parametrize(
    ("config", "shape", "form"),
    [
        ({"hidden": []}, (6,), "table"),
        ({"hidden": [9, 5], "code": 2}, (6,), "table"),
        ({"hidden": [9], "code": 20}, (7, 3), "sequence"),  # wider than its input
        ({"kl": 0.1, "sparsity": 0.1}, (6,), "table"),
        ({"norm": "layer", "dropout": 0.2, "init": "orthogonal"}, (1, 4, 4), "image"),
        (CONVOLUTIONS, (1, 8, 8), "image"),
        ({**CONVOLUTIONS, "kernel": 5, "norm": "batch", "dropout": 0.2}, (3, 7, 9), "image"),
        ({**CONVOLUTIONS, "hidden": [9], "norm": "layer", "kl": 1.0}, (2, 5, 4), "image"),
        ({"channels": [4, 4, 4], "hidden": [5]}, (1, 5, 8), "image"),  # down to 1 × 1
    ],
)
def test_it_gives_back_as_many_values_as_it_gets(config, shape, form):
    made = module(config, shape, form)
    x = torch.randn(5, *shape, dtype=torch.float64)
    for mode in (made.train(), made.eval()):
        if mode.training and config.get("kl"):
            continue  # draws from a trial's stream
        assert mode(x).shape == (5, int(np.prod(shape)))
    together, alone = made(x), torch.cat([made(row) for row in x.split(1)])
    assert torch.allclose(together, alone, rtol=1e-9)
    exported = torch.export.export(made, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    assert torch.allclose(exported.module()(x[:3]), made(x[:3]))


def widths(made):
    return [layer.out_features for layer in made if isinstance(layer, nn.Linear)]


def test_the_decoder_mirrors_the_encoder():
    assert widths(module({"hidden": [9, 5], "code": 2})) == [9, 5, 2, 5, 9, 6]
    assert widths(module({"hidden": [], "code": 2})) == [2, 6]
    assert widths(module({"hidden": [9], "code": 2, "kl": 0.5})) == [9, 4, 9, 6]
    made = module({**CONVOLUTIONS, "hidden": [9]}, (2, 8, 6), "image")
    convolutions = [c for c in made if isinstance(c, nn.Conv2d | nn.ConvTranspose2d)]
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [
        (2, 4),
        (4, 6),
        (6, 4),
        (4, 2),
    ]
    assert widths(made) == [9, 3, 9, 24]  # 6 channels of 2 × 2


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_every_parameter_has_a_gradient_of_its_own(norm):
    """A bias before a batch norm would have none but rounding."""
    for more, shape in (
        ({"hidden": []}, (6,)),
        ({"hidden": [9]}, (6,)),
        ({"hidden": [9], "sparsity": 0.1}, (6,)),
        (CONVOLUTIONS, (1, 8, 6)),
        ({**CONVOLUTIONS, "hidden": [7]}, (1, 8, 6)),
    ):
        form = "table" if len(shape) == 1 else "image"
        made = module({**more, "norm": norm, "activation": "tanh"}, shape, form).train()
        with watched(made) as extra:
            output = made(torch.randn(9, *shape, dtype=torch.float64))
        (output.square().sum() + sum(extra.terms)).backward()
        for name, parameter in made.named_parameters():
            assert parameter.grad.abs().max() > 1e-9, name


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("more", [{"hidden": [64, 64], "code": 32}, {"channels": [16, 32, 16]}])
def test_initial_values_keep_the_size_of_the_signal(init, more):
    """Neither vanishing nor exploding: between input and output a factor of 4 at most."""
    config = {"hidden": [], "code": 16, "activation": "tanh", **more, "init": init}
    form, shape = ("image", (1, 16, 16)) if "channels" in more else ("table", (256,))
    output = module(config, shape, form)(torch.randn(64, *shape, dtype=torch.float64)).detach()
    assert 1 / 4 < float(output.std()) < 4


# --- what is added to the loss -------------------------------------------------------------------


def test_the_divergence_is_that_of_torch():
    x = torch.randn(7, 6, dtype=torch.float64)
    mean, deviation = x[:, :3], torch.exp(x[:, 3:] / 2)
    wanted = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).sum(1).mean() * 2
    assert float(divergence(x)) == pytest.approx(float(wanted))


def test_the_sparsity_is_the_sum_over_a_rows_code():
    assert float(sparsity(torch.tensor([[1.0, -2.0], [0.0, 3.0]]))) == 3.0


def test_a_term_hands_its_input_on_and_adds_its_weighted_value():
    x, layer = torch.randn(4, 3), Term(0.3, sparsity)
    with watched(layer) as seen:
        assert torch.equal(layer(x), x)
    assert float(sum(seen.terms)) == pytest.approx(0.3 * float(sparsity(x)))


def test_an_evaluation_decodes_the_mean():
    x = torch.randn(4, 6)
    assert torch.equal(Sampled().eval()(x), x[:, :3])


def test_terms_are_there_where_they_are_asked_for():
    def terms(**config):
        found = [part for part in module(config).modules() if isinstance(part, Term)]
        return [(part.value, pytest.approx(float(part.weight))) for part in found]

    assert terms() == []
    kl = (divergence, 0.1 / 6)  # a sixth: the loss is a mean over six values
    assert terms(kl=0.1) == [kl]
    assert terms(sparsity=0.1) == [(sparsity, 0.1)]
    assert terms(kl=0.1, sparsity=0.1) == [kl, (sparsity, 0.1)]


# --- training ------------------------------------------------------------------------------------


def trained(config, epochs=3, shared=None, seed=1):
    trial = open_trial(shared or recipe(), {**BASE, **config}, seed)
    trial.advance(epochs)
    return trial


def code_of(trial):
    """What the decoder gets of the validation rows, [N, Z]."""
    (replica,) = trial.replicas
    seen = []
    first = next(i for i, part in enumerate(replica.module) if isinstance(part, Term | Sampled))
    handle = replica.module[first].register_forward_hook(lambda m, i, out: seen.append(out))
    replica.module.eval()(replica.data.x_val)
    handle.remove()
    return seen[0].detach()


def test_sparsity_makes_codes_small_and_a_strong_divergence_empty():
    few, many = (code_of(trained({"sparsity": s}, 15)).abs().mean() for s in (1e-6, 1.0))
    assert many < few / 4
    loose, tight = (code_of(trained({"kl": w}, 15)) for w in (1e-6, 100.0))
    assert tight[:, :3].abs().mean() < loose[:, :3].abs().mean() / 4
    assert tight[:, 3:].abs().mean() < 0.3  # log σ² of the standard normal distribution


def test_the_reported_loss_is_the_reconstruction_alone():
    """So that trials with other penalties compare."""
    shared = recipe(metrics=("val_mse",))
    for more in ({"sparsity": 10.0}, {"kl": 10.0}):
        for _, row in trained(more, shared=shared).rows:
            assert row["val_loss"] == pytest.approx(row["val_mse"], rel=1e-5)
            assert row["train_loss"] < 3


def test_denoising_takes_noise_out():
    """Of noised inputs an autoencoder that was trained on such gives back more of the clean ones
    than the one that was not, and than the inputs themselves are.
    """
    shared, rng = recipe(images(600), epochs=40), np.random.default_rng(3)
    config = {"hidden": [32], "code": 12, "lr": 0.005}
    clean = shared.prepared.folds[0].x_val.reshape(90, -1)
    noised = clean + 0.7 * rng.normal(size=clean.shape).astype(np.float32)
    errors = []
    for noise in (0.0, 0.7):
        trial = trained({**config, "noise": noise}, 40, shared)
        module = trial.replicas[0].module.eval()
        output = module(torch.from_numpy(noised.reshape(-1, 1, 6, 5))).detach().numpy()
        errors.append(float(np.square(output - clean).mean()))
    assert errors[1] < 0.9 * errors[0]
    assert errors[1] < 0.7 * 0.7**2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"code": 0}, "code: 0 is not allowed"),
        ({"hidden": [0]}, "hidden:"),
        ({"kernel": 4}, "kernel: 4 is not allowed"),
        ({"kl": -1}, "kl: -1 is not allowed"),
        ({"sparsity": None}, "sparsity:"),
        ({"channels": 8}, "channels: 8 is not allowed"),
        ({"label_smoothing": 0.1}, "label_smoothing: 0.1 is for classification"),
        ({"norm": "batch", "batch_size": 1}, "batch_size: 1 is too few"),
        ({"norm": "layer", "hidden": [1]}, "hidden: a layer norm of a single value"),
        ({"norm": "layer", "channels": [1]}, "channels: a layer norm of a single channel"),
        ({"channels": [4] * 4}, "channels: 4 convolutions halve 6 × 5 pixels too often"),
    ],
)
def test_bad_values_are_one_line(config, message):
    def checked():
        check("autoencoder", config)
        check_together("autoencoder", config)
        check_data("autoencoder", complete("autoencoder", config), info)

    info = recipe().prepared.info
    with pytest.raises(ConfigError) as caught:
        checked()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_convolutions_are_for_images():
    info = Info("reconstruction", (5, 3), 15, form="sequence")
    with pytest.raises(ConfigError, match="are for images, and the data are a sequence"):
        check_data("autoencoder", complete("autoencoder", {"channels": [4]}), info)


# --- lanes ---------------------------------------------------------------------------------------

LANES = {
    "plain": [{}, {"lr": 0.02}, {"hidden": [11]}, {"noise": 0.3}, {"activation": "tanh"}],
    "deep": [{"hidden": [12, 8], "dropout": 0.2, "norm": "batch"}, {"hidden": [11, 8]}],
    "sparse": [{"sparsity": 0.1}, {"sparsity": 2.0}, {"sparsity": 0.5, "noise": 0.2}],
    "variational": [{"kl": 0.1}, {"kl": 5.0}, {"kl": 1.0, "sparsity": 0.3}],
    "dropout and noise": [{"kl": 0.1, "dropout": 0.3}, {"kl": 0.2, "dropout": 0.1}],
    "convolutions": [CONVOLUTIONS, {**CONVOLUTIONS, "lr": 0.02}],
    "all": [
        {**CONVOLUTIONS, "kl": 0.2, "sparsity": 0.1, "dropout": 0.2, "norm": n, "hidden": [6]}
        for n in ("batch", "layer", "batch")
    ],
}


@pytest.mark.parametrize("name", LANES)
def test_a_lane_computes_what_it_would_alone(name):
    shared = recipe(dtype="float64", metrics=("val_r2",))
    pool = Pool(shared, force_packing=True)
    configs = [{**BASE, **config} for config in LANES[name]]
    members = [pool.open(config, seed) for seed, config in enumerate(configs)]
    assert [member.alone for member in members] == [""] * len(members)
    for member in members:
        member.until = 3
    while pool.due():
        pool.turn()
    for seed, (member, config) in enumerate(zip(members, configs, strict=True)):
        assert member.error is None
        alone = trained(config, shared=shared, seed=seed)
        for (_, ours), (_, theirs) in zip(member.rows, alone.rows, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-6)
        ours, theirs = (
            {key: tensor.detach().double() for key, tensor in trial.replicas[0].tensors().items()}
            for trial in (member, alone)
        )
        now = [key for key in theirs if key.startswith("now.")]
        most = max(float(theirs[key].abs().max()) for key in now)
        for key in now:
            assert float((ours[key] - theirs[key]).abs().max()) <= 1e-6 * most


def packs_of(configs, shared=None):
    pool = Pool(shared or recipe(), force_packing=True)
    members = [pool.open({**BASE, **config}, s) for s, config in enumerate(configs)]
    return len({id(member.replicas[0].pack) for member in members})


def test_what_shares_a_stack():
    """Widths within a half of the parameters, rates, noises, and weights of what is added."""
    plain = [{"hidden": [w], "code": c} for w, c in ((24, 8), (22, 8), (24, 7))]
    assert packs_of([*plain, {**plain[0], "noise": 0.4}, {**plain[0], "activation": "gelu"}]) == 1
    assert packs_of([{"kl": 0.1}, {"kl": 2.0}, {"kl": 0.1, "noise": 0.1}]) == 1
    assert packs_of([{"sparsity": 0.1}, {"sparsity": 2.0}]) == 1
    assert packs_of([{}, {"kl": 0.1}, {"sparsity": 0.1}]) == 3


def test_a_plain_dense_one_is_a_program_of_images_and_tables():
    pool = Pool(recipe(), force_packing=True)
    assert pool.open(BASE, 0).replicas[0].program is not None
    assert pool.open({**BASE, "kl": 0.1}, 0).replicas[0].program is None


# --- a trained model -----------------------------------------------------------------------------


def test_rows_come_back_as_they_were_from_exact_inputs():
    rows = images(20, (2, 3, 4))
    fitted = prepare(rows, source="x", task="reconstruction", reading=Reading("image")).folds[0]
    x = fitted.preprocess.transform(rows)
    found = restored(fitted.preprocess, x.reshape(20, -1))
    assert found.shape == rows.x.shape
    assert found == pytest.approx(rows.x, abs=1e-5)
    city = np.array([("Bern", "Rome", None)[i % 3] for i in range(30)], dtype=object)
    numbers = np.random.default_rng(0).normal(size=(30, 3)) * [1, 100, 1] + [0, 5, 0]
    numbers[:, 2] = np.nan  # of which no row has a value
    for categories in ({}, {"city": city}):
        names = ("a", *categories, "b", "none")
        table = Table(numbers, ("a", "b", "none"), categories, names, np.zeros(30), "")
        fitted = prepare(table, source="x", task="reconstruction").folds[0].preprocess
        found = restored(fitted, fitted.transform(table))
        assert found.shape == (30, len(names))
        assert found[:, 0].astype(float) == pytest.approx(numbers[:, 0], abs=1e-4)
        assert found[:, -2].astype(float) == pytest.approx(numbers[:, 1], abs=1e-4)
        assert np.isnan(found[:, -1].astype(float)).all()
        if categories:
            assert found[:, 1].tolist() == city.tolist()
            assert np.array_equal(fitted.transform(found), fitted.transform(table))


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("more", [{}, {"kl": 0.01}, {**CONVOLUTIONS, "code": 4}])
def test_a_model_gives_rows_back_and_scores_them(tmp_path, more, seeds):
    prepared = prepare(images(300), source="x", task="reconstruction", reading=Reading("image"))
    shared = recipe(prepared=prepared.for_trials(), seeds=seeds, epochs=20)
    trial = trained({"code": 6, **more}, 20, shared)
    trial.save(tmp_path / "c")
    model = TrainedModel.load(tmp_path / "c", dataclasses.replace(shared, prepared=None))
    rows = prepared.test
    found = model.predict(rows.x)
    assert found.shape == rows.x.shape
    assert np.array_equal(found, model.predict(rows))
    assert np.square(found - rows.x).mean() < 0.7 * rows.x.var()
    scores = model.score_samples(rows.x)
    assert scores.mean() == pytest.approx(model.score(rows, ("mse",))["mse"], rel=1e-5)
    if seeds == 1:
        scale = np.array(prepared.folds[0].preprocess.scales).reshape(1, 1, 1, 1)
        again = np.square((found - rows.x) / scale).mean((1, 2, 3))
        assert scores == pytest.approx(again, rel=1e-3)
    with pytest.raises(ModelError, match="a reconstruction has no class probabilities"):
        model.predict_proba(rows.x)
    with pytest.raises(DataError, match=r"takes \[rows, 1, 6, 5\]"):
        model.predict(rows.x[0])


def test_categories_of_several_replicas_are_what_most_say(tmp_path):
    """Folds see other rows, and other categories."""
    rng = np.random.default_rng(0)
    kind = np.array([("low", "high")[i % 2] for i in range(90)], dtype=object)
    kind[0] = "once"
    x = np.where(kind == "high", 3.0, -3.0)[:, None] + rng.normal(size=(90, 1))
    table = Table(x, ("x",), {"kind": kind}, ("x", "kind"), np.zeros(90), "")
    prepared = prepare(table, source="x", task="reconstruction", folds=3)
    shared = recipe(prepared=prepared.for_trials(), epochs=30)
    trial = trained({"code": 2, "lr": 0.02}, 30, shared)
    trial.save(tmp_path / "c")
    found = TrainedModel.load(tmp_path / "c", shared).predict(table)
    assert (found[:, 1] == kind).mean() > 0.95
    assert np.abs(found[:, 0].astype(float) - x[:, 0]).mean() < 1.5


def test_other_tasks_have_no_scores_of_rows(tmp_path, prepared):
    shared = Recipe(model="mlp", prepared=prepared().for_trials(), threads=1)
    trial = open_trial(shared, {"hidden": [4]}, 0)
    trial.advance(1)
    trial.save(tmp_path / "c")
    with pytest.raises(ModelError, match="are for reconstruction, anomaly; this task is multi"):
        TrainedModel.load(tmp_path / "c", shared).score_samples(np.zeros((1, 4)))
