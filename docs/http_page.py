"""Writes docs/reference/http.md from the declared routes, the schemas of their answers and recorded examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from http_examples import DEPLOY, EXAMPLES, SCRIPT, recorded

from bootstrap.collector import body, context
from bootstrap.collector.app import ENDPOINTS
from bootstrap.collector.endpoint import BYTES, JSON, Access, Endpoint
from bootstrap.collector.fields import DIGEST
from bootstrap.collector.openapi import path_parameters
from bootstrap.collector.refusal import CODES
from bootstrap.collector.schemas import SCHEMAS
from bootstrap.collector.server import KEEP_ALIVE_S

HEAD = f"""# The HTTP API of the collector

Every route of `bootstrap serve`. The same as an OpenAPI 3.1 document, for generators of clients and for gateways:
[`GET /v1/openapi.json`](#get-v1openapijson). `bootstrap wait`, `status` and `watch` use nothing else.

## Conventions

- **URL.** `bootstrap serve` prints it. The examples below expect it in `BOOTSTRAP_COLLECTOR`, and the token in
  `BOOTSTRAP_TOKEN`. Their answers are shown with line breaks, which the collector does not send.
- **Callers.** A reader sends the token of the token file: `Authorization: Bearer TOKEN`. A browser has a cookie
  instead, which [`POST /login`](#post-login) sets. A server signs with its key, as Standard Webhooks do
  ([the signature](events.md#the-report)). With the token one can read everything and announce servers, and change
  nothing else. A deployer sends the token of `--deploy-token-file`, in the examples `BOOTSTRAP_DEPLOY_TOKEN`: it may
  do all that a reader may, [take leases](#post-v1leasespool), and upload
  [runner texts](#put-v1runnersha256) and [bundles](#put-v1bundlessha256).
- **Bodies** are JSON in UTF-8, at most {body.MAX_BODY_BYTES:,} bytes, nested at most {body.MAX_DEPTH} deep, and must
  arrive within {context.BODY_TIMEOUT_S:g} seconds. Answers are JSON in ASCII. Runner texts and bundles are bytes, and a
  bundle may take longer.
- **New keys** may appear in answers at any time: ignore those that you do not know.
- **Caching.** No JSON may be cached (`cache-control: no-store`) or has an ETag. A
  [runner text](#get-v1runnersha256) has both, since it never changes: a cache between hosts and collector may keep
  it. To learn of a change, wait
  for it ([`/wait`](#get-v1serversnamewait)) or listen to [the stream](#get-v1stream); both cost the collector less than
  asking again and again.
- **Connections** stay open for {KEEP_ALIVE_S} seconds without a request. `GET` routes answer `HEAD` too. Only
  `/healthz` answers with a `date`.
- **The Host header** must be a name of the collector: `localhost`, the address listened on, or one of `--allow-host`.
- **Names** of servers and deploys match `[A-Za-z0-9][A-Za-z0-9._-]{{0,62}}`.

## Errors

Every error is `{{"error": {{"code", "message"}}}}`. Programs branch on `code`; `message` is for people and may change.
"""


def http_page() -> str:
    """The whole page."""
    answers = recorded()
    parts = [HEAD, *_errors(answers["error"]), "## Routes\n", *_contents()]
    for route in ENDPOINTS:
        parts += _route(route, answers.get(route.name, ""))
    parts += ["## Shapes\n", "The JSON objects of the answers. A key that may be missing is marked with `?`.\n"]
    for name, schema in SCHEMAS.items():
        parts += _shape(name, schema)
    return "\n".join(parts)


def _errors(answer: str) -> Iterator[str]:
    yield from _example("error", answer)
    yield "| code | status | meaning |\n|---|---|---|"
    yield from (f"| `{code}` | {status} | {meaning} |" for code, (status, meaning) in CODES.items())
    yield "\n`wrong_host` and `bug` are possible at every route; the tables below leave them out.\n"


def _contents() -> Iterator[str]:
    yield "| route | caller | |\n|---|---|---|"
    for route in ENDPOINTS:
        heading = f"{route.method} {route.path}"
        yield f"| [`{heading}`](#{_anchor(heading)}) | {_caller(route.access)} | {_summary(route)} |"
    yield ""


def _anchor(heading: str) -> str:
    """The anchor that a forge gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _summary(route: Endpoint) -> str:
    return " ".join(route.text.partition("\n\n")[0].split())


def _caller(access: Access) -> str:
    short = {
        Access.NONE: "anybody",
        Access.READER: "reader",
        Access.BEARER: "reader, no cookie",
        Access.DEPLOYER: "deployer",
        Access.SIGNED: "server",
        Access.READER_OR_SIGNED: "reader or server",
        Access.URL: "anybody with the URL",
        Access.PAGE: "browser",
    }
    return short[access]


def _route(route: Endpoint, answer: str) -> Iterator[str]:
    yield f"### {route.method} {route.path}\n"
    yield route.text + "\n"
    yield f"**Caller:** {route.access.value}.\n"
    yield from _parameters(route)
    if route.body:
        shape = "[ReportedEvent](#reportedevent) has the rules for the events." if route.name == "post_events" else ""
        yield f"**Body:** `{route.body.media}`. {route.body.text} {shape}".rstrip() + "\n"
        if route.body.media != BYTES:
            yield from _fields(route.body.schema)
    yield "| status | code | answer |\n|---|---|---|"
    for status, good in route.answers.items():
        kind = f" {_kind(good.schema)}" if good.schema and good.schema.keys() & {"$ref", "anyOf"} else ""
        media = f" `{good.media}`" if good.media not in ("", JSON) else ""
        headers = "".join(f" `{name}`: {text}" for name, text in (good.headers or {}).items())
        yield f"| {status} | | {good.text}{kind}{media}{headers} |"
    for code in sorted(route.codes, key=lambda code: CODES[code].status):
        if code not in ("wrong_host", "bug"):
            yield f"| {CODES[code].status} | `{code}` | {CODES[code].meaning} |"
    yield ""
    if route.name in EXAMPLES:
        yield from _example(route.name, answer)


def _parameters(route: Endpoint) -> Iterator[str]:
    rows = [
        f"| `{name}` | path | {_kind(schema)} | required | {text} |"
        for name, (schema, text) in path_parameters(route.path).items()
    ]
    for parameter in route.query:
        default = parameter.schema.get("default")
        default_text = "" if default is None else f"`{default}`"
        rows.append(f"| `{parameter.name}` | query | {_kind(parameter.schema)} | {default_text} | {parameter.text} |")
    if rows:
        yield "| parameter | in | value | default | meaning |\n|---|---|---|---|---|"
        yield from rows
        yield ""


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    """A table of the keys of a body."""
    if "anyOf" in schema:
        schema = schema["anyOf"][0]["items"]
    yield "| key | value | |\n|---|---|---|"
    for key, value in schema["properties"].items():
        yield f"| `{key}` | {_kind(value)} | {'required' if key in schema['required'] else ''} |"
    yield ""


def _example(name: str, answer: str) -> Iterator[str]:
    example = EXAMPLES[name]
    if example.script:
        yield f"```python\n{SCRIPT}```\n"
    ends = f" exit={example.exit_code}" if example.exit_code else ""
    yield f"```console no-run collector{ends}\n$ {example.command}\n```\n"
    language = "json" if answer.startswith(("{", "[")) else "text"
    yield f"```{language}\n{answer}\n```\n"


def _shape(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    yield schema.get("description", "") + "\n"
    if name == "ReportedEvent":
        yield "[The keys of each type](events.md#types). Keys that are not described there are stored unread.\n"
        yield from _fields(schema)
        return
    if "allOf" in schema:
        base, schema = schema["allOf"]
        yield f"All of {_kind(base)}, and:\n"
    yield "| key | value | meaning |\n|---|---|---|"
    for key, value in schema["properties"].items():
        mark = "" if key in schema["required"] else "?"
        yield f"| `{key}`{mark} | {_kind(value)} | {value.get('description', '')} |"
    yield ""


def _kind(schema: dict[str, Any]) -> str:
    """The values that a schema allows, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(choice) for choice in schema["anyOf"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        words = ", ".join(f"`{word}`" for word in schema["enum"])
        return "a code of [the table](#errors)" if schema["enum"] == list(CODES) else words
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if schema == DIGEST.schema:
        return "SHA-256 in hex"
    if "pattern" in schema and "maxLength" not in schema:
        return " or ".join(["name", *kinds[1:]])
    if "array" in kinds:
        return f"list of {_kind(schema['items'])}"
    if "object" in kinds:
        texts = schema.get("additionalProperties")
        kinds = ["map to " + _kind(texts) if texts else "object", *(kind for kind in kinds if kind != "object")]
    least = f" from {schema['minimum']}" if schema.get("minimum", -1) >= 0 else ""
    least += f" to {schema['maximum']:,}" if "maximum" in schema else ""
    most = f" of at most {schema['maxLength']:,} characters" if "maxLength" in schema else ""
    words = [{"string": "text", "boolean": "true or false"}.get(kind, kind) for kind in kinds]
    return " or ".join([words[0] + least + most, *words[1:]])


assert DEPLOY in SCRIPT  # the script and the other examples are of one roll-out
