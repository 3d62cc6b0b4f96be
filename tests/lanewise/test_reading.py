"""Raw rows are read by a model as the sweep read them; what was made of them is said."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lanewise as lw
from lanewise.search.store.home import Home
from lanewise.search.store.view import open_view

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def rows(count: int, seed: int) -> pd.DataFrame:
    """As people have them: every column matters to the class, of which one is called None."""
    r = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "job": r.choice(["Gov", "Private"], count),
            "member": r.choice(["true", "false"], count),
            "code": r.choice(["007", "042", "A1"], count),
            "region": r.choice(["NA", "EU"], count),
            "pay": r.integers(-50, 50, count) / 4,
        }
    )
    points = (frame.job == "Gov") * 8.0 + (frame.member == "true") * 8 + (frame.region == "NA") * 8
    points += frame.code.map({"007": 0, "042": 8, "A1": 16}) + frame.pay
    frame["pay"] = [f"{value:.2f}".replace(".", ",") for value in frame.pay]
    frame["plan"] = np.where(points < 20, "None", "gold")
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rows")
    for name, count in (("train", 800), ("valid", 200)):
        frame = rows(count, len(name) + count)
        lines = ["; ".join(map(str, row)) for row in frame.itertuples(index=False)]
        lines += ["Gov; true; 007; EU; 3,5; "] * (name == "train")  # without a class
        text = "\n".join(["job; member; code; region; pay; plan", *lines])
        (place / f"{name}.csv").write_text(text)
    return place


@pytest.fixture(scope="module")
def told(folder: Path) -> tuple[lw.Result, str]:
    """A sweep, and what it printed on standard error."""
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        result = lw.tune(
            model="mlp",
            data={
                "source": f"csv:{folder / 'train.csv'}",
                "validation": f"csv:{folder / 'valid.csv'}",
                "target": "plan",
                "split": [1, 0, 0],
            },
            space={"hidden": [16], "lr": 0.03},
            maximize="val_accuracy",
            trials=1,
            epochs=20,
            executor="inline",
            home=folder / "home",
            progress=False,
            report=False,
        )
    return result, errors.getvalue()


def test_a_model_reads_raw_rows_as_the_sweep_did(told: tuple[lw.Result, str], folder: Path) -> None:
    result, _ = told
    model, right = result.best.model, result.best.metrics["val_accuracy"]
    assert right > 0.95
    assert model.info.classes == ("None", "gold")
    raw = pd.read_csv(folder / "valid.csv", sep=";")  # blanks before names and values
    answers = raw[" plan"].fillna("None").str.strip()  # which pandas takes for missing
    features = raw.drop(columns=" plan")
    clean = pd.read_csv(folder / "valid.csv", sep=";", skipinitialspace=True, decimal=",")
    forms: dict[str, Any] = {
        "raw": raw,
        "without the target": features[features.columns[::-1]],
        "rows": features.to_numpy(object).tolist(),
        "records": features.to_dict("records"),
        "as pandas reads it": clean,
        "types of pandas": clean.convert_dtypes(),
        "all text": features.astype("string[pyarrow]"),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, form in forms.items():
            assert (model.predict(form) == answers).mean() == pytest.approx(right), name


def test_strangers_are_said_when_predicting(told: tuple[lw.Result, str]) -> None:
    model, frame = told[0].best.model, rows(40, 5)
    with pytest.warns(UserWarning, match=r"100% of the values in job were not seen .*'GOV'"):
        model.predict(frame.assign(job="GOV"))
    model.predict(frame.head(1).assign(job="Oslo"))  # a single one is no column of them


def test_what_was_left_out_and_parsed_is_said_by_tune_and_kept(
    told: tuple[lw.Result, str], folder: Path
) -> None:
    result, errors = told
    left_out = "1 of 801 rows (0.1%) have no value in plan: left out"
    assert f"data: {left_out}\n" in errors
    assert "pay: text such as" in errors
    notes = open_view(Home(folder / "home").journal(), result.summary["sweep"]).history.notes
    assert left_out in notes["data"]
