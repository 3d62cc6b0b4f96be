"""What happens to requests that come together, and to a model that is replaced meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest
from adding import Adding, Fixed, app_of, asking, get, running

from lanewise.cluster.serving import app as apps
from lanewise.cluster.serving import batcher
from lanewise.cluster.serving.app import App
from lanewise.cluster.serving.limits import Limits


async def predict(client: httpx.AsyncClient, *rows: dict[str, Any]) -> tuple[int, Any]:
    response = await client.post("/predict", json={"rows": rows})
    return response.status_code, response.json()


async def until(condition: Any) -> None:
    """Waits until it holds, at most some seconds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never held")


def held(model: Adding) -> threading.Event:
    """From now on calls of the model wait for it."""
    model.calls.clear()
    model.called.clear()
    model.hold = threading.Event()
    return model.hold


def test_what_waits_is_answered_in_one_call_and_a_bad_row_fails_alone() -> None:
    model = Adding()
    app = app_of(model)
    hold = held(model)

    async def ask(client: httpx.AsyncClient) -> Any:
        first = asyncio.create_task(predict(client, {"a": 0, "b": 0}))
        await until(model.called.is_set)
        rows: list[dict[str, Any]] = [{"a": number, "b": 1} for number in range(20)]
        rows[7]["a"] = "x"
        others = [asyncio.create_task(predict(client, row)) for row in rows]
        bad = asyncio.create_task(client.post("/predict", content=b"{"))
        await asyncio.sleep(0.05)
        hold.set()
        await bad
        return await first, [await other for other in others]

    first, others = asking(app, ask)
    assert first[0] == 200
    assert model.calls[:2] == [1, 20]
    for number, (status, told) in enumerate(others):
        if number == 7:
            assert (status, told["row"], told["column"]) == (422, 0, "a")
        else:
            assert (status, told["predictions"]) == (200, [{"value": number + 1}])


def test_too_much_that_waits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher, "WAITING_BYTES", 100)
    model = Adding()
    app = app_of(model)
    hold = held(model)

    async def ask(client: httpx.AsyncClient) -> Any:
        first = asyncio.create_task(predict(client, {"a": 0, "b": 0}, {"a": 0, "b": 0}))
        await until(model.called.is_set)
        refused = await client.post("/predict", json={"rows": [{"a": 0, "b": 0}] * 4})
        hold.set()
        return await first, refused, await predict(client, {"a": 1, "b": 1})

    first, refused, after = asking(app, ask)
    assert (first[0], refused.status_code, after[0]) == (200, 503, 200)
    assert refused.headers["retry-after"] == "1"


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "EVERY", 0.01)


@pytest.mark.usefixtures("_often")
def test_a_new_model_is_warm_before_it_answers_and_the_old_one_ends_its_requests() -> None:
    old, new = Adding(version=1), Adding(more=100, version=2)
    source = Fixed(old)
    app = App(source, Limits())
    hold = held(old)

    async def ask(client: httpx.AsyncClient) -> Any:
        first = asyncio.create_task(predict(client, {"a": 1, "b": 1}))
        await until(old.called.is_set)
        source.model = new
        await until(lambda: app.metrics.reloads == 1)
        assert new.calls == [1, 2]  # warmed up, by its columns' examples
        second = asyncio.create_task(predict(client, {"a": 1, "b": 1}))
        hold.set()
        return await first, await second

    first, second = asking(app, ask)
    assert (first[1]["version"], first[1]["predictions"]) == (1, [{"value": 2}])
    assert (second[1]["version"], second[1]["predictions"]) == (2, [{"value": 102}])
    assert get(app, "/health").json()["version"] == 2


@pytest.mark.usefixtures("_often")
def test_a_model_that_cannot_be_loaded_replaces_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = Fixed(Adding())
    app = App(source, Limits())

    async def whole() -> None:
        async with running(app) as client:
            source.model = OSError("the registry is away")
            await until(lambda: app.metrics.failed_reloads == 1)
            await asyncio.sleep(0.05)  # it is not tried again at each look
            assert app.metrics.failed_reloads == 1
            assert (await predict(client, {"a": 1, "b": 1}))[1]["version"] == 1
            source.model = Adding(version=3)
            await until(lambda: app.metrics.reloads == 1)
            assert (await predict(client, {"a": 1, "b": 1}))[1]["version"] == 3

    asyncio.run(whole())
    assert "the model stays as it is: OSError: the registry is away" in capsys.readouterr().err
