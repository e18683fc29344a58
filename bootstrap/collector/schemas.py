"""JSON Schemas of the collector's answers, for the OpenAPI file. A test holds them against real answers."""

from __future__ import annotations

from bootstrap.collector.fields import NAME, NUMBER_LIMIT, Schema, event_schema
from bootstrap.collector.refusal import CODES
from bootstrap.collector.state import ENDED, STATES
from bootstrap.runner.contract import CAUSES, STAGE_STATES


def ref(name: str) -> Schema:
    """A reference to a schema of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def _typed(kind: str, text: str) -> Schema:
    return {"type": kind, "description": text}


def _or_null(schema: Schema) -> Schema:
    """The same, or null."""
    # An `enum` would still exclude null, whatever `type` says.
    if "type" in schema and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _object(text: str, properties: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    # A key without a value is null in most answers; optional keys are those that can be missing altogether.
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": text, "required": required, "properties": properties}


def _list(items: Schema, text: str) -> Schema:
    return {"type": "array", "items": items, "description": text}


def _texts(text: str) -> Schema:
    return _list({"type": "string"}, text)


_STATE: Schema = {
    "type": "string",
    "enum": list(STATES),
    "description": "`overdue`: the server's own deadline has passed and nothing final came.",
}
_SERVER: Schema = {**NAME.schema, "description": "The server's name."}
_DEPLOY: Schema = {**NAME.schema, "description": "The roll-out. Ids sort by time."}
_MOMENT = "Seconds since 1970, by the collector's clock"
_HOST_MOMENT = "Seconds since 1970, by the host's clock, which may be wrong at a first boot"
_INTEGER_OR_NULL: Schema = {"type": ["integer", "null"]}
_CAUSE = f"A word such as {', '.join(CAUSES)}."

_STAGE = _object(
    "One stage. `exit_code`, `signal`, `cause`, `took_s` and `tail` are those of its last attempt.",
    {
        "name": _typed("string", "The stage's name."),
        "state": {"type": "string", "enum": list(STAGE_STATES)},
        "attempts": _typed("integer", "Attempts so far."),
        "exit_code": _INTEGER_OR_NULL,
        "signal": _INTEGER_OR_NULL,
        "cause": _or_null(_typed("string", _CAUSE)),
        "started_at": _or_null(_typed("number", f"{_HOST_MOMENT}.")),
        "took_s": _or_null(_typed("number", "Seconds.")),
        "tail": _or_null(_typed("string", "The end of its log, where the attempt was no success.")),
        "outputs": _or_null(
            {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "The `key=value` lines that it wrote to $INITIALRUNNER_OUTPUT.",
            }
        ),
    },
)
_FAILURE = _object(
    "The reason of a failure.",
    {
        "reason": _or_null(_typed("string", "One sentence, for example `packages: exit 100`.")),
        "cause": _or_null(_typed("string", _CAUSE)),
        "stage": _or_null(_typed("string", "The stage that failed; null when health or a file did.")),
        "tail": _or_null(_typed("string", "The end of that stage's log.")),
        "line": _or_null(_typed("string", "The first line of the log that complains, else its last.")),
        "attempts": _typed("integer", "With `stage`: attempts made."),
        "exit_code": _INTEGER_OR_NULL,
        "signal": _INTEGER_OR_NULL,
    },
    optional=("attempts", "exit_code", "signal"),
)
_HEALTH = _object(
    "The result of the health checks.",
    {
        "ok": {"type": "boolean"},
        "passed": _typed("integer", "Passes in a row."),
        "check": _typed("string", "The check that failed."),
        "saw": _typed("string", "The answer that the failed check got."),
        "at": _typed("number", f"{_HOST_MOMENT}."),
    },
    optional=("passed", "check", "saw"),
)
_MISSING = _object(
    "A file that the host waits for.",
    {
        "path": {"type": "string"},
        "why": _typed("string", "A word, for example `absent` or `short`."),
        "saw": _typed("string", "The state of the path, in words."),
        "have": _or_null(_typed("integer", "Bytes that are there.")),
        "want": _or_null(_typed("integer", "Bytes that there should be.")),
    },
    optional=("path", "why", "saw", "have", "want"),
)
# A brief server has the same keys as a whole one, so that a client reads both with the same code.
_BRIEF = {
    "server": _SERVER,
    "deploy_id": _DEPLOY,
    "revision": _or_null(_typed("string", "The revision of the checked spec, 12 hexadecimal digits.")),
    "state": _STATE,
    "final": _typed("boolean", "Nothing more will happen by itself: later events are stored and change nothing."),
    "last_seen": _or_null(_typed("number", f"The last report. {_MOMENT}; null: it has never reported.")),
    "conflict": _texts("Journals of the hosts that report as this one server; empty when all is well."),
    "group": _or_null(_typed("string", "The group whose key signs its reports.")),
    "waits_for": _or_null(_typed("string", "The host's own sentence for what it waits for.")),
}
_LEASE = {
    "fence": _typed("integer", "The number of this lease; a lease that begins later has a greater one."),
    "holder": _typed("string", "The holder's own words."),
    "until": _typed("number", "The end, if it is not renewed. Seconds since 1970, by the clock of the store."),
}
SCHEMAS: dict[str, Schema] = {
    "Error": _object(
        "Every error has this shape.",
        {
            "error": _object(
                "`code`, a stable word, and `message`, a sentence.",
                {
                    "code": {
                        "type": "string",
                        "enum": list(CODES),
                        "description": "A stable word; programs branch on it.",
                    },
                    "message": _typed("string", "A sentence for people, which may change."),
                },
            )
        },
    ),
    "Stage": _STAGE,
    "Failure": _FAILURE,
    "Health": _HEALTH,
    "Missing": _MISSING,
    "BriefServer": _object(
        "One server in one roll-out, without the long parts.",
        {**_BRIEF, "stage": _or_null(_typed("string", "The stage that runs."))},
    ),
    "Server": _object(
        "One server in one roll-out.",
        {
            **_BRIEF,
            "stages": _list(ref("Stage"), "In the order of the spec."),
            "health": _or_null(ref("Health")),
            "failure": _or_null(ref("Failure")),
            "missing": _list(ref("Missing"), "The files that it waits for."),
            "first_seen": _or_null(_typed("number", f"The first report. {_MOMENT}.")),
            "deadline_at": _or_null(_typed("number", f"When it becomes overdue. {_MOMENT}.")),
            "began_at": _or_null(_typed("number", f"The start of the run. {_HOST_MOMENT}.")),
            "ended_at": _or_null(_typed("number", f"The end of the run. {_HOST_MOMENT}.")),
            "instance_id": _or_null(_typed("string", "The host's identity.")),
            "boot_id": _or_null(_typed("string", "The boot of the last report.")),
            "journal": _or_null(_typed("string", "The journal that all this is read from.")),
            "late": _typed("integer", "Events that came after the end."),
            "host_keys": _texts("Public SSH host keys."),
            "addresses": _texts("IP addresses."),
        },
    ),
    "ServerState": _object(
        "The answer for a host that asks about another one.",
        {"server": _SERVER, "deploy_id": _DEPLOY, "state": _STATE},
    ),
    "ServerWait": _object(
        "The end of a wait for one server.",
        {
            "server": _SERVER,
            "deploy_id": _or_null(_DEPLOY),
            "state": _STATE,
            "final": _typed("boolean", "Nothing more will happen by itself."),
            "heard": _typed("boolean", "Whether the server has ever reported in this deploy."),
        },
    ),
    "DeployWait": _object(
        "The end of a wait for a roll-out.",
        {
            "deploy_id": _DEPLOY,
            "state": {
                "type": "string",
                "enum": ["waiting", "running", *ENDED],
                "description": "`healthy` and `failed` are the end; the others mean that the time was out.",
            },
            "count": _typed("integer", "The number of servers that must be healthy."),
            "healthy": _typed("integer", "The number of servers that are."),
            "states": {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "description": "Servers by state.",
            },
            "failed": _texts("Servers that failed, 100 at most."),
            "awaited": _texts("Servers without an end yet, 100 at most."),
        },
    ),
    "RefusedReport": _object(
        "Alike reports that this collector refused. Nothing of it is proven: it is what the sender claimed.",
        {
            "server": _SERVER,
            "deploy_id": _DEPLOY,
            "code": {"type": "string", "enum": list(CODES)},
            "message": _typed("string", "The reason."),
            "peer": _typed("string", "The address that the last one came from."),
            "times": _typed("integer", "Number of such reports."),
            "last_at": _typed("number", f"The last of them. {_MOMENT}."),
        },
    ),
    # Made from the table that judges reports, so that the two cannot differ.
    "ReportedEvent": event_schema(),
    "StoredEvent": {
        "description": "An event as it was reported, and what the collector adds.",
        "allOf": [
            ref("ReportedEvent"),
            _object(
                "The additions.",
                {
                    "journal": {**NAME.schema, "description": "The journal that it stands in."},
                    "received_at": _typed("number", f"{_MOMENT}."),
                    "late": _typed("boolean", "It came after the end and changed nothing."),
                },
            ),
        ],
    },
    "Status": _object("A sign of life.", {"status": {"const": "ok"}}),
    "Acked": _object(
        "How far a journal is stored.",
        {
            "acked": {
                "type": "integer",
                "minimum": 0,
                "exclusiveMaximum": NUMBER_LIMIT,
                "description": "The highest number up to which the collector has every event on disk. "
                "Send what lies above it again.",
            }
        },
    ),
    "Expected": _object("The number of servers that were announced.", {"expected": {"type": "integer"}}),
    "Servers": _object(
        "A list of servers, by name.",
        {"servers": _list({"anyOf": [ref("Server"), ref("BriefServer")]}, "`BriefServer` with `brief=1`.")},
    ),
    "Events": _object("The events of one server.", {"events": _list(ref("StoredEvent"), "In the order of effect.")}),
    "Lease": _object("The right of one holder to change a pool, until it ends.", _LEASE),
    "HeldLease": _object("A lease, and its pool.", {"pool": _typed("string", "The pool."), **_LEASE}),
    "Leases": _object("The leases that have not ended.", {"leases": _list(ref("HeldLease"), "By pool.")}),
    "StoredText": _object("A runner text that is stored.", {"url": _typed("string", "Its path.")}),
    "StoredBundle": _object(
        "A bundle that is stored.",
        {
            "url": _typed("string", "The path and query to fetch it by. Secret."),
            "expires": {"type": "string", "format": "date-time", "description": "The end of the URL."},
        },
    ),
    "RefusedReports": _object(
        "The reports that were refused.", {"refused": _list(ref("RefusedReport"), "The last one first.")}
    ),
}
