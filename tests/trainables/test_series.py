"""Windows of series: what they hold, what is not foretold, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from trainables.columns import Columns, Windows
from trainables.dataset import prepare
from trainables.errors import DataError
from trainables.inputs import Reading
from trainables.series import from_series
from trainables.trained import TrainedModel
from trainables.trial import Recipe, open_trial


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
