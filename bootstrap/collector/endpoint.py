"""A route as its callers see it: one declaration makes the route, its OpenAPI entry and its reference page."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.context import may_read, require_deployer, unauthorised
from bootstrap.collector.fields import Schema
from bootstrap.collector.parameters import Parameter

JSON, HTML, STREAM, BYTES = "application/json", "text/html", "text/event-stream", "application/octet-stream"

Handler = Callable[[Request], Awaitable[Response]]


class Access(enum.Enum):
    """The proof that a caller must bring. Values: the words of the reference page."""

    NONE = "anybody"
    READER = "the token, or the cookie of a browser"
    BEARER = "the token; no cookie"
    DEPLOYER = "the token with the right to deploy"
    SIGNED = "a server, with its key"
    READER_OR_SIGNED = "the token, the cookie of a browser, or the key of a server of the same deploy"
    URL = "the signature in the URL"
    PAGE = "the token or the cookie; others are sent to `/login`"


# The errors that a way to prove oneself can end in.
_CODES_OF = {
    Access.READER: ("unauthorised",),
    Access.BEARER: ("unauthorised",),
    Access.DEPLOYER: ("unauthorised", "forbidden"),
    Access.SIGNED: ("forged",),
    Access.READER_OR_SIGNED: ("unauthorised", "forged"),
    Access.URL: ("unsigned",),
}
_CODES_OF_BODY = ("cut", "slow", "too_large", "full")
_CODES_OF_ALL = ("wrong_host", "bug")


@dataclass(frozen=True)
class Answer:
    """An answer that is no error. schema: of a JSON body; headers: name -> meaning."""

    text: str
    schema: Schema | None = None
    media: str = JSON
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Body:
    """The body that a route reads. schema: of its JSON, or of the fields of a form."""

    text: str
    schema: Schema
    media: str = JSON


@dataclass(frozen=True)
class Endpoint:
    """A declared route. refuses: the error codes that access, body and store do not explain."""

    method: str
    path: str
    access: Access
    handler: Handler
    answers: Mapping[int, Answer]
    query: tuple[Parameter[Any], ...] = ()
    body: Body | None = None
    refuses: tuple[str, ...] = ()
    reads_store: bool = True

    @property
    def name(self) -> str:
        """The name of the function, which generated clients use too."""
        return self.handler.__name__

    @property
    def text(self) -> str:
        """The docstring: a paragraph that says what the route does, then details."""
        lines = (self.handler.__doc__ or "").strip().splitlines()
        return "\n".join(line.strip() for line in lines)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all errors that this route can answer."""
        body = _CODES_OF_BODY if self.body else ()
        store = ("unavailable",) if self.reads_store else ()
        return tuple(
            dict.fromkeys((*_CODES_OF.get(self.access, ()), *self.refuses, *body, *store, *_CODES_OF_ALL))
        )


def endpoint(
    method: str,
    path: str,
    access: Access,
    answers: Mapping[int, Answer],
    *,
    query: tuple[Parameter[Any], ...] = (),
    body: Body | None = None,
    refuses: tuple[str, ...] = (),
    reads_store: bool = True,
) -> Callable[[Handler], Endpoint]:
    """Declare the function below as a route. With Access.READER, BEARER or DEPLOYER it is called only for those."""

    def declare(handler: Handler) -> Endpoint:
        # A signature covers the body, and the page redirects, so their handlers judge the caller themselves.
        is_guarded = access in (Access.READER, Access.BEARER, Access.DEPLOYER)
        guarded = _for_readers(handler, access) if is_guarded else handler
        return Endpoint(method, path, access, guarded, answers, query, body, refuses, reads_store)

    return declare


def _for_readers(handler: Handler, access: Access) -> Handler:
    """Let only requests with the right token through; a cookie counts only with Access.READER."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        # The page of another site can make a browser send its cookie along, but never the Authorization header.
        if access is Access.DEPLOYER:
            require_deployer(request)
        elif not may_read(request, cookie=access is Access.READER):
            raise unauthorised()
        return await handler(request)

    return guarded
