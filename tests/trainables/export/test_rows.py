"""Raw rows in JSON are read as a file of the same rows is, and bad ones are named."""

import base64
import csv
import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parent))

from trained_families import trained

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.data.columns import Columns
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.new_rows import read_rows
from lanewise.trainables.data.source import load_rows
from lanewise.trainables.errors import CheckpointError, RowError
from lanewise.trainables.export import rows
from lanewise.trainables.export.examples import example_rows
from lanewise.trainables.export.folder import export
from lanewise.trainables.export.pytorch import answering
from lanewise.trainables.export.runtime import ExportedModel, session
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

COLUMNS = ("age", "price", "smokes", "city", "code", "day")


class Both(tuple):
    """A trained model and the exported one, in a word: hypothesis shows them."""

    def __repr__(self):
        return "models"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Of a CSV with gaps, decimal commas, truth values, categories, codes and dates."""
    folder = tmp_path_factory.mktemp("csv")
    rng, number = np.random.default_rng(0), np.arange(80)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 80),
            "price": [f"{value:.2f}".replace(".", ",") for value in rng.normal(50, 9, 80)],
            "smokes": [("true", "false")[i % 2] for i in number],
            "city": [("Bern", "Rome", "Oslo", "")[i % 4] for i in number],
            "code": [f"0{i % 3}A" for i in number],
            "day": pd.date_range("2024-01-01", periods=3)
            .strftime("%d/%m/%Y")
            .to_numpy()[number % 3],
            "y": [("no", "yes")[i % 2] for i in number],
        }
    )
    frame["age"] = frame["age"].astype(object).where(number % 9 > 0, "")
    frame.to_csv(folder / "rows.csv", index=False)
    table = load_rows("csv:rows.csv", Columns("y"), folder)
    data = prepare(table, source="csv:rows.csv", task="binary", folds=2)
    recipe = Recipe(model="mlp", prepared=data.for_trials(), threads=1)
    trial = open_trial(recipe, {"hidden": [6]}, 1)
    trial.advance(2)
    trial.save(folder / "c")
    made = TrainedModel.load(folder / "c", recipe)
    export(made, folder / "m")
    return Both((made, ExportedModel.read(folder / "m")))


NUMBERS = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6),
    st.floats(-1e6, 1e6),
    st.sampled_from(["", " 7 ", "3", "NA"]),
)
VALUES = {
    "age": NUMBERS,
    "price": st.one_of(NUMBERS, st.sampled_from(["12,5", "1,25", "?"])),
    "smokes": st.sampled_from([None, True, False, "true", "FALSE", "yes", "1", "", "maybe"]),
    "city": st.sampled_from([None, "Bern", " Rome ", "oslo", "Paris", "", 3, 2.0, True]),
    "code": st.sampled_from([None, "00A", "01A", "1A", "", "09A"]),
    "day": st.sampled_from([None, "01/01/2024", "1/1/2024", "2024-01-02", "3.1.2024", "soon", ""]),
}
ROWS = st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_answers_are_the_trained_models_predictions(model, drawn):
    trained_one, exported = model
    answers = exported.answers(drawn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of values that training has not seen
        columns = {name: [row[name] for row in drawn] for name in COLUMNS}
        shares = trained_one.predict_proba(pd.DataFrame(columns, dtype=object))
        said = trained_one.predict(drawn)
    found = [[*answer["probabilities"].values()] for answer in answers]
    assert np.allclose(found, shares, atol=1e-5)
    near = np.abs(shares[:, 0] - 0.5) < 1e-5
    assert np.all((said == [answer["label"] for answer in answers]) | near)


WRITTEN = {  # what a CSV's values are in JSON
    "age": st.one_of(st.none(), st.integers(-999, 999)),
    "price": st.sampled_from([None, "12,5", "1,25", "7,00"]),
    "smokes": st.sampled_from(["true", "false"]),
    "city": st.sampled_from([None, "Bern", "Rome", "oslo", "Paris"]),
    "code": st.sampled_from([None, "00A", "01A", "1A", "09A"]),
    "day": st.sampled_from([None, "01/01/2024", "1/1/2024", "2024-01-02", "soon"]),
}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fixed_dictionaries(WRITTEN), min_size=2, max_size=9))
def test_a_file_of_the_same_rows_is_read_alike(model, tmp_path_factory, drawn):
    _, exported = model
    file = tmp_path_factory.mktemp("rows") / "new.csv"
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS)
        writer.writeheader()
        writer.writerows(drawn)
    fitted = exported.preprocess[0]
    from_file = fitted.transform(fitted.read(next(read_rows(file, fitted)).X))
    assert np.array_equal(fitted.transform(exported.inputs_of(drawn)), from_file)


def test_columns_are_described_for_a_client(model):
    _, exported = model
    found = {column.name: column.type for column in exported.about.columns}
    assert found == {
        "age": "number",
        "price": "number",
        "smokes": "boolean",
        "city": "category",
        "code": "category",
        "day": "date",
    }
    first, second = example_rows(exported.preprocess[0])
    assert [*first] == [*COLUMNS]
    assert second["age"] is None
    assert second["city"] is None


# -- other forms ---------------------------------------------------------------------------------


def test_a_picture_is_numbers_or_a_file_in_base64():
    from PIL import Image

    fitted = trained("cnn", "image", "multiclass", folds=1).preprocess[0]
    one = np.arange(60).reshape(fitted.shape)
    assert np.array_equal(rows.read([{"image": one.tolist()}], fitted), one[None])
    with pytest.raises(RowError, match=r"rows\[0\]\.image: give numbers in lists of 2 × 6 × 5"):
        rows.read([{"image": one[0].tolist()}], fitted)
    grey = type(fitted)((1, 6, 5), (0.0,), (1.0,))
    pixels = np.arange(30, dtype=np.uint8).reshape(6, 5)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode()
    found = rows.read([{"image": text}, {"image": pixels.tolist()}], grey)
    assert np.array_equal(found, [pixels[None], pixels[None]])
    for bad, message in (("nope!", "no base64"), ("bm9wZQ==", "no readable picture")):
        with pytest.raises(RowError, match=rf"rows\[1\]\.image: .*{message}"):
            rows.read([{"image": text}, {"image": bad}], grey)


def test_a_sequence_may_have_gaps():
    fitted = trained("gru", "sequence", "multiclass", folds=1).preprocess[0]
    steps = [[1, None, "3"]] * 7
    found = rows.read([{"sequence": steps}], fitted)
    assert np.array_equal(found[0], np.tile([1, np.nan, 3], (7, 1)), equal_nan=True)
    with pytest.raises(RowError, match=r"rows\[0\]\.sequence: give numbers in lists of 7 × 3"):
        rows.read([{"sequence": steps[1:]}], fitted)
    with pytest.raises(RowError, match=r"rows\[0\]\.sequence: .*'x' is no number"):
        rows.read([{"sequence": [[1, "x", 3]] * 7}], fitted)


def test_a_window_is_the_last_rows_of_the_series():
    model = trained("mlp", "sequence", "forecasting", folds=1)
    window = [{"a": n, "b": None if n == 8 else -n} for n in range(9)]
    frame = pd.DataFrame(window)
    found = answering(model).answers([{"window": window}])
    steps = [[*step.values()] for step in found[0]["values"]]
    assert np.allclose(steps, model.predict(frame)[0])
    with pytest.raises(RowError, match=r"rows\[0\]\.window: the model takes 6 rows, and there"):
        answering(model).answers([{"window": window[:5]}])


def test_a_text_may_be_missing_and_has_its_own_column():
    model = trained("text", "text", "binary", folds=1)
    texts = ["a cat sat", None, ""]
    found = answering(model).answers([{"text": text} for text in texts])
    assert [answer["label"] for answer in found] == model.predict(texts).tolist()
    with pytest.raises(RowError, match=r"rows\[0\]\.text: it is missing; .*did you mean 'texts'"):
        answering(model).answers([{"texts": "a"}])


def test_who_is_new_is_a_stranger():
    model = trained("recommender", "ids", "regression", folds=1)
    given_rows = [{"user": "u1", "item": "i2"}, {"user": "new", "item": None}]
    values = [answer["value"] for answer in answering(model).answers(given_rows)]
    frame = pd.DataFrame(given_rows)
    assert values == pytest.approx(model.predict(frame).tolist())


def test_a_row_is_an_object():
    fitted = trained("text", "text", "binary", folds=1).preprocess[0]
    with pytest.raises(RowError, match=r"rows\[0\]: a row is an object with text, not 'cat'"):
        rows.read(["cat"], fitted)


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["/etc/hostname", "../secret", "weights.bin"])
def test_a_network_never_reads_other_files(place, tmp_path, monkeypatch):
    import onnx

    (tmp_path / "weights.bin").write_bytes(bytes(16))
    monkeypatch.chdir(tmp_path)
    weight = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "w")
    onnx.external_data_helper.set_external_data(weight, place)
    weight.ClearField("raw_data")
    node = onnx.helper.make_node("Add", ["x0", "w"], ["output0"])
    values = [onnx.helper.make_tensor_value_info(n, 1, ["N", 4]) for n in ("x0", "output0")]
    graph = onnx.helper.make_graph([node], "g", values[:1], values[1:], [weight])
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    with pytest.raises(CheckpointError, match="refers to other files"):
        session(proto.SerializeToString(), 1)


def test_what_is_no_network_is_refused_in_a_line():
    with pytest.raises(CheckpointError, match="no model that onnxruntime reads"):
        session(b"no model", 1)
