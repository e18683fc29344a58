"""GET /v1/openapi.json: the declared routes as an OpenAPI 3.1 document, for clients, gateways and generators."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.context import answer
from bootstrap.collector.endpoint import JSON, Access, Answer, Body, Endpoint, endpoint
from bootstrap.collector.fields import DIGEST, NAME, POOL, Schema
from bootstrap.collector.parameters import Parameter
from bootstrap.collector.refusal import CODES
from bootstrap.collector.schemas import SCHEMAS, ref
from bootstrap.collector.tokens import COOKIE

API_VERSION = "1"  # as in the paths; it grows when a caller has to change

# A parameter of a path means the same in every path that begins alike.
PATH_PARAMETERS: dict[str, tuple[Schema, str]] = {
    "/v1/servers/{name}": (NAME.schema, "The server's name."),
    "/v1/deploys/{id}": (NAME.schema, "The deploy id."),
    "/v1/leases/{pool}": (POOL.schema, "The pool; its name may have 127 characters."),
    "/v1/runner/{sha256}": (DIGEST.schema, "The SHA-256 of the text."),
    "/v1/bundles/{sha256}": (DIGEST.schema, "The SHA-256 of the bundle."),
    "/assets/{name}": ({"type": "string"}, "`dashboard.css` or `dashboard.js`."),
}
# A signature is three headers, and OpenAPI has no scheme for several: each is a scheme of its own.
_SCHEMES: dict[str, Any] = {
    "token": {"type": "http", "scheme": "bearer", "description": "The token of `bootstrap serve --token-file`."},
    "deployToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of `bootstrap serve --deploy-token-file`.",
    },
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Set by POST /login, for browsers."},
    "webhookId": {"type": "apiKey", "in": "header", "name": "webhook-id", "description": "SERVER/DEPLOY/JOURNAL/SEQ."},
    "webhookTimestamp": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-timestamp",
        "description": "Seconds since 1970.",
    },
    "webhookSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "`v1,` and Base64 of HMAC-SHA256(key, id.timestamp.body), as Standard Webhooks sign.",
    },
}
_SIGNATURE: dict[str, list[str]] = {"webhookId": [], "webhookTimestamp": [], "webhookSignature": []}
# Each entry of a list is one way in, and the schemes of one entry are needed together. An empty entry lets everybody
# in.
_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.NONE: [{}],
    Access.READER: [{"token": []}, {"deployToken": []}, {"cookie": []}],
    Access.BEARER: [{"token": []}, {"deployToken": []}],
    Access.DEPLOYER: [{"deployToken": []}],
    Access.SIGNED: [_SIGNATURE],
    Access.READER_OR_SIGNED: [{"token": []}, {"deployToken": []}, {"cookie": []}, _SIGNATURE],
    # The signature is a parameter of the query, which each operation describes.
    Access.URL: [{}],
    Access.PAGE: [{"token": []}, {"deployToken": []}, {"cookie": []}, {}],
}


@endpoint(
    "GET",
    "/v1/openapi.json",
    Access.NONE,
    {200: Answer("The document.", {"type": "object", "required": ["openapi", "info", "paths", "components"]})},
    reads_store=False,
)
async def get_openapi(request: Request) -> Response:
    """Describe these routes as an OpenAPI 3.1 document.

    The document is public, as this page is: it holds nothing of any server.
    """
    return answer(document(request.app.state.endpoints))


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document of some endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for route in endpoints:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "initialrunner collector",
            "version": API_VERSION,
            "description": "Keeps the signed reports of servers and answers those who wait for them. Every error is "
            "`{\"error\": {\"code\", \"message\"}}`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        # Behind a load balancer a collector does not know its own URL.
        "servers": [{"url": "/", "description": "The collector that served this document."}],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": _SCHEMES},
    }


def path_parameters(path: str) -> dict[str, tuple[Schema, str]]:
    """The parameters of a path: name -> (schema, meaning)."""
    texts = {prefix: described for prefix, described in PATH_PARAMETERS.items() if path.startswith(prefix)}
    return {prefix.rpartition("{")[2].rstrip("}"): described for prefix, described in texts.items()}


def _operation(route: Endpoint) -> dict[str, Any]:
    summary, _, details = route.text.partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": _one_line(summary),
        "description": details or _one_line(summary),
        "security": _SECURITY[route.access],
        "parameters": [*_path_parameters(route.path), *map(_query_parameter, route.query)],
        "responses": _responses(route),
    }
    if route.body:
        operation["requestBody"] = _request_body(route.body)
    return operation


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": schema, "description": text}
        for name, (schema, text) in path_parameters(path).items()
    ]


def _query_parameter(parameter: Parameter[Any]) -> dict[str, Any]:
    return {"name": parameter.name, "in": "query", "schema": parameter.schema, "description": parameter.text}


def _request_body(body: Body) -> dict[str, Any]:
    return {"required": True, "description": body.text, "content": {body.media: {"schema": body.schema}}}


def _responses(route: Endpoint) -> dict[str, Any]:
    responses = {str(status): _response(good) for status, good in route.answers.items()}
    by_status: dict[str, list[str]] = {}
    for code in route.codes:
        by_status.setdefault(str(CODES[code].status), []).append(code)
    for status, codes in sorted(by_status.items()):
        # POST /login answers a browser with a page and a program with the error, both with 401.
        content = responses.get(status, {}).get("content", {})
        description = "; ".join(f"`{code}`: {CODES[code].meaning}" for code in codes)
        responses[status] = {"description": description, "content": {**content, JSON: {"schema": _error(codes)}}}
        if any(code in ("full", "stopping", "unavailable") for code in codes):
            retry = {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}
            responses[status]["headers"] = {"retry-after": retry}
    return responses


def _response(good: Answer) -> dict[str, Any]:
    response: dict[str, Any] = {"description": good.text}
    if good.headers:
        response["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in good.headers.items()
        }
    if good.media:
        response["content"] = {good.media: {"schema": good.schema or {"type": "string"}}}
    return response


def _error(codes: list[str]) -> Schema:
    """The error shape with these codes."""
    code = {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
    return {"allOf": [ref("Error"), code]}
