"""Windows of series: what they hold, what is not foretold, and what is refused."""

import functools
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lanewise as lw
from lanewise import sweepfile
from lanewise.errors import SweepFileError
from lanewise.plan import make_plan
from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.columns import Columns, Windows
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.inputs import Reading
from lanewise.trainables.data.parts import load_parts
from lanewise.trainables.data.series import from_series
from lanewise.trainables.errors import DataError, TrainableError
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial


def frame(rows=60):
    hours = np.arange(rows)
    return pd.DataFrame({"hour": hours, "a": np.sin(hours / 3), "b": 10.0 + hours % 4})


def asked(**more):
    plain = {"time": "hour", "window": 8, "horizon": 3, "season": 4}
    return Columns(series=Windows(**{**plain, **more}))


def windows(data, **more):
    return from_series(data, asked(**more), "file.csv")


def prepared(**more):
    return prepare(
        windows(frame(200), **more), source="x", task="forecasting", reading=Reading("sequence")
    )


def test_a_window_holds_its_steps_and_foretells_the_next():
    block = windows(frame())
    data = frame()[["a", "b"]].to_numpy()
    place = 5
    start = int(block.order.first[place])
    assert np.allclose(block.x[place], data[start - 8 : start])
    assert np.allclose(block.target[place].reshape(3, 2), data[start : start + 3])
    assert block.order.last[place] == start + 2
    assert block.x.shape[1:] == (8, 2)


def test_rows_are_sorted_by_time():
    shuffled = frame().sample(frac=1, random_state=0)
    assert windows(shuffled).fingerprint() == windows(frame()).fingerprint()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: pd.concat([f, f.iloc[[4]]]), "4"),
        (lambda f: f.head(9), "window"),
        (lambda f: f.head(1), "window"),
        (lambda f: f.drop(columns="hour"), "'hour'"),
        (lambda f: f[["hour"]], "column"),
    ],
)
def test_what_is_no_series_is_one_line(change, words):
    with pytest.raises(DataError) as caught:
        windows(change(frame()))
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_no_training_row_sees_what_is_to_be_foretold():
    block = windows(frame(200))
    made = prepared()
    counts = made.identity["parts"]
    assert counts["train"] + counts["val"] + counts["test"] < len(block)  # windows on the borders
    train = block.x[: counts["train"]]
    assert made.folds[0].preprocess.means == pytest.approx(train.mean((0, 1)))


def test_the_skill_of_the_seasonal_forecast_is_known(tmp_path):
    """Series b repeats every four hours: the seasonal-naive forecast of it alone is perfect."""
    made = prepared(values=("a",))
    baselines = " ".join(made.notes)
    assert "last season" in baselines
    recipe = Recipe(
        model="gru",
        prepared=made.for_trials(),
        monitor="val_skill",
        mode="max",
        metrics=("val_mae", "val_rmse"),
        threads=1,
    )
    trial = open_trial(recipe, {"hidden": [16], "lr": 0.02, "batch_size": 16}, 0)
    trial.advance(25)
    best = max(row["val_skill"] for _, row in trial.rows)
    assert best > 0.5
    fold = made.folds[0]
    y = fold.preprocess.decode_target(fold.y_val[:, :3])
    naive = fold.preprocess.decode_target(fold.y_val[:, 3:])
    trial.save(tmp_path / "trial")
    model = TrainedModel.load(tmp_path / "trial", recipe)
    mae = model.evaluate()["val_mae"]
    skill = 1 - mae / np.abs(y - naive).mean()
    assert model.metrics["val_skill"] == pytest.approx(skill, rel=1e-4)
    assert model.predict(frame(50)).shape[0] == 1


# --- what is missing, and what lies in between ---------------------------------------------------


def test_a_missing_value_is_the_last_one_as_an_input_and_is_not_foretold():
    whole, holed = windows(frame()), frame()
    holed.loc[30, "a"] = np.nan
    block = windows(holed)
    foretells = [n for n, f in enumerate(whole.order.first) if f <= 30 <= f + 2]
    assert block.dropped == len(foretells) == 3
    assert set(whole.order.first) - set(block.order.first) == {28, 29, 30}
    place = list(block.order.first).index(31)
    assert block.x[place][-1, 0] == frame()["a"][29]
    assert np.isfinite(block.x).all()
    assert np.isfinite(block.outlook.naive).all()
    assert any("1 missing values in a" in note for note in block.outlook.notes)


def test_before_the_first_known_value_nothing_is_foretold():
    late = frame()
    late.loc[:19, "a"] = np.nan
    block = windows(late)
    assert block.order.first.min() == 24  # a season after the first known row
    assert np.isnan(block.x).any()
    made = prepare(block, source="x", task="forecasting", reading=Reading("sequence"))
    assert all(np.isfinite(a).all() for f in made.folds for a in (f.x_train, f.y_train, f.y_val))
    late["a"] = np.nan
    with pytest.raises(DataError, match=r"no window of file\.csv is followed by 3 known rows"):
        windows(late)


def test_gaps_are_noted_and_months_are_none():
    days = pd.date_range("2020-01-01", periods=60, freq="D")
    gone = frame().assign(hour=days).drop(index=[20, 21, 40])
    (note,) = windows(gone).outlook.notes
    assert note.startswith("2 steps are more than 1.5 times as long as most in column 'hour'")
    months = frame().assign(hour=pd.date_range("2020-01-01", periods=60, freq="MS"))
    assert windows(months).outlook.notes == ()


def test_dates_are_sorted_as_dates_and_an_index_may_hold_them():
    days = pd.date_range("2020-01-01", periods=60, freq="D")
    written = frame().assign(hour=days.strftime("%d %B %Y"))
    indexed = frame().assign(hour=days).set_index("hour").sample(frac=1, random_state=0)
    assert np.array_equal(windows(written).x, windows(frame()).x)
    assert np.array_equal(windows(indexed).x, windows(frame()).x)


@pytest.mark.parametrize(
    ("change", "more", "path", "words"),
    [
        (lambda f: f.assign(hour=[*f["hour"][:-1], np.nan]), {}, "time", "1 rows have no value"),
        (lambda f: f.assign(hour=["soon"] * 60), {}, "time", "neither numbers nor dates"),
        (lambda f: pd.concat([f, f[4:7]]), {}, "time", "3 moments are in column 'hour' more"),
        (lambda f: f, {"values": ("c",)}, "values", "column 'c' is not in file.csv"),
        (lambda f: f, {"values": ("a", "a")}, "values", "named twice"),
        (lambda f: f, {"values": ()}, "values", "name one column"),
        (lambda f: f.assign(a="x"), {"values": ("a",)}, "values", "holds no numbers"),
    ],
)
def test_what_cannot_be_windows_names_its_key(change, more, path, words):
    with pytest.raises(DataError) as caught:
        windows(change(frame()), **more)
    assert caught.value.path == f"data.series.{path}"
    assert words in str(caught.value)


@pytest.mark.parametrize("key", ["target", "group", "order"])
def test_other_columns_have_no_part_in_it(key):
    named = Columns(**{key: "a"}, series=Windows("hour"))
    with pytest.raises(DataError, match="leave it out") as caught:
        from_series(frame(), named, "file.csv")
    assert caught.value.path == f"data.{key}"


# --- seasonal-naive ------------------------------------------------------------------------------


@pytest.mark.parametrize("season", [1, 2, 3, 5, 12])
def test_the_seasonal_forecast_is_what_was_a_season_before(season):
    block = windows(frame(), season=season, horizon=5)
    series = frame()[["a", "b"]].to_numpy()
    for n in (0, 7, len(block) - 1):
        first = int(block.order.first[n])
        for step in range(5):
            back = season
            while first + step - back >= first:  # not of the forecast itself
                back += season
            wanted = series[first + step - back]
            assert np.array_equal(block.outlook.naive[n].reshape(5, 2)[step], wanted)


def test_the_notes_and_the_identity_tell_both_baselines_in_own_units():
    made = prepared(values=("a",), season=4)
    block = windows(frame(200), values=("a",))
    found = made.identity["baselines"]
    fold = made.folds[0]
    y, naive = (fold.preprocess.decode_target(part) for part in np.hsplit(fold.y_val, 2))
    assert found["seasonal_naive_mae"] == pytest.approx(np.abs(y - naive).mean(), rel=1e-5)
    assert found["seasonal_naive_rmse"] == pytest.approx(np.sqrt(((y - naive) ** 2).mean()))
    count = made.identity["parts"]
    first = next(n for n, t in enumerate(block.target) if np.allclose(t, y[0], atol=1e-6))
    last = block.x[first : first + count["val"], -1]
    assert found["naive_mae"] == pytest.approx(np.abs(y - last).mean(), rel=1e-4)
    assert made.identity["series"] == {
        "time": "hour", "values": ["a"], "window": 8, "horizon": 3, "season": 4,
    }  # fmt: skip
    assert any(f"MAE {found['naive_mae']:.4g}" in note for note in made.notes)


# --- parts ---------------------------------------------------------------------------------------


@given(
    rows=st.integers(40, 90),
    window=st.integers(1, 9),
    horizon=st.integers(1, 5),
    season=st.integers(1, 9),
    folds=st.integers(1, 3),
)
def test_no_training_target_is_in_another_part(rows, window, horizon, season, folds):
    """Values are their own row numbers, so that every target tells where it is from."""
    data = pd.DataFrame({"hour": np.arange(rows), "a": np.arange(rows, dtype=float)})
    block = windows(data, window=window, horizon=horizon, season=season)
    made = prepare(
        block, source="x", task="forecasting", reading=Reading("sequence"), folds=folds,
        split=(0.6, 0.2, 0.2),
    )  # fmt: skip
    tested = set(made.test.target.reshape(-1))
    for fold in made.folds:
        train, val = (
            {round(v) for v in fold.preprocess.decode_target(y[:, :horizon]).reshape(-1)}
            for y in (fold.y_train, fold.y_val)
        )
        assert max(train) < min(val)
        assert max(val) < min(tested)
        seen = fold.preprocess.means[0] + fold.x_train * fold.preprocess.scales[0]
        assert seen.max() < min(val)
        assert fold.preprocess.means[0] == pytest.approx(seen.mean(), abs=1e-3)


def test_files_of_their_own_for_validation_and_test(tmp_path):
    for name, first in (("train", 0), ("val", 300), ("test", 400)):
        part = frame(80)
        part["hour"] += first
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    parts = load_parts(
        "series:train.csv", {"validation": "series:val.csv", "test": "series:test.csv"},
        target=None, base=tmp_path, series=asked().series,
    )  # fmt: skip
    made = prepare(
        parts.main.table, source="series:train.csv", task="forecasting",
        reading=Reading("sequence"), split=(1, 0, 0), own=parts.own,
    )  # fmt: skip
    whole = len(windows(frame(80)))
    assert made.identity["parts"] == {"train": whole, "val": whole, "test": whole}
    assert made.identity["baselines"]["naive_mae"] > 0


# --- sources and the sweep file ------------------------------------------------------------------


def sweep(tmp_path, data, **more):
    frame(120).to_csv(tmp_path / "s.csv", index=False)
    frame(120).to_parquet(tmp_path / "s.parquet", index=False)
    (tmp_path / "own.py").write_text(
        "import pandas as pd\n"
        "def rows():\n    return pd.read_csv(__file__.replace('own.py', 's.csv'))\n"
        "def pair():\n    return 3\n"
    )
    body = {
        "name": "s", "model": "gru", "objective": {"maximize": "val_skill"}, "data": data,
        "space": {"hidden": [4]}, "budget": {"trials": 1, "epochs": 1}, "sampler": "random", **more,
    }  # fmt: skip
    return make_plan(sweepfile.parse(body, "s.yaml"), tmp_path)


SERIES = {"time": "hour", "window": 8, "horizon": 3, "season": 4}


@pytest.mark.parametrize(
    "source",
    ["series:s.csv", "series:s.parquet", "csv:s.csv", "parquet:s.parquet", "python:own.py:rows"],
)
def test_every_source_of_rows_gives_the_same_windows(tmp_path, source):
    plan = sweep(tmp_path, {"source": source, "series": SERIES})
    assert plan.prepared.info.task == "forecasting"
    assert (plan.prepared.info.input_shape, plan.prepared.info.outputs) == ((8, 2), 6)
    whole = sweep(tmp_path, {"source": "series:s.csv", "series": SERIES})
    assert plan.prepared.identity["hash"] == whole.prepared.identity["hash"]


@pytest.mark.parametrize("loss", ["mae", {"huber": {"delta": 2.0}}])
def test_a_loss_of_numbers_is_one_of_forecasts_and_mlp_forecasts_too(tmp_path, loss):
    data = {"source": "series:s.csv", "series": SERIES}
    plan = sweep(tmp_path, data, loss=loss, model="mlp", metrics=["val_mae", "val_r2"])
    trial = open_trial(plan.recipe(), {"hidden": [8], "lr": 0.02}, 0)
    trial.advance(2)
    assert {"val_skill", "val_mae", "val_r2"} <= set(trial.rows[-1][1])


@pytest.mark.parametrize(
    ("data", "more", "words"),
    [
        ({"source": "series:s.csv"}, {}, "data.series: name the column of time"),
        ({"source": "sklearn:digits", "series": SERIES}, {}, "data.series: sklearn:digits has no"),
        ({"source": "python:own.py:pair", "series": SERIES}, {}, "own.py:pair returned a int"),
        ({"source": "series:s.csv", "series": SERIES, "shape": [8, 2]}, {}, "data.shape: [8, 2]"),
        ({"source": "series:s.csv", "series": SERIES, "stratify": "a"}, {}, "data.stratify: 'a'"),
        ({"source": "series:s.csv", "series": SERIES}, {"task": "regression"}, "task: 'regr"),
        ({"source": "series:s.csv", "series": SERIES}, {"model": "cnn"}, "data.source: the model"),
        ({"source": "series:s.csv", "series": {**SERIES, "wndow": 3}}, {}, "unknown key 'wndow'"),
        ({"source": "series:s.csv", "series": {**SERIES, "horizon": 0}}, {}, "data.series.horizon"),
        ({"source": "series:s.csv", "series": {"window": 3}}, {}, "data.series.time: is missing"),
        ({"source": "series:s.csv", "series": {**SERIES, "window": 200}}, {}, "s.csv has 120 rows"),
        (
            {"source": "series:s.csv", "series": SERIES},
            {"space": {"window": {"int": [4, 9]}}},
            "space.window: 9 steps are more than the 8",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_one_line(tmp_path, data, more, words):
    with pytest.raises((SweepFileError, TrainableError)) as caught:
        sweep(tmp_path, data, **more)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_forecasting_needs_series(tmp_path):
    with pytest.raises(DataError, match=r"data\.series: forecasting needs windows"):
        sweep(tmp_path, {"source": "sklearn:diabetes", "shape": [5, 2]}, task="forecasting")


# --- predictions ---------------------------------------------------------------------------------


@functools.cache  # only looked at
def trained(**more):
    made = prepared(**more)
    recipe = Recipe(model="lstm", prepared=made.for_trials(), monitor="val_skill", mode="max")
    trial = open_trial(recipe, {"hidden": [4], "batch_size": 16, "from_last": True}, 0)
    trial.advance(1)
    with tempfile.TemporaryDirectory() as folder:
        trial.save(Path(folder) / "trial")
        return TrainedModel.load(Path(folder) / "trial", recipe)


def test_predictions_are_in_own_units_by_step_and_series():
    model, data = trained(), frame(50)
    found = model.predict(data)
    assert found.shape == (1, 3, 2)
    window = data[["a", "b"]].to_numpy()[None, -8:]
    assert np.array_equal(model.predict(window), found)
    assert np.array_equal(model.predict(data[["b", "hour", "a"]]), found)  # by name
    assert model.predict(np.concatenate([window, window + 1])).shape == (2, 3, 2)
    shift = np.array([5.0, -3.0])
    moved = model.predict(window + shift)
    assert np.allclose(moved, found + shift, atol=1e-4)  # from_last, series by series
    assert trained(values=("a",)).predict(data).shape == (1, 3)


def test_what_is_missing_at_the_end_is_the_last_known():
    model, data = trained(), frame(50)
    holed, same = data.copy(), data.copy()
    holed.loc[49, "a"] = np.nan
    same.loc[49, "a"] = same.loc[48, "a"]
    assert np.array_equal(model.predict(holed), model.predict(same))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.head(7), "the model takes 8 rows, and the DataFrame has 7"),
        (lambda f: f.drop(columns="b"), "column 'b' is not in the DataFrame"),
        (lambda f: f.assign(b="x"), "the series are numbers"),
        (lambda f: np.zeros((2, 5, 2)), "[rows, 8, 2]"),
    ],
)
def test_what_cannot_be_predicted_from_is_one_line(change, words):
    with pytest.raises(DataError) as caught:
        trained().predict(change(frame(50)))
    assert words in str(caught.value)


def test_the_test_part_is_scored():
    model, made = trained(), prepared()
    found = model.score(made.test, ("skill", "mae"))
    y = made.test.target
    values = model.predict(made.test).reshape(len(y), -1)
    assert found["mae"] == pytest.approx(np.abs(values - y).mean(), rel=1e-4)
    assert found["skill"] < 1


# --- from Python ---------------------------------------------------------------------------------


@pytest.mark.parametrize("as_index", [False, True])
def test_a_data_frame_of_series_is_tuned_from_python(tmp_path, as_index):
    data = frame(120).assign(hour=pd.date_range("2024-01-01", periods=120, freq="h"))
    result = lw.tune(
        model="gru",
        data={"source": data.set_index("hour") if as_index else data, "series": SERIES},
        space={"hidden": [4], "lr": lw.Float(1e-3, 1e-1, log=True)},
        maximize="val_skill",
        trials=2,
        epochs=2,
        executor="inline",
        home=tmp_path,
        progress=False,
        report=False,
    )
    assert result.best.model.predict(data).shape == (1, 3, 2)
