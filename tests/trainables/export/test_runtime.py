"""An exported model answers raw rows without torch, as the trained one does."""

import json
import subprocess
import sys

import numpy as np
import pytest

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.errors import CheckpointError, ExportError, RowError
from lanewise.trainables.export.folder import export
from lanewise.trainables.export.runtime import ExportedModel
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial


@pytest.fixture(scope="module")
def iris(tmp_path_factory, prepared):
    return exported(tmp_path_factory.mktemp("iris"), prepared("sklearn:iris"), "val_accuracy")


def exported(folder, data, monitor):
    recipe = Recipe(model="mlp", prepared=data.for_trials(), monitor=monitor, mode="max")
    trial = open_trial(recipe, {"hidden": [8]}, 1)
    trial.advance(2)
    trial.save(folder / "c")
    model = TrainedModel.load(folder / "c", recipe)
    export(model, folder / "exported")
    return model, folder / "exported"


def rows_of(folder):
    return json.loads((folder / "example.json").read_text())["rows"]


def test_it_answers_as_the_trained_model(iris):
    model, folder = iris
    read = ExportedModel.read(folder)
    rows = rows_of(folder)
    for answer, label, shares in zip(
        read.answers(rows), model.predict(rows), model.predict_proba(rows), strict=True
    ):
        assert answer["label"] == label
        assert [*answer["probabilities"]] == ["0", "1", "2"]
        assert [*answer["probabilities"].values()] == pytest.approx(list(shares), abs=1e-6)


IMPORTS = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import json
from pathlib import Path
from lanewise.trainables.export.runtime import ExportedModel
folder = Path(sys.argv[1])
rows = json.loads((folder / "example.json").read_text())["rows"]
print(json.dumps(ExportedModel.read(folder).answers(rows)))
"""
REFUSED = ("torch", "pandas", "sklearn", "mlflow", "ray", "scipy", "onnx", "pydantic", "pyarrow")


def test_it_needs_numpy_and_onnxruntime_alone(iris):
    _, folder = iris
    code = IMPORTS.replace("{refused}", repr({*REFUSED}))
    made = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout) == ExportedModel.read(folder).answers(rows_of(folder))


def test_a_changed_file_is_refused(iris, tmp_path):
    _, folder = iris
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "preprocessing.json").write_text("[]")
    with pytest.raises(CheckpointError, match="is damaged: its hash"):
        ExportedModel.read(tmp_path)
    (tmp_path / "preprocessing.json").unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        ExportedModel.read(tmp_path)


def test_another_folder_is_left_alone(iris, tmp_path):
    model, _ = iris
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ExportError, match="holds other things"):
        export(model, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"petal length (cm)": "long"}, "rows[1].petal length (cm): 'long' is no number"),
        ({"petal length (cm)": [1]}, "rows[1].petal length (cm): a list: give a number"),
        ({"petal length (cm)": 10**400}, "rows[1].petal length (cm): 1000"),
        (None, "rows[1].petal length (cm): it is missing; give null where"),
    ],
)
def test_a_bad_value_is_named_by_its_row_and_column(iris, change, message):
    _, folder = iris
    first, second = rows_of(folder)
    second = {**second, **(change or {})}
    if change is None:
        del second["petal length (cm)"]
    with pytest.raises(RowError) as caught:
        ExportedModel.read(folder).answers([first, second])
    assert str(caught.value).startswith(message)
    assert caught.value.row == 1


def test_no_rows_have_no_answers(iris):
    assert ExportedModel.read(iris[1]).answers([]) == []


def test_a_regression_answers_in_the_targets_units(tmp_path, prepared):
    model, folder = exported(tmp_path, prepared("sklearn:diabetes"), "val_r2")
    rows = rows_of(folder)
    values = [answer["value"] for answer in ExportedModel.read(folder).answers(rows)]
    assert values == pytest.approx(list(model.predict(rows)), rel=1e-6)
    assert np.std(values) < 1000
