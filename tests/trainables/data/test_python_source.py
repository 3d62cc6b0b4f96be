"""Data from a user's function: python:FILE.py:name, python:package.module:name."""

import numpy as np
import pytest

from lanewise.trainables.data.arrays import save_arrays
from lanewise.trainables.data.source import load
from lanewise.trainables.data.table import identity
from lanewise.trainables.errors import DataError

CODE = """
import numpy as np
import pandas as pd

X = np.arange(12.0).reshape(6, 2)
y = np.array([0, 1] * 3)
frame = pd.DataFrame({"n": [1, 2, 3, 4, 5, None], "t": ["a", "b", None, "a", "b", 1], "y": y})

def arrays():
    print("reading")
    return X, y

def lists():
    return X.tolist(), ["no", "yes"] * 3

def joined():
    return frame[["n", "t"]], frame["y"]

def named():
    return frame, "y"

def wrong():
    return [1, 2, 3]

def nothing():
    pass

def uneven():
    return X, y[:5]

def nested():
    return pd.DataFrame({"a": [[1], [2]]}), [0, 1]

def twice():
    return pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), [0, 1]

def imaginary():
    return pd.DataFrame({"a": [1j, 2j]}), [0, 1]

def needs(argument):
    return X, y

def breaks():
    return helper()

def helper():
    raise KeyError("deep inside")
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "rows.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("import no_such_module_anywhere\n")
    package = tmp_path / "own_data_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "rows.py").write_text(CODE)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "columns", "target"),
    [
        ("arrays", ("x0", "x1"), "target"),
        ("lists", ("x0", "x1"), "target"),
        ("joined", ("n", "t"), "target"),
        ("named", ("n", "t"), "y"),
    ],
)
@pytest.mark.parametrize("module", ["rows.py", "own_data_package.rows"])
def test_every_form(place, module, name, columns, target, capsys):
    table = load(f"python:{module}:{name}", target=None, base=place)
    assert (table.columns, table.target_name, len(table)) == (columns, target, 6)
    assert capsys.readouterr().out == ""  # standard output is for results
    assert load(f"python:{module}:{name}", target=target, base=place).columns == columns


def test_read_as_if_given_to_tune(place):
    import pandas as pd

    table = load("python:rows.py:named", target=None, base=place)
    frame = pd.DataFrame(
        {"n": [1, 2, 3, 4, 5, None], "t": ["a", "b", None, "a", "b", 1], "y": [0, 1] * 3}
    )
    saved = save_arrays(place / "saved", (frame, "y"))
    again = load(saved.source, target=saved.target, base=place)
    assert identity(again, "")["hash"] == identity(table, "")["hash"]


def test_grouped_by_a_column(place):
    (place / "visits.py").write_text(
        "import pandas as pd\n"
        "def rows():\n"
        "    return pd.DataFrame({'a': [1, 2], 'who': [7, 8], 'y': [0, 1]}), 'y'\n"
    )
    table = load("python:visits.py:rows", target=None, base=place, group="who")
    assert table.columns == ("a",)
    assert table.groups.values.tolist() == ["7", "8"]


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("rows.py:wrong", {}, "rows.py:wrong returned bad data: give (X, y), (DataFrame, y) or"),
        ("rows.py:wrong", {}, "not list"),
        ("rows.py:nothing", {}, "not NoneType"),
        ("rows.py:uneven", {}, "X has 6 rows and y has 5"),
        ("rows.py:nested", {}, "holds lists"),
        ("rows.py:twice", {}, "more than one column 'a'"),
        ("rows.py:imaginary", {}, "column 'a' holds complex numbers"),
        ("rows.py:arays", {}, "did you mean 'arrays'?"),
        ("rows.py:X", {}, "is a ndarray, not a function"),
        ("rwos.py:arrays", {}, "did you mean 'rows.py'?"),
        ("no_such_package.rows:arrays", {}, "no module 'no_such_package'"),
        ("rows.py", {}, "is no reference to code"),
        ("rows.py:named", {"target": "n"}, "data.target: rows.py:named returns its own target"),
        ("rows.py:named", {"group": "who"}, "data.group: column 'who' is not in rows.py:named"),
        ("rows.py:arrays", {"group": "who"}, "data.group: rows.py:arrays returns arrays"),
    ],
)
def test_mistakes_are_one_line(place, source, options, words):
    with pytest.raises(DataError) as caught:
        load(f"python:{source}", **{"target": None, "base": place, **options})
    assert words in str(caught.value)
    assert str(caught.value).startswith("data.")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("source", "cause", "words"),
    [
        ("rows.py:breaks", KeyError, "rows.py:breaks failed: KeyError: 'deep inside'"),
        ("rows.py:needs", TypeError, "rows.py:needs failed: TypeError"),
        ("broken.py:rows", ModuleNotFoundError, "broken.py does not import: ModuleNotFoundError"),
    ],
)
def test_a_bug_keeps_its_traceback(place, source, cause, words):
    with pytest.raises(DataError) as caught:
        load(f"python:{source}", target=None, base=place)
    assert words in str(caught.value)
    assert isinstance(caught.value.__cause__, cause)


def test_saved_groups(tmp_path):
    X, y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2
    saved = save_arrays(tmp_path, (X, y), [1, 1, 2, 2, 3, 3])
    assert saved.source.startswith("npz:")
    table = load(saved.source, target=saved.target, base=tmp_path, group=saved.group)
    assert table.groups.values.tolist() == ["1", "1", "2", "2", "3", "3"]
    assert save_arrays(tmp_path, (X, y)) != saved
    text = save_arrays(tmp_path, (X, ["a", "b"] * 3), np.array(["u", "v", "w"] * 2))
    table = load(text.source, target=text.target, base=tmp_path, group=text.group)
    assert (table.columns, table.groups.name) == (("x0", "x1"), "groups")


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([1, 2], "groups: give one value per row, [6], not [2]"),
        ([[1]] * 6, "groups: give one value per row, [6], not [6, 1]"),
        (["a", None] * 3, "groups: 3 rows have no group"),
        ("who", "groups: a column name, 'who', needs a DataFrame"),
    ],
)
def test_groups_that_cannot_be_saved(tmp_path, groups, words):
    with pytest.raises(DataError) as caught:
        save_arrays(tmp_path, (np.zeros((6, 2)), np.zeros(6)), groups)
    assert words in str(caught.value)


def test_groups_by_the_name_of_a_column(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2, 3, 4], "who": ["u", "u", "v", "v"], "y": [0, 1, 0, 1]})
    for data in ((frame, "y"), (frame[["a", "who"]], frame["y"])):
        saved = save_arrays(tmp_path, data, "who")
        table = load(saved.source, target=saved.target, base=tmp_path, group=saved.group)
        assert (table.columns, table.groups.values.tolist()) == (("a",), ["u", "u", "v", "v"])
    with pytest.raises(DataError, match=r"groups: column 'whom' is not in the DataFrame"):
        save_arrays(tmp_path, (frame, "y"), "whom")
