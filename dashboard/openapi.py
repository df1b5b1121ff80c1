"""The API's description, OpenAPI 3.1, made of the table of endpoints."""

from __future__ import annotations

from typing import Any

import msgspec

from dashboard.endpoints import ENDPOINTS, Endpoint
from dashboard.errors import Problem
from dashboard.guard import ACTION_HEADER, Role

_REFERENCE = "#/components/schemas/{name}"


def openapi(server: str) -> dict[str, Any]:
    """Describe the API; `server` is the path that it stands below."""
    types = [kind for each in ENDPOINTS for kind in (each.takes, each.gives) if kind] + [Problem]
    unique = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(unique, ref_template=_REFERENCE)
    shape = dict(zip(unique, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in ENDPOINTS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, shape, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "batchjson dashboard",
            "version": "1",
            "description": "What the page is made of.",
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(each: Endpoint, shape: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    answer = shape[each.gives] if each.gives else {}
    operation: dict[str, Any] = {
        "operationId": f"{each.method.lower()}{each.path.title()}".translate(str.maketrans("", "", "/{}._")),
        "summary": each.about,
        "description": f"Needs the role {Role.OPERATOR if each.role is Role.OPERATOR else Role.READER}.",
        "responses": {
            "200": {"description": "Done", "content": {each.media: {"schema": answer}}},
            "default": {"description": "Not done", "content": {"application/json": {"schema": shape[Problem]}}},
        },
    }
    if each.method == "POST":
        header = {"name": ACTION_HEADER, "in": "header", "required": True, "schema": {"type": "string"}}
        operation["parameters"] = [header]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": shape[each.takes]}}}
    else:
        operation["parameters"] = list(_parameters(each, components[each.takes.__name__]))
    return operation


def _parameters(each: Endpoint, schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "path" if f"{{{name}}}" in each.path else "query",
            "required": name in required,
            "schema": value,
        }
        for name, value in schema["properties"].items()
    ]
