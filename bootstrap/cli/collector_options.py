"""The options that every command which talks to a collector has."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bootstrap.cli.places import state_path

if TYPE_CHECKING:
    from bootstrap.client.collector import Collector

_F = TypeVar("_F", bound=Callable[..., Any])
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration(text: str) -> float:
    """A span with a unit (`90s`, `15m`, `1h`), in seconds; the `type` of an option."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is not a duration with a unit; write 90s, 15m or 1h")
    return float(found[1]) * _UNITS[found[2]]


def collector_options(function: _F) -> _F:
    """--collector, --token-file and --ca."""
    for option in (
        click.option(
            "--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CA of the collector, PEM."
        ),
        click.option(
            "--token-file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="The token to read with.  [env: BOOTSTRAP_TOKEN_FILE, BOOTSTRAP_TOKEN; default: the one that "
            "`bootstrap serve` made here]",
        ),
        click.option("--collector", metavar="URL", help="[env: BOOTSTRAP_COLLECTOR; default: http://127.0.0.1:8080]"),
    ):
        function = option(function)
    return function


def connect(collector: str | None, token_file: Path | None, ca: Path | None) -> Collector:
    """The collector that the options name."""
    from bootstrap.client.collector import connect as connect_to

    return connect_to(collector, token_file, default_token=state_path("token"), ca=ca)
