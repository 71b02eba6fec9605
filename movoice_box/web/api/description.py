"""The description of the API, OpenAPI 3.1, and the page that shows it.

Everything the page needs comes from the box: a LAN may have no internet.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.datastructures import UploadFile
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.routes import HTTPRoute

from movoice_box.web.errors import ErrorOut

Json = dict[str, Any]

_REFERENCE = "#/components/schemas/"
_BEARER = "ApiKey"
_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Movoice Box API</title>
<link rel="icon" href="/static/logo.svg">
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css?v=5.35.0">
<script src="/static/vendor/swagger-ui/swagger-ui-bundle.js?v=5.35.0" defer></script>
<script src="/static/docs.js" defer></script>
</head>
<body><div id="swagger-ui" data-url="/docs/openapi.json"></div></body>
</html>
"""
_ABOUT = """
Send an API key with every request: `Authorization: Bearer mvb_...`.

Lists take `limit` and `cursor` and answer `{"items": [...], "next_cursor": null}`. Times are
ISO 8601 in UTC. Every error is `{"error": {"code", "message", "field", "row"}}`; `code` never
changes, and `row` counts from 1:

| status | codes |
|---|---|
| 400 | `malformed` |
| 401 | `unauthorized` |
| 403 | `csrf`, `cross_site` (with a browser's session instead of a key) |
| 404 | `not_found`, `no_recording` |
| 405 | `method_not_allowed` |
| 409 | `batch_state`, `call_state`, `idempotency_key_reused`, `name_taken`, `trunk_in_use`, ... |
| 413 | `too_large` |
| 422 | `invalid`, `invalid_number`, `plan_limit`, `no_trunk`, `trunk_disabled`, ... |
| 500 | `internal` |
| 503 | `trunk`, `storage` |
"""
_TAGS = {
    "batches": "Call a list of people.",
    "calls": "One call, and what came of each.",
    "agents": "What is said and asked.",
    "trunks": "Gateways, PBXs and carriers.",
    "webhooks": "Where results are sent.",
    "dnd": "Numbers that are never called.",
    "events": "News while it happens.",
    "health": "For supervisors.",
}


def describe_api() -> OpenAPIConfig:
    """What Litestar needs to serve /docs and /docs/openapi.json."""
    key = SecurityScheme(type="http", scheme="bearer", description="An API key: `mvb_...`")
    return OpenAPIConfig(
        title="Movoice Box",
        version="1",
        description=_ABOUT,
        path="/docs",
        render_plugins=[_Page(path="/"), _Document(path="/openapi.json")],
        components=Components(security_schemes={_BEARER: key}),
        security=[{_BEARER: []}],
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, *_: handler.handler_name,
    )


class _Page(OpenAPIRenderPlugin):
    """Swagger UI, told by `docs.js` where the description is."""

    def render(self, _request: Request[Any, Any, Any], _schema: Json) -> bytes:
        return _PAGE


class _Document(JsonRenderPlugin):
    """The description as JSON, made at the first request."""

    def __init__(self, *, path: str) -> None:
        super().__init__(path=path, media_type=MediaType.JSON)
        self._json = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:
        if not self._json:
            document: Json = msgspec.json.decode(self.render_json(request, openapi_schema))
            self._json = msgspec.json.encode(_told_better(document, _types_of(request.app)))
        return self._json


def _told_better(document: Json, types: list[Any]) -> Json:
    """Litestar's paths with msgspec's schemas, which know the docstrings, and with our errors."""
    _, schemas = msgspec.json.schema_components(
        [ErrorOut, *types], schema_hook=_schema_of_file, ref_template=_REFERENCE + "{name}"
    )
    paths = sorted(document["paths"].items(), key=_place)
    text = msgspec.json.encode(dict(paths)).decode()
    document["paths"] = msgspec.json.decode(re.sub(r"Listed_[\w.]+\.(\w+)_", r"Listed_\1_", text))
    document["components"]["schemas"] = schemas
    for operation in _operations(document):
        _tell_operation(operation)
    return document


def _place(path: tuple[str, Json]) -> tuple[int, str]:
    """Paths stand in the order of the tags."""
    tag = next(iter(path[1].values()))["tags"][0]
    return list(_TAGS).index(tag), path[0]


def _tell_operation(operation: Json) -> None:
    summary, _, rest = operation.get("description", "").partition("\n\n")
    title, _, more = summary.replace("\n", " ").partition(". ")
    operation["summary"] = title.rstrip(".")
    operation["description"] = "\n\n".join(filter(None, (more, rest)))
    if operation["tags"] == ["health"]:
        operation["security"] = []
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
    if body := operation.get("requestBody"):
        for content in body["content"].values():
            wanted = _without_null(content["schema"])
            body["required"] = wanted == content["schema"]
            content["schema"] = wanted
    responses = operation["responses"]
    responses.pop("400", None)
    for response in responses.values():
        for media_type, content in response.get("content", {}).items():
            if media_type != "application/json":
                content["schema"] = {"type": "string", "contentMediaType": media_type}
    responses["default"] = {
        "description": "What is wrong, where, and what to do.",
        "content": {"application/json": {"schema": {"$ref": f"{_REFERENCE}ErrorOut"}}},
    }


def _without_null(schema: Json) -> Json:
    """What may be left out need not be null too."""
    kinds = schema.get("oneOf", [])
    if {"type": "null"} not in kinds:
        return schema
    rest = [kind for kind in kinds if kind != {"type": "null"}]
    others = {name: value for name, value in schema.items() if name != "oneOf"}
    return {**others, **rest[0]} if len(rest) == 1 else {**others, "anyOf": rest}


def _operations(document: Json) -> Iterator[Json]:
    for path in document["paths"].values():
        yield from path.values()


def _types_of(app: Litestar) -> list[Any]:
    """What the handlers of the API take and give, as far as it is structs."""
    signatures = [
        handler.parsed_fn_signature
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if isinstance(handler, HTTPRouteHandler) and handler.resolve_include_in_schema()
    ]
    fields = [one.return_type for one in signatures]
    fields += [one.parameters["data"] for one in signatures if "data" in one.parameters]
    return [one.annotation for one in fields if "Struct" in _bases(one.annotation)]


def _bases(kind: Any) -> set[str]:
    kinds = (kind, getattr(kind, "__origin__", None), *getattr(kind, "__args__", ()))
    return {base.__name__ for one in kinds if isinstance(one, type) for base in one.__mro__}


def _schema_of_file(kind: type) -> Json:
    if kind is UploadFile:
        return {"type": "string", "contentMediaType": "application/octet-stream"}
    raise NotImplementedError(kind)
