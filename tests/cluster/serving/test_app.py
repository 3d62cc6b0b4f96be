"""The server in this process: answers, refusals, access, pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from adding import Adding, app_of, asking, get, post

from lanewise.cluster.serving import app as apps
from lanewise.cluster.serving.app import App

TOKEN = "a-token-of-a-test-only"
JSON = {"content-type": "application/json"}


@pytest.fixture
def app() -> App:
    return app_of(Adding())


def test_rows_are_answered_in_their_order(app: App) -> None:
    rows = [{"a": 1, "b": 2}, {"b": None, "a": 0.5}]
    assert post(app, {"rows": rows}) == (
        200,
        {"predictions": [{"value": 3}, {"value": 0.5}], "model": "adding", "version": 1},
    )
    assert post(app, {"rows": []})[1]["predictions"] == []


def test_other_columns_are_ignored_and_named(app: App) -> None:
    rows = [{"a": 1, "b": 2, "price": 9}, {" a ": 1, "b": 2, "z": 0}]
    status, told = post(app, {"rows": rows})
    assert (status, told["ignored"]) == (200, ["price", "z"])
    assert told["predictions"] == [{"value": 3}, {"value": 3}]
    assert post(app, {"rows": [{"a": 1, "b": 2, "z": 1, " z": 2}]})[1]["ignored"] == ["z"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "the body is no JSON: Expecting value (line 1, column 1)"),
        (b'{"rows": [', 400, "the body is no JSON"),
        (b"\xff\xfe", 400, "not UTF-8 (byte 0)"),
        (b"[]", 400, 'the body must be {"rows": [{column: value'),
        (b'{"rows": {}}', 400, "rows must be a list"),
        (b'{"rows": [], "x": 1}', 400, "unknown name 'x'"),
        (b'{"rows": [[1, 2]]}', 400, "rows[0]: must be an object"),
        (b'{"rows": [{"a": NaN, "b": 1}]}', 400, "NaN is no JSON"),
        (b'{"rows": [{"a": -Infinity, "b": 1}]}', 400, "-Infinity is no JSON"),
        (b'{"rows": [{"a": 1e999, "b": 1}]}', 400, "rows[0].'a': is a number beyond"),
        (b'{"rows": [{"a": [1, [-1e999]], "b": 1}]}', 400, "rows[0].'a': holds a number beyond"),
        (b'{"rows": [{"a": 1' + b"0" * 400 + b', "b": 1}]}', 422, "rows[0].'a': is a number"),
        (b'{"rows": [{"a": 1' + b"0" * 5000 + b', "b": 1}]}', 400, "too many digits"),
        (b'{"rows": [{"a": 1, "b": 1, "a": 2}]}', 400, "'a' is given twice"),
        (b'{"rows": [{"a": 1, "b" : 1, "b" :2}]}', 400, "'b' is given twice"),
        (b'{"rows": [], "rows": [{"a": 1, "b": 1}]}', 400, "'rows' is given twice"),
        (b'{"rows": [{"a": 1, " a": 1, "b": 2}]}', 422, "rows[0].'a': is there more than once"),
        (
            b'{"rows": [{"a": ' + b"[" * 9 + b"]" * 9 + b"}]}",
            400,
            "rows[0].'a': the JSON is nested",
        ),
        (b"[" * 100_000, 400, "nested too deep"),
        (b'{"rows": [{"a": 1}, {"a": 1}]}', 422, "rows[0].'b': is missing; give null"),
        (b'{"rows": [{"A": 1}]}', 422, "rows[0].'a': is missing, and so are 'b'"),
        (b'{"rows": [{"A": 1, "b": 1}]}', 422, "did you mean 'A'?"),
        (b'{"rows": [{"a": 1, "b": 2}, {"a": 1, "b": "x"}]}', 422, "rows[1].'b': 'x' is no number"),
    ],
    ids=range(23),
)
def test_what_is_wrong_is_said_in_json(app: App, body: bytes, status: int, words: str) -> None:
    found, told = post(app, body)
    assert found == status
    assert words in told["error"]
    assert "\n" not in told["error"]
    assert post(app, {"rows": [{"a": 1, "b": 1}]})[0] == 200


def test_an_error_names_row_and_column_for_programs(app: App) -> None:
    rows = [{"a": 1, "b": 2}, {"a": "x", "b": 2}]
    _, told = post(app, {"rows": rows})
    assert (told["row"], told["column"]) == (1, "a")


def test_colons_and_brackets_in_texts_are_no_doubles() -> None:
    told = post(app_of(Adding()), {"rows": [{"a": 1, "b": 2, "note [:": '":{'}]})[1]
    assert told["ignored"] == ["note [:"]


def test_rows_beyond_a_batch_are_answered_in_parts_and_named_in_the_whole() -> None:
    model = Adding()
    rows: list[dict[str, Any]] = [{"a": number, "b": 0} for number in range(2500)]
    told = post(app_of(model), {"rows": rows})[1]
    assert [each["value"] for each in told["predictions"]] == [*range(2500)]
    assert max(model.calls) == 1024
    rows[2400]["a"] = "x"
    assert post(app_of(model), {"rows": rows})[1]["row"] == 2400


def test_what_is_too_large_is_refused() -> None:
    rows = [{"a": 1, "b": 1}] * 3
    status, told = post(app_of(Adding(), rows=2), {"rows": rows})
    assert (status, told["error"]) == (413, "3 rows, and a request may have 2")
    status, told = post(app_of(Adding(), bytes=20), {"rows": rows})
    assert (status, told["error"]) == (413, "the body may have 20 bytes")
    for declared in ("-1", "9" * 30, "x"):
        assert post(app_of(Adding()), {"rows": rows}, **{"content-length": declared})[0] == 413


def test_a_stream_is_refused_as_soon_as_it_is_too_long() -> None:
    taken = []

    async def endless() -> AsyncIterator[bytes]:
        for number in range(1000):
            taken.append(number)
            yield b" " * 10

    async def ask(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/predict", content=endless(), headers=JSON)

    response = asking(app_of(Adding(), bytes=100), ask)
    assert response.status_code == 413
    assert len(taken) == 11


def test_a_body_that_does_not_come_is_waited_for_in_vain_only_so_long() -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(20)

    async def ask(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/predict", content=silent(), headers=JSON)

    assert asking(app_of(Adding(), seconds=0.05), ask).status_code == 408


@pytest.mark.parametrize("media", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_form_of_a_page_from_elsewhere_is_refused(app: App, media: str) -> None:
    status, told = post(app, {"rows": []}, **{"content-type": media})
    assert (status, told["error"]) == (415, "send the body as Content-Type: application/json")
    assert post(app, {"rows": []}, **{"content-type": "Application/JSON; charset=utf-8"})[0] == 200
    assert post(app, {"rows": []}, **{"content-encoding": "gzip"})[0] == 415


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "0.0.0.0"])
def test_without_a_token_a_request_names_this_machine(app: App, host: str) -> None:
    assert post(app, {"rows": []}, host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "127.0.0.1", "[::1]:8000"])
def test_names_of_this_machine(app: App, host: str) -> None:
    assert post(app, {"rows": []}, host=host)[0] == 200


def test_with_a_token_whoever_has_it_is_let_in() -> None:
    app = app_of(Adding(), TOKEN)
    for given in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \x7f"):
        response = get(app, "/metadata", authorization=given)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
    for path in ("/metadata", "/metrics", "/openapi.json"):
        assert get(app, path).status_code == 401
        assert get(app, path, authorization=f"Bearer {TOKEN}", host="any.example").is_success
    assert post(app, {"rows": []})[0] == 401
    assert get(app, "/health").is_success
    assert ">adding" not in get(app, "/docs").text


def test_a_token_is_in_no_answer_and_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Adding):
        def answers(self, rows: Any) -> Any:
            if any(row["a"] == 13 for row in rows):
                raise RuntimeError(f"cannot do {rows}")
            return super().answers(rows)

    app = app_of(Broken(), TOKEN)
    status, told = post(app, {"rows": [{"a": 13, "b": 7.125}]}, authorization=f"bearer {TOKEN}")
    assert (status, told) == (
        500,
        {"error": "the server failed on this request; what it prints says where"},
    )
    said = capsys.readouterr()
    assert "RuntimeError at test_app.py" in said.err
    assert "7.125" not in said.out + said.err
    assert TOKEN not in said.out + said.err + get(app, "/docs").text


def test_pages(app: App) -> None:
    assert get(app, "/health").json() == {"status": "ok", "model": "adding", "version": 1}
    assert get(app, "/metadata").json()["columns"][0]["name"] == "a"
    page = get(app, "/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text
    for path in ("/", "/predict/", "/../etc/passwd", "/%2e%2e/x", "/docs/%00"):
        response = get(app, path)
        assert (response.status_code, [*response.json()]) == (404, ["error"])
    response = get(app, "/predict")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_the_openapi_document_has_the_columns_of_this_very_model(app: App) -> None:
    told = get(app, "/openapi.json").json()
    row = told["components"]["schemas"]["Row"]
    assert row["required"] == ["a", "b"]
    assert row["properties"]["a"]["type"] == ["number", "string"]
    assert row["properties"]["b"]["type"] == ["number", "string", "null"]
    assert row["example"] == {"a": 1.5, "b": None}
    assert "security" not in told
    with_token = app_of(Adding(), TOKEN)
    told = get(with_token, "/openapi.json", authorization=f"Bearer {TOKEN}").json()
    assert told["security"] == [{"token": []}]


def test_what_is_counted_is_in_the_format_of_prometheus(app: App) -> None:
    post(app, {"rows": [{"a": 1, "b": 1}] * 3})
    post(app, b"{")
    get(app, "/nowhere")
    text = get(app, "/metrics").text
    for line in (
        'lanewise_requests_total{path="/predict",status="200"} 1',
        'lanewise_requests_total{path="/predict",status="400"} 1',
        'lanewise_requests_total{path="other",status="404"} 1',
        "lanewise_rows_total 3",
        "lanewise_predict_seconds_count 2",
        'lanewise_model_info{name="adding",version="1"} 1',
    ):
        assert line in text.splitlines()


def test_a_prediction_that_is_no_number_is_null() -> None:
    status, told = post(app_of(Adding(more=float("nan"))), {"rows": [{"a": 1, "b": 1}]})
    assert (status, told["predictions"]) == (200, [{"value": None}])


def test_a_mistake_of_the_server_itself_is_json_too(
    app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("of 7.125")

    monkeypatch.setattr(apps, "answers", broken)
    assert post(app, {"rows": []})[0] == 500
    said = capsys.readouterr().err
    assert "a request failed: LookupError at test_app.py" in said
    assert "7.125" not in said


def test_a_websocket_is_closed(app: App) -> None:
    sent: list[Any] = []

    async def ask() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/predict", "headers": []}
        await app(scope, asyncio.Queue().get, send)  # type: ignore[arg-type]

    asyncio.run(ask())
    assert [message["type"] for message in sent] == ["websocket.close"]
