"""Which store a --store URL means. The PostgreSQL driver is imported only when one is named."""

from __future__ import annotations

from pathlib import Path

from bootstrap.collector.store import Store
from bootstrap.errors import UsageError


def store_of(url: str) -> Store:
    """`sqlite:///PATH` (a path from the root takes a fourth slash) or `postgresql://…`. Raises UsageError."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        from bootstrap.collector.store_sqlite import SqliteStore

        path = Path(rest[1:])
        if not path.parent.is_dir():
            raise UsageError(f"--store {url}: there is no folder {path.parent}", hint=_slashes(path))
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
        return "make it first"
    return f"that is a path from here; from the root it takes four slashes: sqlite:////{path}"
