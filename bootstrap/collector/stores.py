"""Opens the store that a --store URL names. The PostgreSQL driver is imported only when it is needed."""

from __future__ import annotations

from pathlib import Path

from bootstrap.collector.store import Store
from bootstrap.errors import UsageError


def store_of(url: str) -> Store:
    """`sqlite:///PATH` (a path from the root takes a fourth slash) or `postgresql://…`. Raises UsageError."""
    scheme, _, location = url.partition("://")
    if scheme == "sqlite" and location.startswith("/") and len(location) > 1:
        from bootstrap.collector.store_sqlite import SqliteStore

        # The third slash ends the empty host, so a path from the root brings a slash of its own.
        path = Path(location[1:])
        if not path.parent.is_dir():
            raise UsageError(f"--store {url}: the folder {path.parent} does not exist", hint=_slashes(path))
        return SqliteStore(path)
    if scheme in ("postgresql", "postgres"):
        try:
            from bootstrap.collector.store_postgres import PostgresStore
        except ImportError as error:
            raise UsageError(
                f"--store {scheme}://…: {error.name} is not installed", hint="pip install 'initialrunner[postgres]'"
            ) from error
        return PostgresStore(url)
    raise UsageError(
        f"--store {url!r} is neither sqlite:///PATH nor postgresql://…",
        hint="for example sqlite:////var/lib/initialrunner/collector.db",
    )


def _slashes(path: Path) -> str:
    if path.is_absolute():
        return "create the folder first"
    return f"three slashes begin a relative path; a path from the root takes four: sqlite:////{path}"
