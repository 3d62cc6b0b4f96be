"""The cursor file, masks, the command for the pages, and what may be imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lanewise.dashboards import ui
from lanewise.dashboards.state import Cursor, cursor_path, mask, read_cursor, write_cursor
from lanewise.search.errors import SearchError
from lanewise.search.store.home import Home


def test_looking_imports_no_mlflow_torch_or_ray():
    modules = "summary, terminal, progress, state, launcher, ui, projection, projector, describe"
    code = (
        f"import sys; from lanewise.dashboards import {modules}\n"
        "print([name for name in ('mlflow', 'torch', 'ray', 'optuna') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_cursor_survives_and_a_broken_one_is_as_none(tmp_path):
    home = Home(tmp_path)
    assert read_cursor(home, "s") == Cursor()
    cursor = Cursor(7, "sqlite:///x", "1", "r", 12.5, None)
    write_cursor(home, "s", cursor)
    assert read_cursor(home, "s") == cursor
    for broken in ('{"seq": 3, "tracking', '{"seq": "3"}', '{"other": 1}', "[]", ""):
        cursor_path(home, "s").write_text(broken)
        assert read_cursor(home, "s") == Cursor()


@pytest.mark.parametrize(
    ("uri", "masked"),
    [
        ("postgresql://me:p@ss@db/x", "postgresql://me:***@db/x"),
        ("https://me:{}%/@host", "https://me:***@host"),
        ("http://host:5000/x?token=abc&y=1", "http://host:5000/x?token=***&y=1"),
        ("http://host:5000", "http://host:5000"),
        ("https://t0ken@host/", "https://***@host/"),
        ("https://t0ken@host:5000/a/b?c=d", "https://***@host:5000/a/b?c=d"),
        ("HTTPS://t0ken:@host", "HTTPS://***:@host"),
        ("https://ghp_1:x-oauth-basic@host", "https://***:x-oauth-basic@host"),
        ("https://t0k%2Fen@host", "https://***@host"),
        ("https://t0@ken@host/x", "https://***@host/x"),
        ("https://:pw@host", "https://:***@host"),
        ("https://me@corp.com:p/w@host", "https://me@corp.com:***@host"),
        ("postgresql+psycopg2://me:pw@host/x", "postgresql+psycopg2://me:***@host/x"),
        ("postgresql://me@host/x", "postgresql://me@host/x"),
        ("mysql://me:a#b@host/x", "mysql://me:***@host/x"),
        ("http://host/x@y", "http://host/x@y"),
        (
            "http://host/?api_key=a&auth=b#access_token=c",
            "http://host/?api_key=***&auth=***#access_token=***",
        ),
        ("https://host/?sv=1&sig=a%3D&x=y", "https://host/?sv=1&sig=***&x=y"),
        ("https://me:pw@host/?pwd=a;password=b", "https://me:***@host/?pwd=***;password=***"),
        ("databricks://profile", "databricks://profile"),
        ("", ""),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
    ],
)
def test_masks(uri, masked):
    assert mask(uri) == masked
    assert mask(masked) == masked


def test_the_pages_are_for_this_machine_only(tmp_path):
    home = Home(tmp_path)
    words = ui.command(home, port=5055)
    assert f"sqlite:///{tmp_path}/mlflow.db" in words
    assert words[words.index("--host") + 1] == "127.0.0.1"
    with pytest.raises(SearchError, match="no password"):
        ui.command(home, host="0.0.0.0")
    with pytest.raises(SearchError, match="open it in a browser"):
        ui.command(home, "http://host:5000")


def test_addresses_of_pages():
    """Without the workflow, MLflow opens its pages for prompts; checked by eye in 3.17."""
    assert ui.page() == "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"
    page = ui.page("1", "s-1", "val_loss", "min", port=5055)
    assert page.startswith("http://127.0.0.1:5055/#/experiments/1/runs?")
    assert "%27s-1%27" in page
    assert page.endswith("orderByKey=tags.%60lanewise.order%60&orderByAsc=true")
    older = ui.page("1", "s-1", "val_accuracy", "max", "age")  # its runs have no such tag
    assert older.endswith("orderByKey=metrics.%60best_val_accuracy%60&orderByAsc=false")
    viewed = ui.page("1", "s-1", "val_loss", "min", has_view=True)
    # Anything more in it that a view has, too, and MLflow does not look at the view.
    assert viewed.partition("?")[2] == "workflowType=machine_learning&viewStateShareKey=s-1"
