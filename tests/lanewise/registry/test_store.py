"""Versions and aliases in MLflow: whole or not at all, checked, and moved back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lanewise.registry.errors import RegistryError
from lanewise.registry.names import parse
from lanewise.search.store.home import Home
from lanewise.trainables.errors import CheckpointError

if TYPE_CHECKING:
    from lanewise.registry.store import Located, Registry, Version

# MLflow's own, about SQLAlchemy.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning")

STEPS = (
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "create_registered_model",
    "create_model_version",
    "set_registered_model_tag",
    "set_registered_model_alias",
)


class Killed(BaseException):
    """As a kill does, it ends a promotion between two steps, and nothing catches it."""


class Model:
    """One registered model, whose versions hold a text each."""

    def __init__(self, registry: Registry, name: str, folder: Path) -> None:
        self.registry = registry
        self.name = name
        self.folder = folder

    def register(self, text: str, alias: str = "champion") -> Version:
        (self.folder / "artifacts" / "bundle").mkdir(parents=True, exist_ok=True)
        (self.folder / "MLmodel").write_text("flavors: {}\n")
        (self.folder / "artifacts" / "bundle" / "weights").write_text(text)
        client, root = self.registry.client, self.registry.home.root
        found = client.get_experiment_by_name("promoted")
        location = (root / "artifacts" / "promoted").as_uri()
        experiment = (
            found.experiment_id if found else client.create_experiment("promoted", location)
        )
        return self.registry.register(
            self.name,
            alias,
            lambda model_id: self.folder,
            experiment_id=experiment,
            run_id=client.create_run(experiment).info.run_id,
            tags={"lanewise.variant": "float32"},
            params={"lr": "0.1"},
            card="# a card\n",
        )

    def located(self, version: str = "@champion") -> Located:
        return self.registry.resolve(parse(self.name + version))

    def text(self, version: str = "@champion") -> str:
        return (self.located(version).bundle / "weights").read_text()

    def rollback(self, to: int | None = None, alias: str = "champion") -> int:
        return self.registry.rollback(self.name, alias, to).now


@pytest.fixture
def model(registry: Registry, tmp_path: Path) -> Model:
    """A model that is not registered yet."""
    return Model(registry, tmp_path.name, tmp_path / "draft")


def test_a_version_has_its_tags_its_card_and_its_alias(model: Model) -> None:
    made = model.register("one")
    assert (made.number, made.aliases, made.description) == (1, ("champion",), "# a card\n")
    assert made.tags["lanewise.variant"] == "float32"
    second = model.register("two", alias="challenger")
    listed = model.registry.versions(model.name)
    assert [(v.number, v.aliases) for v in listed] == [(2, ("challenger",)), (1, ("champion",))]
    assert [v for v in model.registry.versions() if v.name == model.name] == listed
    assert model.registry.version_of(parse(f"{model.name}@challenger")) == second.number
    assert (model.text(""), model.text("/2"), model.text("@challenger")) == ("one", "two", "two")
    assert model.located("/2").exported is None


@pytest.mark.parametrize("step", STEPS)
def test_a_promotion_that_is_killed_leaves_the_alias_where_it_was(
    model: Model, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    model.register("one")
    with monkeypatch.context() as patched:
        patched.setattr(model.registry.client, step, kill)
        with pytest.raises(Killed):
            model.register("two")
    assert model.text() == "one"
    for version in model.registry.versions(model.name):  # without an alias, but whole
        model.located(f"/{version.number}")
    model.register("three")
    assert model.text() == "three"
    assert model.rollback() == 1


def test_a_rollback_goes_back_step_by_step(model: Model) -> None:
    for text in ("one", "two", "three"):
        model.register(text)
    assert [model.rollback(), model.rollback()] == [2, 1]
    with pytest.raises(RegistryError, match=r"@champion was never another version than 1"):
        model.rollback()
    assert model.rollback(to=3) == 3
    assert model.rollback() == 1  # where it was before that


def test_a_rollback_that_is_killed_can_be_made_again(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("one", "two", "three"):
        model.register(text)
    with monkeypatch.context() as patched:
        patched.setattr(model.registry.client, "set_registered_model_tag", kill)
        with pytest.raises(Killed):
            model.rollback()
    assert model.text() == "two"
    assert model.rollback() == 1


def kill(*arguments: object, **named: object) -> None:
    raise Killed


def test_a_version_that_was_deleted_is_passed_over(model: Model) -> None:
    for text in ("one", "two", "three"):
        model.register(text)
    model.registry.client.delete_model_version(model.name, "2")
    assert model.rollback() == 1


def test_rollback_to_where_it_is_or_to_nothing_is_refused(model: Model) -> None:
    model.register("one")
    with pytest.raises(RegistryError, match="is version 1 already"):
        model.rollback(to=1)
    with pytest.raises(RegistryError, match="has no version 7"):
        model.rollback(to=7)
    with pytest.raises(RegistryError, match=r"has no alias other \(it has champion\)"):
        model.rollback(alias="other")


def test_what_is_not_there_is_said_with_what_is(model: Model, tmp_path: Path) -> None:
    from lanewise.registry.store import Registry

    model.register("one")
    with pytest.raises(RegistryError, match=r"there is no model digit in .* \(it has "):
        model.registry.resolve(parse("digit"))
    empty = Registry(Home(tmp_path / "empty"))
    assert empty.versions() == []
    with pytest.raises(RegistryError, match="there is no model digits"):
        empty.resolve(parse("digits"))
    assert not (tmp_path / "empty").exists()  # looking makes no database


def test_a_version_of_somebody_else_is_listed_and_not_loaded(registry: Registry) -> None:
    registry.client.create_registered_model("theirs")
    registry.client.create_model_version("theirs", source="file:///tmp/theirs", run_id="r")
    assert [(v.name, v.is_ours) for v in registry.versions("theirs")] == [("theirs", False)]
    with pytest.raises(RegistryError, match=r"theirs/1 was not registered by lanewise promote"):
        registry.resolve(parse("theirs/1"))


def test_a_changed_file_is_refused_by_its_name(model: Model) -> None:
    model.register("one")
    weights = model.located().bundle / "weights"
    weights.write_text("onE")
    with pytest.raises(CheckpointError, match="artifacts/bundle/weights has changed since it was"):
        model.located()
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"/1: artifacts/bundle/weights is missing"):
        model.located()


def test_recorded_paths_never_lead_out_of_the_folder(model: Model) -> None:
    model.register("one")
    client = model.registry.client
    client.set_model_version_tag(model.name, "1", "lanewise.files", '{"../../x": "0"}')
    with pytest.raises(CheckpointError, match="outside of its folder"):
        model.located()
