"""Servers as text for a terminal. Pure functions: values in, text out."""

from __future__ import annotations

import json
import time
from typing import Any

# The first failing line stands above them; more lines would push the other servers off the screen.
LOG_LINES = 15
COLOURS = {"healthy": "green", "done": "green", "failed": "red", "overdue": "yellow", "interrupted": "yellow"}


def plain(text: object) -> str:
    """Return a text as one line without control characters: a host's could move the cursor or colour the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text).replace("\t", "    "))


def json_text(value: Any) -> str:
    """Return JSON for stdout, without control characters."""
    # json escapes all others already; DEL is printable ASCII for JSON, and a control character for a terminal.
    return json.dumps(value, indent=2).replace("\x7f", "\\u007f")


def progress(server: dict[str, Any]) -> str:
    """Return one line: `web-1: running packages (attempt 2)`; for a group, `web-*: 2 of 5 healthy, 1 running`."""
    name, state = server["server"], server["state"]
    # Only a group has a count.
    if "count" in server:
        others = "".join(f", {n} {word}" for word, n in sorted(server["states"].items()) if word != "healthy")
        return plain(f"{name}: {server['healthy']} of {server['count']} healthy{others}")
    # An entry of a list has the name of its stage only, a full one has all stages with their attempts.
    stage = next((s for s in server.get("stages", ()) if s["state"] == "running"), None)
    at = (stage["name"] if stage else server.get("stage")) or ""
    attempt = f" (attempt {stage['attempts']})" if stage and stage["attempts"] > 1 else ""
    clone = " [conflict: two hosts report as this server]" if server.get("conflict") else ""
    place = f" {at}" if at and state in ("running", "overdue") else ""
    return plain(f"{name}: {state}{place}{attempt}{waits(server)}{clone}")


def waits(server: dict[str, Any]) -> str:
    """Return the text after the state of a host that waits: its own sentence, or else the files that are missing."""
    state, missing = server["state"], server.get("missing") or ()
    if server.get("waits_for") and state not in ("healthy", "failed"):
        stages = [f"stage {m.get('path')}: " for m in missing[:1] if m.get("why") == "needs"]
        return f"{'' if state == 'waiting' else ', waiting'}: {''.join(stages)}{server['waits_for']}"
    if state != "waiting" or not missing:
        return ""
    return " for " + ", ".join(str(m.get("path", "?")) + (f" ({m['saw']})" if m.get("saw") else "") for m in missing)


def failure(server: dict[str, Any]) -> list[str]:
    """Return the lines about a failed server: stage, exit code, attempts, the end of its log, and the next step."""
    cause = server.get("failure") or {}
    lines = [headline(server)]
    line = failing_line(server)
    if line:
        lines.append(f"  first failing line: {line}")
    tail = (cause.get("tail") or "").rstrip().splitlines()[-LOG_LINES:]
    if tail:
        lines += [f"  last lines of {cause.get('stage')}.log:", *(f"    | {line}" for line in tail)]
    lines.append(f"  next: {next_step(server)}")
    return [plain(line) for line in lines]


def headline(server: dict[str, Any]) -> str:
    """Return `web-1 failed in stage packages: exit 100, after 2 attempts`."""
    cause = server.get("failure") or {}
    stage = cause.get("stage")
    return plain(f"{server['server']} failed{f' in stage {stage}' if stage else ''}: {reason(cause)}")


def failing_line(server: dict[str, Any]) -> str | None:
    """Return the first failing line of a failed server's log; None where no log has one."""
    cause = server.get("failure") or {}
    line = cause.get("line")
    # The collector repeats the reason in its place.
    return plain(line) if line and line != cause.get("reason") else None


def next_step(server: dict[str, Any]) -> str:
    """Return what to type on the host of a failed server."""
    stage = (server.get("failure") or {}).get("stage")
    logs = f" and `initialrunner logs {stage}`" if stage else ""
    return plain(f"on {server['server']}, `initialrunner why`{logs}")


def reason(failure: dict[str, Any]) -> str:
    """Return `exit 100, cause verify, after 2 attempts`, or else the reason that the host gave."""
    ends = [f"exit {failure['exit_code']}"] if failure.get("exit_code") is not None else []
    ends += [f"signal {failure['signal']}"] if failure.get("signal") is not None else []
    if not ends:
        return str(failure.get("reason") or failure.get("cause") or "no reason was given")
    cause = failure.get("cause")
    if cause and cause not in ("exit", "signal"):
        ends.append(f"cause {cause}")
    attempts = failure.get("attempts") or 1
    return f"{', '.join(ends)}, after {attempts} attempt{'' if attempts == 1 else 's'}"


def ago(moment: float | None, now: float) -> str:
    """Return `never`, `12s ago`, `3m20s ago`, `5h ago` or `2d ago`. Both are seconds since 1970."""
    return "never" if moment is None else f"{span(max(0.0, now - moment))} ago"


def span(seconds: float) -> str:
    """Return a duration for people: `0.4s`, `12s`, `3m20s`, `5h` or `2d`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    if seconds < 3600:
        return f"{int(seconds // 60)}m{int(seconds % 60):02d}s"
    return f"{int(seconds // 3600)}h" if seconds < 2 * 86400 else f"{int(seconds // 86400)}d"


def table(rows: list[list[str]]) -> list[str]:
    """Return the rows as lines with aligned columns; the first row is the head."""
    rows = [[plain(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def overview(servers: list[dict[str, Any]], now: float | None = None) -> list[str]:
    """Return the table of `bootstrap status`, one row for each server."""
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
                _remark(server),
            ]
        )
    return table(rows)


def _remark(server: dict[str, Any]) -> str:
    """Return the last column of the table: why a server failed, or what it does now; at most 100 characters."""
    cause = server.get("failure")
    if cause:
        end = " ".join(part for part in (cause.get("stage"), reason(cause)) if part)
        line = cause.get("line")
        text = f"{end}: {line}" if line and cause.get("stage") else end
    elif server.get("conflict"):
        text = "conflict: two hosts report as this server"
    else:
        # Name and state stand in other columns already.
        text = progress(server).partition(": ")[2].removeprefix(server["state"]).strip(" :,")
    # The line of a log may be as long as it likes, and would break the table.
    return text if len(text) <= 100 else text[:99] + "…"


def details(server: dict[str, Any], now: float | None = None) -> list[str]:
    """Return all about one server: its facts, its stages, and why it failed."""
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
        # The line `waits for` names the needs of a stage already.
        if not (server.get("waits_for") and m.get("why") == "needs")
    ]
    if server.get("stages"):
        rows = [["STAGE", "STATE", "ATTEMPTS", "TOOK", "END"]]
        rows += [_stage(stage) for stage in server["stages"]]
        lines += ["", *(f"  {line}" for line in table(rows))]
    health = server.get("health")
    if health:
        check = ": ".join(health[key] for key in ("check", "saw") if health.get(key))
        lines += ["", f"  health     {'passed' if health.get('ok') else 'not passed'}{' ' + check if check else ''}"]
    if server.get("failure"):
        lines += ["", *failure(server)]
    return [plain(line) for line in lines]


def _stage(stage: dict[str, Any]) -> list[str]:
    """Return the cells of one stage."""
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
