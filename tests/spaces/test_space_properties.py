"""Properties of random spaces: nested, conditional, with repeats, steps, logs and grids."""

import json
import math
import pickle

import numpy as np
import optuna
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lanewise.spaces import Int, Space, SpaceError, fingerprint, flatten
from lanewise.spaces.canonical import canonical

# Derandomized, so that a run fails by chance never; raise max_examples to explore.
check = settings(deadline=None, max_examples=40, derandomize=True)

names = st.sampled_from(["lr", "l2", "hidden", "batch_size", "a", "b-1", "times", "0"])
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, -0.0, 1.0, 2.5]),
    st.sampled_from(["relu", "tanh", "[1]", "1", "null", "a word", "float", "x.y"]),
)  # fmt: skip
values = st.one_of(scalars, st.lists(scalars, max_size=2))
seeds = st.integers(0, 2**32 - 1)


@st.composite
def finite_ints(draw):
    low = draw(st.integers(-5, 5))
    form = {"int": [low, low + draw(st.integers(0, 6))]}
    return form | draw(st.sampled_from([{}, {"step": 1}, {"step": 2}, {"step": 3}]))


@st.composite
def finite_floats(draw):
    low = draw(st.integers(-20, 20)) / 10
    step = draw(st.sampled_from([0.1, 0.25, 0.05, 1.0]))
    return {"float": [low, low + draw(st.sampled_from([0.0, 0.1, 0.3, 0.7]))], "step": step}


@st.composite
def wide_ranges(draw):
    log = draw(st.booleans())
    low = draw(st.sampled_from([1e-6, 0.1, 3.0, 16.0] if log else [-16.0, -0.1, 0.0, 3.0]))
    grid = draw(st.sampled_from([{}, {"grid": 1}, {"grid": 5}]))
    high = low + draw(st.sampled_from([0.0, 1e-9, 1.0, 300.0]))
    if draw(st.booleans()):
        return {"float": [low, high], "log": log} | grid
    return {"int": [max(math.ceil(low), 1), max(math.ceil(high), 1)], "log": log} | grid


def groups(domains, *, min_size):
    return st.dictionaries(names, domains, min_size=min_size, max_size=3)


def distinct(options, *, max_size):
    def name(option):
        return canonical(next(iter(option)) if isinstance(option, dict) else option)

    return st.lists(options, min_size=1, max_size=max_size, unique_by=name)


def compounds(domains):
    option_names = st.sampled_from(["sgd", "adam", "rms-prop", "0", "name"])
    branches = st.builds(lambda n, g: {n: g}, option_names, groups(domains, min_size=0))
    times = st.tuples(st.integers(0, 2), st.integers(0, 2)).map(lambda t: sorted(t))
    repeats = st.builds(lambda t, of: {"repeat": {"times": t, "of": of}}, times, domains)
    named = distinct(st.one_of(branches, scalars), max_size=3)
    return st.one_of(repeats, branches, named.map(lambda options: {"choice": options}))


def spaces(leaves):
    plain = distinct(values, max_size=4).map(lambda options: {"choice": options})
    leaf = st.one_of(leaves, plain, values, values.map(lambda v: {"constant": v}))
    return groups(st.recursive(leaf, compounds, max_leaves=6), min_size=1).map(Space)


finite_spaces = spaces(st.one_of(finite_ints(), finite_floats()))
all_spaces = spaces(st.one_of(finite_ints(), finite_floats(), wide_ranges()))


def samples(space, seed, count=5):
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


def is_plain(value):
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if type(value) is list:
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


@check
@given(all_spaces, seeds)
def test_samples_are_valid_plain_and_repeatable(space, seed):
    drawn = samples(space, seed)
    for config in drawn:
        space.validate(config)
        assert is_plain(config)
        assert fingerprint(json.loads(json.dumps(config))) == fingerprint(config)
    assert samples(space, seed) == drawn


@check
@given(all_spaces, seeds)
def test_the_json_form_is_the_space(space, seed):
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert again == space
    assert again.to_json() == space.to_json()
    assert again.fingerprint == space.fingerprint
    assert pickle.loads(pickle.dumps(space)) == space  # noqa: S301  # our own bytes
    assert (again.size, again.is_conditional, repr(again)) == (
        space.size,
        space.is_conditional,
        repr(space),
    )
    assert samples(again, seed) == samples(space, seed)


@check
@given(all_spaces)
def test_key_order_does_not_change_the_fingerprint(space):
    backwards = Space(dict(reversed(space.to_json().items())))
    assert backwards.fingerprint == space.fingerprint
    assert backwards == space
    assert hash(backwards) == hash(space)


@check
@given(finite_spaces)
def test_size_is_the_number_of_distinct_configurations(space):
    assume(space.size <= 2_000)
    configs = [space.grid_at(i) for i in range(space.grid_size)]
    for config in configs:
        space.validate(config)
    assert len({fingerprint(config) for config in configs}) == len(configs) == space.size


@check
@given(finite_spaces, seeds)
def test_every_sample_is_a_grid_point_where_all_is_enumerable(space, seed):
    assume(space.size <= 500)
    grid = {fingerprint(space.grid_at(i)) for i in range(space.grid_size)}
    assert {fingerprint(config) for config in samples(space, seed, 20)} <= grid


def has_points(space):
    try:
        return space.grid_size > 0
    except SpaceError:
        return False


@check
@given(all_spaces)
def test_grid_points_are_valid_and_distinct(space):
    assume(has_points(space))
    size = space.grid_size
    assert size <= space.size
    chosen = sorted({0, size // 3, size // 2, size - 1})
    configs = [space.grid_at(i) for i in chosen]
    for config in configs:
        space.validate(config)
    assert len(set(map(fingerprint, configs))) == len(chosen)


@check
@given(all_spaces, seeds)
def test_axes_say_which_values_a_configuration_has(space, seed):
    axes = {axis.name: axis for axis in space.axes}
    assert list(axes) == list(space.distributions())
    for config in samples(space, seed):
        values = space.values(config)
        assert canonical(space.config(values)) == canonical(config)
        active = set()
        for name, axis in axes.items():
            if axis.when is None or is_met(axis.when, axes, values, active):
                active.add(name)
        assert set(values) == active


def is_met(when, axes, values, active):
    if when.parent not in active:  # parents come first
        return False
    parent, value = axes[when.parent].parameter, values[when.parent]
    is_list = isinstance(parent, Int)
    place = value - parent.low if is_list else parent.values.index(value)
    return when.first <= place <= when.last


@check
@given(all_spaces, seeds)
def test_a_trial_made_of_a_configuration_suggests_it_again(space, seed):
    everything = space.distributions()
    for config in samples(space, seed):
        params, distributions = space.encode(config)
        assert params.keys() == distributions.keys()
        assert distributions.items() <= everything.items()
        trial = optuna.trial.FixedTrial(params)  # warns, hence raises, when out of distribution
        assert fingerprint(space.suggest(trial)) == fingerprint(config)
        assert trial.distributions == distributions
        optuna.trial.create_trial(params=params, distributions=distributions, value=0.0)


@settings(check, max_examples=15)
@given(all_spaces, st.integers(0, 1000))
def test_what_optuna_suggests_is_valid(space, seed):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    for _ in range(3):
        trial = study.ask()
        config = space.suggest(trial)
        space.validate(config)
        assert is_plain(config)
        params, distributions = space.encode(config)
        assert distributions == trial.distributions
        assert params.keys() == trial.params.keys()
        study.tell(trial, 0.0)


@check
@given(all_spaces)
def test_only_what_varies_is_a_parameter(space):
    distributions = space.distributions()
    assert not any(distribution.single() for distribution in distributions.values())
    assert bool(distributions) == (space.size > 1)
    # Unconditional: every configuration has all parameters.
    if not space.is_conditional:
        for config in samples(space, 0, 3):
            assert space.encode(config)[1] == distributions


@check
@given(all_spaces)
def test_probes_are_valid_and_name_every_key(space):
    probes = list(space.probes())
    for path, config in probes:
        assert path.startswith("space.")
        space.validate(config)
    assert {path.split(".")[1] for path, _ in probes} == set(space.names)


@check
@given(all_spaces)
def test_probes_cover_all_options_and_both_ends(space):
    seen = {}
    for _, config in space.probes():
        for name, value in space.encode(config)[0].items():
            seen.setdefault(name, []).append(value)
    for name, distribution in space.distributions().items():
        if "1" in name.split("."):
            continue  # only a list's first element goes through its extremes
        if isinstance(distribution, optuna.distributions.CategoricalDistribution):
            assert len(set(map(repr, seen[name]))) == len(distribution.choices)
        else:
            assert {distribution.low, distribution.high} <= set(seen[name])


@check
@given(all_spaces, seeds)
def test_flatten_keeps_every_scalar_once(space, seed):
    for config in samples(space, seed):
        flat = flatten(config)
        assert all(not isinstance(value, dict | list) for value in flat.values())
        assert sorted(map(repr, flat.values())) == sorted(map(repr, leaves(config)))


def leaves(value):
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return [leaf for item in items for leaf in leaves(item)] or [str(value)]
    return [value]


@check
@given(all_spaces, seeds)
def test_flat_names_are_read_back_by_the_space(space, seed):
    for config in samples(space, seed):
        flat = flatten(config)
        assert space.unflatten(flat) == config
        read = space.unflatten({**flat, "no.such": 3})
        assert fingerprint(read) == fingerprint(config)
