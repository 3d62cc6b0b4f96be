"""The recommender and its form, pairs of a user and an item. B batch."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from lanewise.trainables.checkpoints.files import read
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.config import check, check_data, complete
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.convert import from_frame
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.ids import Ids
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import Reading, alike, from_json, read_as
from lanewise.trainables.data.parts import Part
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.data.task import infer_task
from lanewise.trainables.errors import ConfigError, DataError
from lanewise.trainables.models.recommender.module import recommender
from lanewise.trainables.packs.pool import Pool
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.training.penalties import watched
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

USERS, ITEMS = 7, 9
KEYS = ("user", "film")
BOTH = {"factors": 3, "tower": [5], "user_embedding": 4, "item_embedding": 2}


def frame(rows=400, seed=0, users=20, items=15):
    """Ratings that are a sum of biases and one taste, and a time."""
    rng = np.random.default_rng(seed)
    user, film = rng.integers(0, users, rows), rng.integers(0, items, rows)
    rating = 3 + np.sin(user) + np.cos(film) + np.sin(2 * user) * np.sin(3 * film)
    return pd.DataFrame({"user": user, "film": film, "rating": rating, "when": np.arange(rows)})


def table(data, **named):
    return from_frame(data, Columns("rating", ids=KEYS, **named), "ratings")


def pairs(data=None, **named):
    return read_as(table(frame() if data is None else data, **named), ("ids",), None, KEYS)[0]


def prepared(task="regression", data=None, **more):
    rows = pairs(data)
    return prepare(rows, source="ratings", task=task, reading=Reading("ids"), **more)


def shared(task="regression", dtype="float64", data=None, **more):
    made = prepared(task, data).for_trials()
    recipe = Recipe(model="recommender", prepared=made, dtype=dtype, epochs=3, threads=1)
    return dataclasses.replace(recipe, **more)


def build(seed=0, **config):
    check("recommender", config)
    torch.manual_seed(seed)
    info = Info("regression", (2,), 1, vocabulary=(USERS, ITEMS), form="ids")
    return recommender(complete("recommender", config), info).double()


def numbers(rows=12):
    rng = np.random.default_rng(3)
    return torch.tensor(np.stack([rng.integers(0, USERS, rows), rng.integers(0, ITEMS, rows)], 1))


# --- rows ---


def test_users_and_items_are_names_whatever_they_look_like(tmp_path):
    big = 2**53
    (tmp_path / "r.csv").write_text(
        f"user,film,rating\n007,{big},1\n7,{big + 1},2\n007,{big},3\n7,{big + 1},4\n"
    )
    rows = load_rows("csv:r.csv", Columns("rating", ids=KEYS), tmp_path)
    found, reading = read_as(rows, ("ids",), None, KEYS)
    assert reading.form == "ids"
    assert found.user.tolist() == ["007", "7", "007", "7"]  # as written
    assert found.item.tolist() == [str(big), str(big + 1)] * 2  # no float64
    data = pd.DataFrame({"user": [1, 2], "film": [big, big + 1], "rating": [1, 2]})
    data.to_parquet(tmp_path / "r.parquet")
    rows = load_rows("parquet:r.parquet", Columns("rating", ids=KEYS), tmp_path)
    assert read_as(rows, None, None, KEYS)[0].item.tolist() == [str(big), str(big + 1)]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((None, "film"), "data.user: name the column of users (columns: user, film, when)"),
        (("user", None), "data.item: name the column of items (columns:"),
        (("user", "flim"), "data.item: column 'flim' is not among the columns (user, film, when; "),
        (("rating", "film"), "data.user: 'rating' is the target; name the column of users"),
        (("user", "user"), "data.item: 'user' is the column of users; name that of items"),
    ],
)
def test_a_wrong_column_is_one_line(keys, words):
    rows = from_frame(frame(), Columns("rating", ids=tuple(k for k in keys if k)), "ratings")
    with pytest.raises(DataError) as caught:
        read_as(rows, ("ids",), None, keys)
    assert str(caught.value).startswith(words)


def test_rows_that_cannot_be_pairs_are_one_line(table, tmp_path):
    data = frame().astype({"user": object})
    data.loc[3, "user"] = None
    with pytest.raises(DataError, match=r"^data\.user: 1 rows have no value in column 'user'"):
        pairs(data)
    with pytest.raises(DataError, match=r"^data\.user: 'a': the model takes a table, not users"):
        read_as(table(), ("table",), None, ("a", "b"))
    with pytest.raises(DataError, match=r"^data\.shape: \[2, 1\]: a user and an item have no"):
        read_as(table(), ("ids",), [2, 1], ("a", "b"))
    np.savez(tmp_path / "s.npz", X=np.zeros((4, 3, 2)), y=np.arange(4))
    rows = load_rows("npz:s.npz", Columns(ids=KEYS), tmp_path)
    with pytest.raises(DataError, match=r"^data\.user: the rows of this source have no columns"):
        read_as(rows, ("ids",), None, KEYS)


def test_the_group_may_be_the_user_and_the_order_a_further_column():
    rows = pairs(group="user")
    made = prepare(rows, source="r", task="regression", reading=Reading("ids"))
    (fold,) = made.folds
    assert (fold.x_val[:, 0] == 0).all()  # nobody of them is known
    assert (fold.x_val[:, 1] > 0).all()
    rows = pairs(order="when")
    made = prepare(rows, source="r", task="regression", reading=Reading("ids"))
    assert made.folds[0].preprocess.users
    assert len(made.folds[0].x_train) == 280
    assert np.array_equal(
        made.folds[0].preprocess.transform(pairs().take(np.arange(280))), made.folds[0].x_train
    )


# --- numbers ---


def test_numbers_are_those_of_the_training_part_and_the_rest_is_0():
    data = frame()
    fit = Ids.fit(pairs(data).take(np.flatnonzero(data["user"] < 5)))
    assert fit.users == ("0", "1", "2", "3", "4")
    assert fit.vocabulary == (6, len(fit.items) + 1)
    x = fit.transform(pairs(data))
    assert x.dtype == np.int64
    assert x.shape == (400, 2)
    assert np.array_equal(x[:, 0], np.where(data["user"] < 5, data["user"] + 1, 0))
    assert np.array_equal(x, fit.transform(data))
    assert np.array_equal(x, fit.transform(data[list(KEYS)].to_numpy()))
    assert np.array_equal(x[:2], fit.transform({k: data[k][:2].tolist() for k in KEYS}))
    with pytest.raises(DataError, match=r"^X: column 'film' is missing \(columns given: user, flm"):
        fit.transform({"user": [1], "flm": [2]})
    with pytest.raises(DataError, match=r"^X: the model takes 2 columns \(user, film\), not an"):
        fit.transform(np.zeros((3, 4)))


def test_what_was_learned_is_json():
    fit = Ids.fit(pairs(), regression=True).widened((30, 40))
    again = from_json(fit.to_json())
    assert again == fit
    assert json.loads(fit.to_json())["form"] == "ids"
    y = np.array([1.0, 2.5])
    assert np.allclose(again.decode_target(again.encode_target(y)), y, atol=1e-6)
    assert abs(float(fit.encode_target(pairs().target).std()) - 1) < 1e-5


def test_folds_have_tables_of_one_size():
    few, many = pairs().take(np.arange(10)), pairs()
    one, other = alike([Ids.fit(few), Ids.fit(many)])
    assert one.vocabulary == other.vocabulary == (21, 16)
    assert len(one.users) < 20
    made = prepared(folds=3, data=frame(80))
    assert len({fold.preprocess.vocabulary for fold in made.folds}) == 1
    assert made.info.vocabulary == made.folds[2].preprocess.vocabulary


def test_notes_count_the_unknown_and_name_what_is_not_seen():
    data = frame(40)
    own = {"validation": Part("own", pairs(frame(30, users=30)))}
    made = prepare(
        pairs(data), source="r", task="regression", reading=Reading("ids"), own=own,
        split=(1, 0, 0),
    )  # fmt: skip
    strangers = int((~frame(30, users=30)["user"].isin(data["user"])).sum())
    assert strangers
    assert f"{strangers} rows have a value in user that no training row has; it is unknown" in (
        made.notes
    )
    assert "the model sees user, film alone, not when" in made.notes


@pytest.mark.parametrize(
    ("target", "metric", "task"),
    [
        ([1, 2, 3, 4, 5], None, "regression"),
        ([1, 2, 3, 4, 5], "val_rmse", "regression"),
        ([0, 1], None, "binary"),
        ([0, 1], "val_roc_auc", "binary"),
        ([0, 1], "val_r2", "regression"),
        ([0.5, 1.25, 3], None, "regression"),
    ],
)
def test_stars_are_numbers_and_likes_are_classes(target, metric, task):
    data = frame(60)
    data["rating"] = np.resize(target, 60)
    found = infer_task(pairs(data), task=None, metric=metric, tasks=("regression", "binary"))
    assert found == task


# --- the model ---


def test_the_sum_is_written_out():
    net, x = build(**BOTH, activation="tanh").eval(), numbers()
    p, q = net.user.weight[x[:, 0]], net.item.weight[x[:, 1]]
    first, _, last = net.tower
    below = torch.cat([p[:, 4:], q[:, 4:]], 1)
    expected = net.bias + p[:, :1] + q[:, :1] + (p[:, 1:4] * q[:, 1:4]).sum(1, keepdim=True)
    expected = expected + last(torch.tanh(first(below)))
    assert net(x).shape == (12, 1)
    assert torch.allclose(net(x), expected, rtol=1e-12)
    assert (p.shape[1], q.shape[1]) == (8, 6)


def test_parts_can_be_left_out():
    biases = build(factors=0)
    assert biases.user.weight.shape == (USERS, 1)
    assert (biases(numbers()) == 0).all()
    assert [n for n, _ in biases.named_parameters()] == ["bias", "user.weight", "item.weight"]
    tower = build(factors=0, tower=[6, 5])
    assert tower.user.weight.shape == (USERS, 17)
    assert [layer.out_features for layer in tower.tower if hasattr(layer, "out_features")] == [
        6, 5, 1,
    ]  # fmt: skip


def test_first_values():
    net = build(**BOTH, embedding_std=0.2)
    assert not net.user.weight[:, 0].any()
    assert not net.item.weight[0].any()
    wide = build(factors=400, embedding_std=0.2).user.weight[1:, 1:]
    assert float(wide.detach().std()) == pytest.approx(0.2, rel=0.1)  # 2,400 values: 7 sigma
    he = build(**BOTH, init="he_normal").tower[0]
    assert not he.bias.any()


def test_the_decay_of_each_table_is_of_the_rows_of_the_batch():
    net, x = build(**BOTH, l2_user=0.5, l2_item=0.25).train(), numbers()
    with watched(net) as seen:
        net(x)
    p, q = net.user.weight[x[:, 0]], net.item.weight[x[:, 1]]
    expected = 0.5 * p.square().sum() / 2 / len(x) + 0.25 * q.square().sum() / 2 / len(x)
    assert float(sum(seen.terms).detach()) == pytest.approx(float(expected.detach()), rel=1e-9)
    with watched(net.eval()) as seen:
        net(x)
    assert seen.terms == []


def test_the_number_of_strangers_stays_at_zeros():
    recipe = shared()
    trial = open_trial(recipe, {**BOTH, "optimizer": "adam", "lr": 0.05, "l2_user": 0.1}, 3)
    trial.advance(2)
    module = trial.replicas[0].module
    assert not module.user.weight[0].any()
    assert module.user.weight[1].all()


@pytest.mark.parametrize(
    "change",
    [
        {"factors": 4},
        {"tower": [7]},
        {"user_embedding": 5},
        {"item_embedding": 5},
        {"activation": "tanh"},
        {"dropout": 0.3},
        {"l2_user": 0.1},
        {"l2_item": 0.1},
        {"embedding_std": 0.2},
        {"init": "orthogonal"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_hyperparameter_matters(change):
    def row(config):
        trial = open_trial(shared(), {**BOTH, "lr": 0.02, **config}, 3)
        trial.advance(1)
        return trial.rows[0][1]

    assert row(change) != row({})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"factors": -1}, "factors: -1 is not allowed"),
        ({"tower": 16}, "tower: 16 is not allowed"),
        ({"user_embedding": 0}, "user_embedding: 0 is not allowed"),
        ({"dropout": 1.0}, "dropout: 1.0 is not allowed"),
        ({"l2_user": -0.1}, "l2_user: -0.1 is not allowed"),
        ({"embedding_std": 0}, "embedding_std: 0 is not allowed"),
        ({"l2_users": 0.1}, "l2_users: recommender has no hyperparameter 'l2_users'"),
        ({"noise": 0.1}, "noise: 0.1 is for inputs that are measured; these are numbers of names"),
    ],
)
def test_bad_values_are_one_line(config, words):
    with pytest.raises(ConfigError) as caught:
        check_all(config)
    assert str(caught.value).startswith(words)


def check_all(config):
    check("recommender", config)
    check_data("recommender", config, Info("regression", (2,), 1, form="ids"))


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_a_trained_model_predicts_also_for_strangers(tmp_path, task):
    data = frame(2000)
    if task == "binary":
        data["rating"] = np.where(data["rating"] > 3, "like", "no")
    monitor = "val_r2" if task == "regression" else "val_roc_auc"
    recipe = shared(task, "float32", data, epochs=12, monitor=monitor, mode="max")
    trial = open_trial(recipe, {"factors": 2, "lr": 0.05, "embedding_std": 0.2}, 1)
    trial.advance(12)
    trial.save(tmp_path / "trial")
    model = TrainedModel.load(tmp_path / "trial", recipe)
    assert model.evaluate()[monitor] == pytest.approx(model.metrics[monitor], rel=1e-6)
    assert model.metrics[monitor] > 0.9  # no noise: it can find nearly all
    ask = {"user": [3, "nobody"], "film": [4, 4]}
    if task == "regression":
        known, stranger = model.predict(ask)
        assert known == pytest.approx(3 + np.sin(3) + np.cos(4) + np.sin(6) * np.sin(12), abs=0.5)
        assert 1.5 < stranger < 4.5  # the mean and the film's bias
    else:
        assert set(model.predict(data)) == {"like", "no"}
        assert model.predict_proba(ask).shape == (2, 2)
        assert np.mean(model.predict(data) == data["rating"]) > 0.8


def test_lanes_of_other_rates_decays_and_dropouts_share_a_pack_and_compute_what_they_would_alone(
    tmp_path,
):
    recipe = shared()
    pool = Pool(recipe, force_packing=True)
    configs = [
        {**BOTH, "lr": 0.01 * k, "l2_user": 0.1 * k, "l2_item": 0.2 / k, "dropout": 0.1 * k}
        for k in (1, 2, 3)
    ]
    members = [pool.open(config, seed) for seed, config in enumerate(configs)]
    assert [member.alone for member in members] == ["", "", ""]
    for member in members:
        member.until = 3
    pool.turn()
    assert len({id(lane.pack) for member in members for lane in member.replicas}) == 1
    while pool.due():
        pool.turn()
    for seed, (member, config) in enumerate(zip(members, configs, strict=True)):
        assert member.error is None
        alone = open_trial(recipe, config, seed)
        alone.advance(3)
        member.save(tmp_path / "lane")
        alone.save(tmp_path / "alone")
        ours, theirs = read(tmp_path / "lane")[0], read(tmp_path / "alone")[0]
        for name in (name for name in theirs if ".now." in name):
            assert torch.allclose(ours[name], theirs[name], rtol=1e-6, atol=1e-9), name


def test_a_plain_loop_trains_the_same(tmp_path):
    """Solo with sgd on the whole part at once, beside torch and the formula of the loss."""
    recipe = shared(epochs=2)
    fold = recipe.prepared.folds[0]
    config = {"factors": 2, "lr": 0.1, "l2_user": 0.3, "optimizer": "sgd", "batch_size": 1000}
    trial = open_trial(recipe, config, 5)
    net = recommender(complete("recommender", config), recipe.prepared.info).double()
    net.load_state_dict(trial.replicas[0].module.state_dict())
    x, y = torch.from_numpy(fold.x_train), torch.from_numpy(fold.y_train).double()
    for _ in range(2):
        rows = net.user.weight[x[:, 0]]
        loss = F.mse_loss(net(x).squeeze(1), y) + 0.3 * rows.square().sum() / 2 / len(x)
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= 0.1 * parameter.grad
    trial.advance(2)
    for name, value in trial.replicas[0].module.named_parameters():
        assert torch.allclose(value, dict(net.named_parameters())[name], rtol=1e-9, atol=1e-12)
