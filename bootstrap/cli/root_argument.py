"""ROOT, the argument of the verbs that work on an image."""

from __future__ import annotations

from typing import Any

import click

from bootstrap.errors import UsageError


class RootFolder(click.Path):
    """A folder's path that must not be empty.

    pathlib takes an empty text for the current folder. It stands where a script's variable was never set, and the
    script would then work on the wrong folder.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            raise UsageError("ROOT is empty", hint="is the variable set that should name the image? `.` is this folder")
        return super().convert(value, param, ctx)
