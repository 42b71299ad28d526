"""The API described in OpenAPI 3.1, from the table of routes."""

from __future__ import annotations

import re
from typing import Any

from deepdojo import __version__
from deepdojo.competition.refusal import STATUSES
from deepdojo.competition.server.endpoints import ENDPOINTS, PREFIX, Endpoint

__all__ = ["description"]

_FAULT = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {
        "error": {"type": "string"}, "where": {"type": ["string", "null"]}, "todo": {"type": ["string", "null"]},
        "code": {"type": "string", "enum": sorted(STATUSES)},
    },
}  # fmt: skip


def description() -> dict[str, Any]:
    """The document of /api/v1/openapi.json."""
    paths: dict[str, Any] = {}
    for row in ENDPOINTS:
        paths.setdefault(PREFIX + row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {"title": "DeepDojo competition server", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {"Fault": _FAULT},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(row: Endpoint) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": row.name, "summary": row.about,
        "parameters": [_parameter(name, "path", name) for name in re.findall(r"{(\w+)}", row.path)]
        + [_parameter(name, "query", about) for name, about in row.query.items()],
        "responses": {str(row.status): {"description": "done"}, "default": {
            "description": "refused: one sentence and a code",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}},
        }},
    }  # fmt: skip
    if row.role != "anyone":
        made["security"] = [{"token": []}]
    if row.body == "raw":
        made["requestBody"] = {"required": True, "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("text/csv", "application/vnd.apache.parquet", "application/zip")
        }}  # fmt: skip
        made["parameters"].append(_parameter("Idempotency-Key", "header", "repeat it, and it is the same submission"))
    elif isinstance(row.body, dict) and row.body:
        properties = {name: {"description": about} for name, about in row.body.items()}
        schema = {"type": "object", "properties": properties}
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return made


def _parameter(name: str, place: str, about: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "description": about, "schema": {"type": "string"}}
