"""Leftovers of this toolkit itself, and of agents that inject its files."""

from __future__ import annotations

import re

from bootstrap.image import own_paths
from bootstrap.image.finding import Cleaning
from bootstrap.image.leftovers.rule import ANY, LISTED, Leftover, in_home
from bootstrap.runner.baked.program import BUILDER
from bootstrap.runner.host import STATE

OURS = (
    Leftover(
        "ours.builder", (BUILDER,), "the builder's mark with its product_uuid",
        "no clone needs it, and it identifies the builder", "keep only the boot id", Cleaning.BUILDER, ANY,
        holds=rb"product_uuid",
    ),
    # The name `builder` has a rule of its own, and the command in `bin` is judged by its content.
    Leftover(
        "ours.state", (f"{STATE}/*",), "the runner's state", "a clone would take it for its own and run nothing",
        "remove it", means=ANY, but=("builder", "bin"),
    ),
    Leftover(
        "ours.bundle", own_paths.PAYLOADS, "a payload, or a part of one",
        "every clone would run it, and it holds secrets and a report key", "remove it", means=ANY,
    ),
    Leftover(
        "ours.trigger", own_paths.PAYLOAD_TRIGGERS, "the trigger of one payload",
        "every clone would wait for that payload", "remove it", means=ANY,
    ),
    # A bake writes the same names; its own command is known by the program that it starts.
    Leftover(
        "ours.command", own_paths.PAYLOAD_COMMANDS, "the command of a runner that has run here",
        "it would answer for the builder's run", "remove it, and bake again",
        unless=re.escape(own_paths.PROGRAM.encode()),
    ),
    Leftover(
        "ours.rc-local", own_paths.RC_LOCALS, "an rc.local that a payload brought",
        "every clone would run it at every boot", "remove it",
        holds=rb"by initialrunner: what runs at every boot",
    ),
    Leftover(
        "ours.rc-local", own_paths.RC_LOCAL_UNITS, "the unit that starts such an rc.local",
        "every clone would start it at every boot, or fail to", "remove it", means=ANY,
    ),
    # The file is the admin's, and the runner has only added a line: --clean leaves it alone.
    Leftover(
        "ours.message", ("/etc/motd",), "a runner's message of failure",
        "everybody who logs in to a clone would read it", "remove that line", LISTED, holds=rb"(?m)^initialrunner: ",
    ),
    Leftover(
        "ours.deployer", in_home(own_paths.DEPLOYER_STATE), "a deployer's secret, tokens or reports",
        "whoever has a clone could report for every server", "remove it", LISTED,
    ),
    # Agents keep the old file as NAME.bak.TIME, and write the new one as NAME.tmp.TIME.
    Leftover(
        "injected.aside", tuple(
            f"{path}.{kind}.*"
            for path in (f"{own_paths.CRON_FOLDER}/*", f"{own_paths.RC_LOCALS[0]}*", f"{own_paths.BUNDLE_FOLDER}/*")
            for kind in ("bak", "tmp")
        ), "a file that an injection agent set aside", "some crons run it, and it may be an older payload", "remove it",
        means=ANY,
    ),
)  # fmt: skip
