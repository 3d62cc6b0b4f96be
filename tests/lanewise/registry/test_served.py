"""A server of a registered model: it follows the alias on and back, and drops no request."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lanewise.cluster.serving import app as apps
from lanewise.cluster.serving.app import App
from lanewise.cluster.serving.limits import Limits
from lanewise.registry.names import parse
from lanewise.sources import Registered

sys.path.append(str(Path(__file__).parents[2] / "cluster" / "serving"))
import small
from adding import running

if TYPE_CHECKING:
    from lanewise.registry.store import Registry

# MLflow's own, about SQLAlchemy.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning")
ROW = {"size": 1.0, "town": "Bern", "age": None}


def test_the_server_follows_the_alias(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apps, "EVERY", 0.05)
    draft = tmp_path / "draft"
    small.write(draft / "artifacts" / "exported", version=None)
    (draft / "MLmodel").write_text("flavors: {}\n")
    experiment = registry.client.create_experiment("served", (tmp_path / "kept").as_uri())

    def register() -> None:
        registry.register(
            "towns",
            "champion",
            lambda model_id: draft,
            experiment_id=experiment,
            run_id=registry.client.create_run(experiment).info.run_id,
            tags={},
            params={},
            card="",
        )

    register()
    app = App(Registered(registry, parse("towns@champion")), Limits())
    versions: list[int] = []

    async def whole() -> None:
        async with running(app) as client:

            async def ask_until(version: int) -> None:
                while not versions or versions[-1] != version:
                    response = await client.post("/predict", json={"rows": [ROW]})
                    told: Any = response.json()
                    assert response.status_code == 200, told
                    assert told["model"] == "towns"
                    versions.append(told["version"])
                    await asyncio.sleep(0.01)

            await ask_until(1)
            await asyncio.gather(asyncio.to_thread(register), ask_until(2))
            await asyncio.to_thread(registry.rollback, "towns", "champion")
            await ask_until(1)

    asyncio.run(asyncio.wait_for(whole(), 60))
    assert app.metrics.reloads == 2
    assert app.metrics.failed_reloads == 0
    assert [*dict.fromkeys(versions)] == [1, 2]
