"""Measures a payload against every limit of a provider, and refuses it with both numbers and the cheapest fix.

Nothing is sent and nothing is written before.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bootstrap.errors import Problem
from bootstrap.payload.model import InjectedFile
from bootstrap.payload.refused import Refused
from bootstrap.runner.host import BUNDLE
from bootstrap.targets import table
from bootstrap.targets.providers import BYTES, FILES, Limit, Provider

# Bytes in a channel for one deflated byte of content. The letters of a bundle take about five characters for four
# bytes, which gzip undoes; base64 takes four for three.
TEXT_COST, GZIP_COST, GZIP_AS_BASE64_COST = 5 / 4, 1.0, 4 / 3


@dataclass(frozen=True)
class Measure:
    """One line of the table: used and limit in the same unit; limit None: unknown, or none.

    form: "text", "binary", "gzip" or "base64 of gzip"; empty for a count of files. is_apart: whether it goes another
    way than by the provider's call, so that no limit of the provider's holds.
    """

    what: str
    used: int
    limit: int | None
    unit: str
    form: str = ""
    is_apart: bool = False

    @property
    def left(self) -> int | None:
        """The rest of the limit; negative when it does not fit."""
        return None if self.limit is None else self.limit - self.used


def personality(
    files: Sequence[InjectedFile],
    provider: Provider,
    *,
    contents: Mapping[str, bytes] | None = None,
    movable: Iterable[str] = (),
) -> list[Measure]:
    """Measure injected files against a provider. Raises Refused with everything that does not fit.

    contents: the files inside the bundle, by path; movable: the injected paths that could ride in the bundle instead.
    Both only make the hint better.
    """
    if provider.files is None or provider.content is None or provider.path is None:
        raise Refused(
            [
                Problem(
                    "payload.channel",
                    f"{provider.title} has no injected files",
                    hint=f"{table.USER_DATA.option} --provider {provider.name}",
                )
            ]
        )
    fixes = _Fixes(provider, dict(contents or {}), frozenset(movable))
    cut = sum(1 for file in files if _is_bundle(file.path))
    pieces = _pieces(files, provider.content)
    count = Measure("files", len(files) - cut + pieces, provider.files.most, FILES)
    measures, problems = [count], []
    if count.left is not None and count.left < 0:
        note = f" ({pieces} of them pieces of the bundle)" if pieces > 1 else ""
        message = f"{count.used} files to inject{note}, and {provider.name} takes {count.limit}"
        problems.append(Problem("payload.files", message, hint=fixes.fewer(files, count.used)))
    # Every file is measured before anything is refused, so that one look is enough.
    for file in files:
        size = measured(file.path, file.content, provider.content)
        path = measured(file.path, file.path.encode(), provider.path)
        measures.append(size)
        # A bundle that is too large is cut into pieces, so that the number of files says whether it fits.
        if size.left is not None and size.left < 0 and file.path != BUNDLE:
            used = counted(file.content, provider.content)
            message = f"{file.path}: {used}, and {provider.name} takes {size.limit:,}"
            problems.append(Problem("payload.size", message, hint=fixes.smaller(file)))
        if path.left is not None and path.left < 0:
            message = f"{file.path}: a path of {path.used} {path.unit}, and {provider.name} takes {path.limit}"
            problems.append(Problem("payload.path", message, hint="choose a shorter path"))
    if problems:
        raise Refused(problems)
    return measures


def user_data(blob: bytes, provider: Provider, *, contents: Mapping[str, bytes] | None = None) -> list[Measure]:
    """Measure user-data as the provider counts it. Raises Refused. contents: as above."""
    limit = provider.user_data
    if limit is None:
        message, hint = f"{provider.title} has no user-data", f"{table.PERSONALITY.option} --provider {provider.name}"
        raise Refused([Problem("payload.channel", message, hint=hint)])
    size = measured(table.USER_DATA.name, blob, limit)
    if size.left is not None and size.left < 0:
        message = f"user-data: {counted(blob, limit)}, and {provider.name} takes {size.limit:,}"
        fixes = _Fixes(provider, dict(contents or {}), frozenset())
        cost = {"gzip": GZIP_COST, "base64 of gzip": GZIP_AS_BASE64_COST}.get(size.form, TEXT_COST)
        over = len(blob) - (limit.raw_bytes or 0)
        raise Refused([Problem("payload.size", message, hint=fixes.lighter(over, cost))])
    return [size]


def measured(name: str, data: bytes, limit: Limit) -> Measure:
    return Measure(name, limit.used(data), limit.most, limit.unit, form_of(data))


def unlimited(name: str, data: bytes) -> Measure:
    """Measure data that no provider limits, or for which no provider was named."""
    return Measure(name, len(data), None, BYTES, form_of(data))


def form_of(data: bytes) -> str:
    """Return the form in which content stands: gzip, base64 of gzip, text or binary."""
    if data[:2] == b"\x1f\x8b":
        return "gzip"
    # These are gzip's first bytes in base64. No text of ours begins so.
    if data[:4] == b"H4sI":
        return "base64 of gzip"
    return "text" if data.isascii() and b"\0" not in data else "binary"


def counted(data: bytes, limit: Limit) -> str:
    """Return the size as the limit counts it, and in bytes too where that differs, since people know those."""
    used = f"{limit.used(data):,} {limit.unit}"
    return used if limit.used(data) == len(data) else f"{used} ({len(data):,} bytes)"


class _Fixes:
    """Finds the cheapest way to make a payload fit: a file rides in the bundle or is fetched, or a stub is used."""

    def __init__(self, provider: Provider, contents: dict[str, bytes], movable: frozenset[str]) -> None:
        self.provider = provider
        self.contents = contents
        self.movable = movable

    def fewer(self, files: Sequence[InjectedFile], count: int) -> str:
        """Return the hint for too many files: some can ride in the bundle, or the bundle needs fewer pieces."""
        most = self.provider.files.most if self.provider.files else None
        room = self.provider.content.raw_bytes if self.provider.content else None
        if most is None or room is None:
            return "inject fewer files"
        inject = [file for file in files if file.path in self.movable]
        bundle = _bundle_bytes(files)
        others = count - math.ceil(bundle / room)
        if inject:
            # A file is packed when it rides in the bundle, so that its packed size counts there.
            grown = bundle + sum(_deflated(file.content) * 5 // 4 for file in inject)
            if others - len(inject) + math.ceil(grown / room) <= most:
                return f"let {_names([file.path for file in inject])} ride in the bundle: take `deliver: inject` away"
        return self.lighter(bundle - max(0, most - others) * room)

    def smaller(self, file: InjectedFile) -> str:
        """Return the hint for one file that is too large."""
        if file.path in self.movable:
            return "take `deliver: inject` away: in the bundle it is packed and cut into pieces"
        return self.lighter(len(file.content) - ((self.provider.content and self.provider.content.raw_bytes) or 0))

    def lighter(self, over: int, cost: float = TEXT_COST) -> str:
        """Return the hint for a payload that is `over` bytes too large: the smallest file that is enough, or several.

        cost: the bytes that one deflated byte takes there.
        """
        # A file that is deflated alone is a little larger than its share of the whole: hence two per cent less.
        # One file is easier to move than two, and the smallest that is enough leaves most in the bundle.
        sizes = sorted((int(_deflated(content) * cost * 0.98), path) for path, content in self.contents.items())
        moved = [path for size, path in sizes if size >= over][:1]
        freed = over if moved else 0
        while sizes and freed < over:
            size, path = sizes.pop()
            freed += size
            moved.append(path)
        if freed < over:
            # A stub travels in user-data: a provider without that cannot carry one.
            stub = f"use {table.STUB.option}, or " if self.provider.user_data else ""
            return f"{stub}choose a provider with more room; removing files cannot save {over:,} bytes"
        named = [f"{path}, {len(self.contents[path]):,} bytes" for path in moved]
        return f"take {over:,} bytes out: move {_names(named)}, to `fetch:`"


def _pieces(files: Sequence[InjectedFile], limit: Limit) -> int:
    """Return the number of files that the bundle takes, or would take if more than nine pieces were allowed."""
    room = limit.raw_bytes
    return 1 if room is None else math.ceil(_bundle_bytes(files) / room)


def _bundle_bytes(files: Sequence[InjectedFile]) -> int:
    return sum(len(file.content) for file in files if _is_bundle(file.path))


def _is_bundle(path: str) -> bool:
    return path == BUNDLE or path.startswith(f"{BUNDLE}.")


def _deflated(content: bytes) -> int:
    return len(zlib.compress(content, 9))


def _names(paths: Sequence[str]) -> str:
    return " and ".join(paths) if len(paths) < 3 else f"{', '.join(paths[:-1])} and {paths[-1]}"
