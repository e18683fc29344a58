"""ROOT, the argument of the verbs that work on an image."""

from __future__ import annotations

from typing import Any

import click

from bootstrap.errors import UsageError


class RootFolder(click.Path):
    """As click.Path, which takes no name at all for the folder at hand: a variable that nothing has set is no `.`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            raise UsageError("ROOT is empty", hint="is the variable set that should name the image? `.` is this folder")
        return super().convert(value, param, ctx)
