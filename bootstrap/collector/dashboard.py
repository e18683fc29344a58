"""The dashboard: the page of all servers, its stream of rows, the login, and the page's own style and script."""

from __future__ import annotations

import asyncio
import math
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bootstrap import resources
from bootstrap.collector.context import body_of, collector_of, may_read
from bootstrap.collector.endpoint import HTML, STREAM, Access, Answer, Body, endpoint
from bootstrap.collector.model import Run
from bootstrap.collector.parameters import DEPLOY, STATE_OF_PAGE, STREAM_DEPLOY
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.state import server_json
from bootstrap.collector.stream import streamed
from bootstrap.collector.tokens import COOKIE, COOKIE_LIFE_S

# Nothing from other sites and nothing inline is allowed: a text that a host reports can then never become a script.
SECURITY = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
ASSETS = {"dashboard.css": "text/css", "dashboard.js": "text/javascript"}
# Servers that need a look come first.
ORDER = {state: i for i, state in enumerate(("failed", "overdue", "running", "checking", "waiting", "healthy"))}
MAX_ROWS = 500  # nobody reads more rows; the counts above them are of all servers
MAX_WIDTH = 8  # of a stage; dashboard.css has a class for each width


# Kept, because a page of 500 servers renders the template of a row 500 times.
@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(resources.path("templates/dashboard")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def render(template: str, **values: Any) -> str:
    """A page of templates/dashboard; every value is escaped."""
    return _environment().get_template(template).render(**values)


def _page(text: str, status: int = 200) -> Response:
    return Response(text, status, SECURITY, "text/html")


@endpoint(
    "GET",
    "/",
    Access.PAGE,
    {
        200: Answer("The page.", media=HTML),
        303: Answer("Not logged in.", media="", headers={"location": "`/login`."}),
    },
    query=(DEPLOY, STATE_OF_PAGE),
    refuses=("malformed",),
)
async def get_dashboard(request: Request) -> Response:
    """Show the dashboard: every server, its stages as a timeline, and the first failing line.

    At most 500 servers are shown; those that need a look come first.
    """
    if not may_read(request):
        return RedirectResponse("/login", 303, SECURITY)
    collector, deploy_id, state = collector_of(request), DEPLOY.of(request), STATE_OF_PAGE.of(request)
    runs = await collector.store.runs(deploy_id)
    now = collector.clock()
    # A big fleet takes a while to render, and reports must not wait for a page.
    return _page(await asyncio.to_thread(overview, runs, now, deploy_id, state))


def overview(runs: list[Run], now: float, deploy_id: str | None, state: str | None) -> str:
    """The whole page: counts by state, then a row for each server. Servers that need a look come first."""
    servers = [server_json(run, now) for run in runs]
    # The counts are of all servers, whatever state is chosen: they are the links to the other states.
    counts = {name: sum(server["state"] == name for server in servers) for name in ORDER}
    chosen = [server for server in servers if state in (None, server["state"])]
    chosen.sort(key=lambda server: (ORDER[server["state"]], server["server"]))
    rows = [row_values(server, now) for server in chosen[:MAX_ROWS]]
    hidden = max(0, len(chosen) - MAX_ROWS)
    return render(
        "servers.html", rows=rows, counts=counts, total=len(servers), hidden=hidden, state=state, deploy_id=deploy_id
    )


def row_values(server: dict[str, Any], now: float) -> dict[str, Any]:
    """The values that the template of a row needs."""
    took = [stage["took_s"] for stage in server["stages"] if stage["took_s"]]
    return {
        **server,
        "seen": _ago(server["last_seen"], now),
        "total": _span(sum(took)) if took else "",
        "stages": [
            {**stage, "width": _width(stage["took_s"]), "took": _span(stage["took_s"])} for stage in server["stages"]
        ],
    }


def _width(took_s: float | None) -> int:
    """The width of a stage on the page: the logarithm of its time, so that a second can be seen beside ten minutes."""
    return 1 if not took_s else max(1, min(MAX_WIDTH, 1 + round(math.log2(1 + took_s))))


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"


def _ago(moment: float | None, now: float) -> str:
    if moment is None:
        return "never reported"
    since = max(0.0, now - moment)
    if since < 60:
        return "just now" if since < 10 else f"{since:.0f} s ago"
    if since < 3600:
        return f"{since // 60:.0f} min ago"
    return f"{since // 3600:.0f} h ago" if since < 48 * 3600 else f"{since // 86400:.0f} days ago"


@endpoint(
    "GET",
    "/rows",
    Access.READER,
    {200: Answer("Events until one side closes the connection.", media=STREAM)},
    query=(STREAM_DEPLOY,),
    refuses=("malformed",),
    reads_store=False,
)
async def get_rows(request: Request) -> Response:
    """Stream the rows of the dashboard: after each change of a server its row, rendered as on the page.

    The page uses it; programs use `GET /v1/stream`.
    """

    def row(run: Run, now: float) -> dict[str, Any]:
        server = server_json(run, now)
        html = render("row.html", server=row_values(server, now))
        return {"server": run.server, "state": server["state"], "html": html}

    return streamed(request, row)


@endpoint("GET", "/login", Access.NONE, {200: Answer("The form.", media=HTML)}, reads_store=False)
async def login_page(request: Request) -> Response:
    """Show the login form."""
    return _page(render("login.html", wrong=False))


@endpoint(
    "POST",
    "/login",
    Access.NONE,
    {
        303: Answer(
            "The token is right.",
            media="",
            headers={"location": "`/`.", "set-cookie": "The cookie, valid for 12 hours."},
        ),
        401: Answer("For a browser (`accept: text/html`): the form again.", media=HTML),
    },
    body=Body(
        "The field of the form.",
        {"type": "object", "required": ["token"], "properties": {"token": {"type": "string"}}},
        "application/x-www-form-urlencoded",
    ),
    refuses=("unauthorised",),
    reads_store=False,
)
async def login(request: Request) -> Response:
    """Log a browser in: the token becomes a cookie that scripts cannot read and other sites cannot send."""
    collector = collector_of(request)
    # Bytes that are no UTF-8 make a wrong token, which is refused like any other.
    fields = parse_qs((await body_of(request)).decode("utf-8", "replace"))
    if not collector.readers.token(fields.get("token", [""])[0].strip()):
        # A person gets the form again, a program the error shape.
        if "text/html" in request.headers.get("accept", ""):
            return _page(render("login.html", wrong=True), 401)
        raise Refusal("unauthorised", "this is not the token of this collector")
    # The cookie is strict, so that no page of another site can send a request with it.
    answer = RedirectResponse("/", 303, SECURITY)
    answer.set_cookie(
        COOKIE,
        collector.readers.cookie(collector.clock()),
        max_age=COOKIE_LIFE_S,
        httponly=True,
        samesite="strict",
        secure=collector.is_tls,
    )
    return answer


@endpoint(
    "GET",
    "/assets/{name}",
    Access.NONE,
    {200: Answer("The file.", media="text/*")},
    refuses=("not_found",),
    reads_store=False,
)
async def get_asset(request: Request) -> Response:
    """Give the style sheet or the script of the dashboard. They hold nothing of any server, so they need no token."""
    # Only listed names are opened, so no path can lead out of the folder.
    name = request.path_params["name"]
    if name not in ASSETS:
        raise Refusal("not_found", f"there is no /assets/{name}")
    return Response(resources.text(f"templates/dashboard/{name}"), 200, SECURITY, ASSETS[name])
