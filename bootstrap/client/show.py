"""How servers look in a terminal. Pure: values in, text out."""

from __future__ import annotations

import json
import time
from typing import Any

LOG_LINES = 15
COLOURS = {"healthy": "green", "done": "green", "failed": "red", "overdue": "yellow", "interrupted": "yellow"}


def plain(text: object) -> str:
    """One line that a host's words cannot break: control characters would move the cursor or colour the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text).replace("\t", "    "))


def json_text(value: Any) -> str:
    """JSON for stdout. The rest is escaped already; DEL is printable ASCII for JSON, and not for a terminal."""
    return json.dumps(value, indent=2).replace("\x7f", "\\u007f")


def progress(server: dict[str, Any]) -> str:
    """One line of progress: `web-1: running packages (attempt 2)`, of a group `web-*: 2 of 5 healthy, 1 running`."""
    name, state = server["server"], server["state"]
    if "count" in server:
        others = "".join(f", {n} {word}" for word, n in sorted(server["states"].items()) if word != "healthy")
        return plain(f"{name}: {server['healthy']} of {server['count']} healthy{others}")
    stage = next((s for s in server.get("stages", ()) if s["state"] == "running"), None)
    at = (stage["name"] if stage else server.get("stage")) or ""
    attempt = f" (attempt {stage['attempts']})" if stage and stage["attempts"] > 1 else ""
    clone = " [conflict: two hosts report as this server]" if server.get("conflict") else ""
    shown = f" {at}" if at and state in ("running", "overdue") else ""
    return plain(f"{name}: {state}{shown}{attempt}{waits(server)}{clone}")


def waits(server: dict[str, Any]) -> str:
    """What a host waits for, as it goes on after its state: its own sentence, else the files that are not there."""
    state, missing = server["state"], server.get("missing") or ()
    if server.get("waits_for") and state not in ("healthy", "failed"):
        stages = [f"stage {m.get('path')}: " for m in missing[:1] if m.get("why") == "needs"]
        return f"{'' if state == 'waiting' else ', waiting'}: {''.join(stages)}{server['waits_for']}"
    if state != "waiting" or not missing:
        return ""
    return " for " + ", ".join(str(m.get("path", "?")) + (f" ({m['saw']})" if m.get("saw") else "") for m in missing)


def failure(server: dict[str, Any]) -> list[str]:
    """Why a server failed: stage, exit code, attempts, the last lines of its log, and what to do next."""
    why = server.get("failure") or {}
    name, stage = server["server"], why.get("stage")
    lines = [f"{name} failed{f' in stage {stage}' if stage else ''}: {_how(why)}"]
    if why.get("line") and why["line"] != why.get("reason"):
        lines.append(f"  first failing line: {why['line']}")
    tail = (why.get("tail") or "").rstrip().splitlines()[-LOG_LINES:]
    if tail:
        lines += [f"  last lines of {stage}.log:", *(f"    | {line}" for line in tail)]
    lines.append(f"  next: on {name}, `initialrunner why`" + (f" and `initialrunner logs {stage}`" if stage else ""))
    return [plain(line) for line in lines]


def _how(why: dict[str, Any]) -> str:
    """`exit 100 (exit), attempt 2`, else the reason that the host gave."""
    ends = [f"exit {why['exit_code']}"] if why.get("exit_code") is not None else []
    ends += [f"signal {why['signal']}"] if why.get("signal") is not None else []
    if not ends:
        return str(why.get("reason") or why.get("cause") or "no reason was given")
    cause = why.get("cause")
    if cause and cause not in ("exit", "signal"):
        ends.append(f"cause {cause}")
    attempts = why.get("attempts") or 1
    return f"{', '.join(ends)}, after {attempts} attempt{'' if attempts == 1 else 's'}"


def ago(moment: float | None, now: float) -> str:
    """`never`, `12s ago`, `3m ago`, `5h ago`, `2d ago`."""
    return "never" if moment is None else f"{span(max(0.0, now - moment))} ago"


def span(seconds: float) -> str:
    """A span for people: `0.4s`, `12s`, `3m20s`, `5h`, `2d`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    if seconds < 3600:
        return f"{int(seconds // 60)}m{int(seconds % 60):02d}s"
    return f"{int(seconds // 3600)}h" if seconds < 2 * 86400 else f"{int(seconds // 86400)}d"


def table(rows: list[list[str]]) -> list[str]:
    """Columns, aligned; the first row is the head."""
    rows = [[plain(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def overview(servers: list[dict[str, Any]], now: float | None = None) -> list[str]:
    """The table of `bootstrap status`: one row a server."""
    now = time.time() if now is None else now
    rows = [["SERVER", "STATE", "STAGES", "DEPLOY", "LAST SEEN", "WHY"]]
    for server in servers:
        stages = server.get("stages", [])
        ended = sum(stage["state"] in ("done", "skipped") for stage in stages)
        rows.append(
            [
                server["server"],
                server["state"],
                f"{ended}/{len(stages)}" if stages else "-",
                server["deploy_id"],
                ago(server.get("last_seen"), now),
                _why(server),
            ]
        )
    return table(rows)


def _why(server: dict[str, Any]) -> str:
    why = server.get("failure")
    if why:
        said = " ".join(part for part in (why.get("stage"), _how(why)) if part)
        line = why.get("line")
        text = f"{said}: {line}" if line and why.get("stage") else said
    elif server.get("conflict"):
        text = "conflict: two hosts report as this server"
    else:
        text = progress(server).partition(": ")[2].removeprefix(server["state"]).strip(" :,")
    return text if len(text) <= 100 else text[:99] + "…"


def details(server: dict[str, Any], now: float | None = None) -> list[str]:
    """All about one server: its facts, its stages, and why it failed."""
    now = time.time() if now is None else now
    lines = [
        f"{server['server']}  {server['state']}",
        f"  deploy     {server['deploy_id']}  revision {server.get('revision') or '-'}",
        f"  last seen  {ago(server.get('last_seen'), now)}",
    ]
    for label, key in (("group", "group"), ("instance", "instance_id"), ("journal", "journal")):
        if server.get(key):
            lines.append(f"  {label.ljust(9)}  {server[key]}")
    if server.get("addresses"):
        lines.append(f"  addresses  {', '.join(map(str, server['addresses']))}")
    if server.get("conflict"):
        lines.append(f"  conflict   two hosts report as this server: journals {', '.join(server['conflict'])}")
    if server.get("waits_for"):
        lines.append(f"  waits for  {server['waits_for']}")
    lines += [
        f"  missing    {m.get('path', '?')}: {m.get('saw') or m.get('why', 'absent')}"
        for m in server.get("missing", ())
        # What a stage needs stands in the sentence above.
        if not (server.get("waits_for") and m.get("why") == "needs")
    ]
    if server.get("stages"):
        rows = [["STAGE", "STATE", "ATTEMPTS", "TOOK", "END"]]
        rows += [_stage(stage) for stage in server["stages"]]
        lines += ["", *(f"  {line}" for line in table(rows))]
    health = server.get("health")
    if health:
        saw = ": ".join(health[key] for key in ("check", "saw") if health.get(key))
        lines += ["", f"  health     {'passed' if health.get('ok') else 'not passed'}{' ' + saw if saw else ''}"]
    if server.get("failure"):
        lines += ["", *failure(server)]
    return [plain(line) for line in lines]


def _stage(stage: dict[str, Any]) -> list[str]:
    end = stage.get("cause") or ""
    if stage.get("exit_code") is not None:
        end = f"exit {stage['exit_code']}" + (f" ({end})" if end and end != "exit" else "")
    elif stage.get("signal") is not None:
        end = f"signal {stage['signal']}"
    took = stage.get("took_s")
    return [
        stage["name"],
        stage["state"],
        str(stage["attempts"]) if stage["attempts"] else "-",
        span(took) if took is not None else "-",
        end,
    ]
