"""Whatever is sent, the server refuses it in JSON or answers it, and goes on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
import schemathesis
import small
from adding import Adding, Fixed, app_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from lanewise.cluster.serving.app import App
from lanewise.cluster.serving.limits import Limits
from lanewise.cluster.serving.source import Folder
from lanewise.trainables.export.runtime import ExportedModel

pytestmark = pytest.mark.long

TOKEN = "a-token-of-a-test-only"
# A text may be a number or not, which no schema says.
LENIENT = [checks.positive_data_acceptance, checks.negative_data_rejection]
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return Folder(small.write(tmp_path_factory.mktemp("fuzz") / "model")).load()


@pytest.fixture(scope="module")
def described(model: ExportedModel) -> Any:
    """The application, as its own OpenAPI document has it."""
    app = App(Fixed(model), Limits(rows=50, bytes=100_000), TOKEN)
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=AUTHORIZATION)


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_the_server_is_as_its_openapi_document_says(described: Any, mode: str) -> None:
    # Not by schemathesis's decorator, which needs an attribute that pytest no longer has.
    for found in described.get_all_operations():
        operation = found.ok()
        cases = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode))

        @given(case=cases)
        @settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
        def ask(case: Any) -> None:
            case.call_and_validate(headers=AUTHORIZATION, excluded_checks=LENIENT)

        if mode == "positive" or operation.method.upper() == "POST":
            ask()


DIGITS = st.integers(1, 6000).map(lambda count: "9" * count)
NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(str),
    DIGITS,
    DIGITS.map(lambda digits: f"-{digits}.{digits}"),
    st.integers(-2000, 2000).map(lambda exponent: f"1e{exponent}"),
)
TEXTS = st.one_of(st.text(max_size=20).map(json.dumps), st.sampled_from(['"\\ud800"', '"\\u0000"']))
NESTS = st.tuples(st.sampled_from(["[", '{"a":', '[{"":']), st.integers(1, 5000)).map(
    lambda nest: nest[0] * nest[1]
)
CLOSED = st.integers(1, 500).map(lambda depth: "[" * depth + "]" * depth)
VALUES = st.one_of(NUMBERS, TEXTS, NESTS, CLOSED, st.sampled_from(["null", "true", "{}", "NaN"]))
NAMES = st.one_of(st.sampled_from(['"size"', '"town"', '"age"', '" age "', '"rows"']), TEXTS)
OBJECTS = st.lists(st.tuples(NAMES, VALUES), max_size=6).map(
    lambda pairs: "{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}"
)
COMPLETE = st.tuples(VALUES, VALUES, VALUES).map(
    lambda three: '{{"size":{},"town":{},"age":{}}}'.format(*three)
)
ROWS = st.lists(st.one_of(OBJECTS, COMPLETE, VALUES), max_size=4).map(
    lambda rows: '{"rows":[' + ",".join(rows) + "]}"
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-16")),
    VALUES.map(str.encode),
    OBJECTS.map(str.encode),
    ROWS.map(str.encode),
    st.tuples(ROWS.map(str.encode), st.integers(0, 50)).map(lambda cut: cut[0][: -cut[1] - 1]),
)


@pytest.mark.parametrize("served", ["towns", "adding"])
def test_no_body_breaks_it(served: str, model: ExportedModel) -> None:
    app = app_of(model if served == "towns" else Adding(), rows=3, bytes=100_000)
    good = {"towns": {"size": 1, "town": "Bern", "age": None}, "adding": {"a": 1, "b": 1}}[served]
    loop = asyncio.new_event_loop()
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=60
    )

    def ask(body: bytes) -> httpx.Response:
        media = {"content-type": "application/json"}
        return loop.run_until_complete(client.post("/predict", content=body, headers=media))

    @given(body=BODIES)
    @settings(max_examples=400, deadline=None, suppress_health_check=[*HealthCheck])
    def survives(body: bytes) -> None:
        response = ask(body)
        assert response.status_code in (200, 400, 413, 422), response.text
        told = response.json()
        assert ("predictions" if response.is_success else "error") in told
        assert ask(json.dumps({"rows": [good]}).encode()).is_success

    try:
        survives()
    finally:
        loop.run_until_complete(client.aclose())
        loop.close()
