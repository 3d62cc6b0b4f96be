"""Densities over conditional spaces: they are densities, and draws follow them.

Random tests are seeded; a limit says how often it would fail by chance with another seed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from lanewise.search.samplers.columns import Columns
from lanewise.search.samplers.parzen import Mixture, bandwidths, inside, rule, tail
from lanewise.spaces import Choice, Float, Int, Repeat, Space

SPACE = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "width": Int(16, 128, log=True),  # smooth, and a lattice
        "half": Float(0.0, 30.0, step=0.5),
        "few": Int(2, 9, log=True),
        "kind": Choice(
            [{"a": {"x": Float(-1.0, 1.0), "deep": Choice([1, {"b": {"y": Float(0, 1)}}])}}, "c"]
        ),
        "list": Repeat(Float(0.0, 1.0), times=(0, 3)),
        "one": 3,
    }
)


def drawn(count, space=SPACE, seed=0):
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


def mixture(columns, configs, weights=None):
    c_DN = np.array([columns.row(config) for config in configs]).reshape(-1, len(columns)).T
    order_DN = np.argsort(c_DN, axis=1, kind="stable")  # NaN last
    return Mixture(c_DN, order_DN, np.ones(len(configs)) if weights is None else weights)


def density(model, group, x_PG):
    return np.exp(model.log_weight + model.log_kernels(group, x_PG)).sum(axis=1)


def test_a_configuration_is_its_row():
    columns = Columns(SPACE)
    for config in drawn(200):
        again = columns.config(columns.row(config))
        SPACE.validate(again)
        assert again.keys() == config.keys()
        for key in ("width", "half", "few"):
            assert again[key] == config[key]
        assert again["lr"] == pytest.approx(config["lr"], rel=1e-12)
        assert again["list"] == pytest.approx(config["list"], abs=1e-12)
        kinds = [(made["kind"]["name"], type(made["kind"].get("deep"))) for made in (again, config)]
        assert kinds[0] == kinds[1]


def test_groups_hold_the_axes_that_become_active_together():
    columns = Columns(SPACE)
    names = [[SPACE.axes[d].name for d in group.places] for group in columns.groups]
    assert names == [
        ["lr", "width", "half", "few", "kind", "list.times"],
        ["kind.a.x", "kind.a.deep"],
        ["kind.a.deep.b.y"],
        ["list.0"],
        ["list.1"],
        ["list.2"],
    ]
    for config in drawn(50):
        row = columns.row(config)
        active = [columns.is_active(group, row) for group in columns.groups]
        assert active == [not math.isnan(row[group.first]) for group in columns.groups]


def test_bandwidths_are_the_larger_distances_to_neighbours():
    ascending = np.array([[0.1, 0.15, 0.5, 0.9]])
    assert bandwidths(ascending) == pytest.approx(np.array([[1 / 6, 0.35, 0.4, 0.4]]))
    assert bandwidths(np.array([[0.3]])) == pytest.approx(np.array([[0.7]]))
    assert bandwidths(np.linspace(0, 1, 500)[None]).max() == pytest.approx(0.01)


@pytest.mark.parametrize("z", [0.0, 0.3, 1.0, 2.5, 5.0])
def test_the_tail_of_the_normal_distribution(z):
    assert tail(np.array(z)) == pytest.approx(math.erfc(z / math.sqrt(2)) / 2, abs=1e-7)


def test_the_mass_inside():
    mean, sigma = np.meshgrid(np.linspace(0, 1, 21), [0.01, 0.1, 0.5, 1.0])
    root = math.sqrt(2)
    exact = [
        (math.erf((1 - m) / s / root) + math.erf(m / s / root)) / 2
        for m, s in zip(mean.ravel(), sigma.ravel(), strict=True)
    ]
    assert inside(mean, sigma).ravel() == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("name", ["few", "kind"])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_rules_are_distributions_that_prefer_their_centre(name, count):
    columns = Columns(SPACE)
    d = [axis.name for axis in SPACE.axes].index(name)
    column = columns.all[d]
    places = np.array([columns.row(config)[d] for config in drawn(count)]).astype(np.int64)
    kernel = np.exp(rule(column, places))
    assert kernel.sum(axis=1) == pytest.approx(1)
    assert kernel[-1] == pytest.approx(column.prior)
    if count:
        lift = kernel[:-1] / column.prior
        assert (lift.argmax(axis=1) == np.arange(len(lift))).all()


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_a_density_over_numbers_integrates_to_one(count):
    space = Space({"x": Float(0, 5), "y": Float(1e-3, 1e3, log=True)})
    columns = Columns(space)
    (group,) = columns.groups
    model = mixture(columns, drawn(count, space), np.linspace(0.2, 1, count))
    middles = (np.arange(400) + 0.5) / 400
    grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
    assert density(model, group, grid).mean() == pytest.approx(1, abs=2e-3)


def test_draws_follow_the_density():
    # The mean of 1 / p over draws from p is the volume, 1; so the two agree, wherever p is.
    space = Space({"x": Float(0, 1), "k": Choice(["a", "b", "c"]), "y": Float(0, 1)})
    columns = Columns(space)
    (group,) = columns.groups
    model = mixture(columns, drawn(12, space))
    x_PG = model.draw(group, model.log_weight, np.random.default_rng(1), 200_000)
    for value in range(3):
        some = x_PG[x_PG[:, 1] == value]
        inverse = (x_PG[:, 1] == value) / density(model, group, x_PG)
        error = inverse.std() / math.sqrt(len(inverse))
        assert len(some) > 1000
        assert abs(inverse.mean() - 1) < 5 * error  # 5 sigma: once in 1.7e6


def test_kernels_without_a_group_have_the_priors_density_there():
    columns = Columns(SPACE)
    model = mixture(columns, drawn(40))
    for group in columns.groups[1:]:
        x_PG = model.draw(group, model.log_weight, np.random.default_rng(0), 30)
        log_PN = model.log_kernels(group, x_PG)
        lacks = np.array([math.isnan(columns.row(config)[group.first]) for config in drawn(40)])
        assert lacks.any()
        assert not lacks.all()
        assert (log_PN[:, :-1][:, lacks] == log_PN[:, -1:]).all()
        assert (log_PN[:, :-1][:, ~lacks] != log_PN[:, -1:]).any()
