"""The OpenAPI document of the model that is served: its very columns, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanewise.cluster.serving.limits import Limits
from lanewise.cluster.serving.model import About, Column

# What a value of a column's type may be written as in JSON: reading is as lenient as of a file.
_VALUES = {
    "number": ["number", "string"],
    "empty": ["number", "string"],
    "boolean": ["boolean", "string"],
}
_NUMBER = {"type": ["number", "null"]}
# Whole examples, see `trainables.export.rows`.
_NESTED = {"image": ["array", "string"], "sequence": ["array"], "values": ["array"]}
_NESTED["window"] = ["array"]


def document(about: About, limits: Limits, *, has_token: bool) -> dict[str, Any]:
    """OpenAPI 3.1."""
    refusals = ["400", "403", "408", "413", "415", "422", "503"]
    paths: dict[str, Any] = {
        "/predict": {
            "post": {
                "operationId": "predict",
                "summary": f"Predict rows with {title(about)}.",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _ref("Request")}},
                },
                "responses": {
                    "200": _content("One prediction a row, in their order.", "Predictions"),
                    **{status: _content(_REASONS[status], "Error") for status in refusals},
                },
            }
        },
        **{f"/{name}": _get(name, about_it) for name, about_it in _PAGES.items()},
    }
    schemas = {
        "Row": _row(about),
        "Request": {
            "type": "object",
            "required": ["rows"],
            "additionalProperties": False,
            "properties": {
                "rows": {"type": "array", "items": _ref("Row"), "maxItems": limits.rows}
            },
        },
        "Prediction": _prediction(about),
        "Predictions": {
            "type": "object",
            "required": ["predictions", "model", "version"],
            "properties": {
                "predictions": {"type": "array", "items": _ref("Prediction")},
                "model": {"type": "string"},
                "version": {"type": ["integer", "null"]},
                "ignored": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "columns of the rows that the model does not have",
                },
            },
        },
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {"type": "string"},
                "row": {"type": "integer", "description": "its number in the request, from 0"},
                "column": {"type": "string"},
            },
        },
    }
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": about.name,
            "version": str(about.version or 0),
            "description": f"Task: {about.task}. A body may have {limits.bytes:,} bytes.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if has_token:
        made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"token": []}]
        paths["/health"]["get"]["security"] = []
        for path in paths.values():
            for operation in path.values():
                operation["responses"]["401"] = _content(_REASONS["401"], "Error")
    return made


def title(about: About) -> str:
    """Name and version in words."""
    return about.name if about.version is None else f"{about.name}, version {about.version}"


_REASONS = {
    "400": "The body is no JSON of rows.",
    "401": "The token is missing, or another.",
    "403": "The header Host names another machine.",
    "408": "The body did not arrive in time.",
    "413": "Too many bytes or rows.",
    "415": "The body is not sent as application/json.",
    "422": "A column is missing, or has a value that the model does not take.",
    "503": "Too many requests are waiting.",
}
_PAGES = {
    "health": ("Whether the server answers, and with which model.", "application/json"),
    "metadata": ("What the model is, where it is from, and its columns.", "application/json"),
    "metrics": ("Counters for Prometheus.", "text/plain"),
}


def _get(name: str, page: tuple[str, str]) -> dict[str, Any]:
    about, media = page
    schema = {"type": "object"} if media == "application/json" else {"type": "string"}
    answered = {"description": about, "content": {media: {"schema": schema}}}
    responses = {"200": answered, "403": _content(_REASONS["403"], "Error")}
    return {"get": {"operationId": name, "summary": about, "responses": responses}}


def _content(description: str, schema: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": _ref(schema)}},
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _row(about: About) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [column.name for column in about.columns],
        "properties": {column.name: _value(column) for column in about.columns},
        "example": {column.name: column.example for column in about.columns},
        "description": "What other columns a row has is ignored, and named in the answer.",
    }


def _value(column: Column) -> dict[str, Any]:
    types = _VALUES.get(column.type, ["string", "number", "boolean"])
    if isinstance(column.example, list):
        types = _NESTED.get(column.name, ["array"])
    null = ["null"] if column.nullable else []
    return {"type": [*types, *null], "description": column.type}


def _prediction(about: About) -> dict[str, Any]:
    shapes: dict[str, Mapping[str, Any]] = {
        "label": {
            "label": {},
            "probabilities": {"type": "object", "additionalProperties": _NUMBER},
        },
        "value": {"value": _NUMBER},
        "values": {"values": {"type": "array"}},
        "anomaly": {"anomaly": {"type": "boolean"}, "score": _NUMBER},
    }
    properties = shapes[_ANSWERS.get(about.task, "values")]
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


_ANSWERS = {
    "binary": "label",
    "multiclass": "label",
    "regression": "value",
    "anomaly": "anomaly",
}
