"""`bootstrap render`: writes what a server-create call takes, or refuses what would not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli.options import (
    OutputOptions,
    ReportOptions,
    SpecOptions,
    gathered,
    output_options,
    report_options,
    runner_from_option,
    sign_option,
    spec_options,
)
from bootstrap.errors import UsageError
from bootstrap.targets import table

if TYPE_CHECKING:
    from bootstrap.api import Fleet, ServerPlan
    from bootstrap.errors import Problem
    from bootstrap.payload.sign import Signer
    from bootstrap.rendering import Rendering
    from bootstrap.targets.model import Packed


@dataclass(frozen=True)
class PackOptions:
    """The targets to pack for, and what goes into each of them."""

    targets: tuple[str, ...]
    provider: str | None
    beside: tuple[Path, ...]
    url: str | None
    runner_from: tuple[str, ...]

    def pack(self, rendering: Rendering) -> list[Packed]:
        """Pack one server for every target, each once, in the order of the command line. Raises PayloadError."""
        # A target that is named twice has one output folder.
        targets = dict.fromkeys(self.targets)
        return [
            rendering.pack(target, self.provider, self.beside, url=self.url, runner_from=self.runner_from or None)
            for target in targets
        ]


pack_options = gathered(
    "packing",
    PackOptions,
    click.option(
        "--target", "targets", multiple=True, required=True, type=click.Choice(table.NAMES),
        help="The shape of the output; may be given several times. "
        + "; ".join(f"{target.name}: {target.about}" for target in table.TARGETS) + ".",
    ),
    click.option("--provider", metavar="NAME", help="Obey the limits of this provider (nova, ec2, hetzner, ...)."),
    click.option(
        "--user-data", "beside", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
        help="Your own cloud-config, script or other user-data, to send along with ours; may be given several times.",
    ),
    click.option("--url", metavar="URL", help="For a stub: the URL that hosts fetch the bundle from."),
    runner_from_option,
)  # fmt: skip


@dataclass(frozen=True)
class Written:
    """A render that has been written. name: the server's, or the number of servers; folder: where they lie."""

    name: str
    folder: Path
    manifest: Any
    table: str
    warnings: tuple[Problem, ...]
    notes: tuple[str, ...]


@click.command()
@spec_options()
@click.option("--server", metavar="NAME", help="The server's name, part of its report key; for a group: 'web-*'.")
@click.option("--servers", metavar="FILE", help="Many servers at once: YAML or CSV with the name and values of each.")
@pack_options
@report_options
@sign_option
@click.option(
    "--published", type=click.Path(path_type=Path), metavar="FILE",
    help="The published.json of `bootstrap publish`, with the URLs of what hosts fetch.",
)
@output_options
def command(
    inputs: SpecOptions,
    server: str | None,
    servers: str | None,
    packing: PackOptions,
    report: ReportOptions,
    sign: Path | None,
    published: Path | None,
    to: OutputOptions,
) -> None:
    """Write DIR/NAME/: manifest.json and, by target, tree/, personality.json and starter, user-data,
    cloud-config.yaml, cidata.iso and cidata/, config-2.iso and config-2/, stub.sh (beside
    your own user-data: stub-user-data) and bundle.

    The folder has mode 0700, since a payload holds secrets. If anything is refused, nothing is written; otherwise the
    whole output of an earlier render there is replaced. With the same --deploy-id two runs give the same bytes.

    Where a provider has no room for a whole bundle, hosts fetch the runner, which is the same for all, by its SHA-256:
    from the collector that the spec reports to, from what --published names, or from each --runner-from.

    With --servers FILE, render writes DIR/NAME/ for every server in FILE, and the index DIR/manifest.json, which
    `bootstrap wait DIR` takes. It writes all of them or none. DIR must be new, or hold an earlier fleet. FILE is a list
    of names or of maps with a name, a map from name to values, or CSV with a column called name; - is stdin.

    With --sign KEY the bundle carries a signature by ssh-keygen, for images that were baked with --allowed-signers. KEY
    is a private key, or a .pub file whose private half lies beside it, in an ssh-agent or on a security key.
    """
    from bootstrap.cli.main import print_warnings
    from bootstrap.cli.signing import open_key, print_signer

    if (server is None) == (servers is None):
        raise UsageError("give --server NAME, or --servers FILE", hint="one of them")
    # Opened first: a wrong key should be refused before a large fleet is planned.
    key = open_key(sign)
    project = inputs.load()
    if server is not None:
        plan = project.plan(server, deploy_id=report.deploy_id, report_url=report.report_url)
        written = _write_server(plan, packing.pack, report, key, published, to.output)
    else:
        fleet = project.fleet(Path(servers or ""), deploy_id=report.deploy_id, report_url=report.report_url)
        written = _write_fleet(fleet, packing.pack, report, key, to.output)
    # The spec, a template and a target may each give the same warning; it is printed once.
    warnings = (*project.warnings, *written.warnings, *project.exposed(*packing.targets))
    print_warnings(dict.fromkeys(warnings), written.notes)
    # The folder is a fact of this machine and not of the manifest, which is read on others.
    if to.as_json:
        click.echo(json.dumps({**written.manifest, "directory": str(written.folder)}, indent=1))
        return
    manifest = written.manifest
    click.echo(
        f"{written.name}  deploy {manifest['deploy_id']}  revision {manifest['revision']}  in {written.folder}\n"
        f"{written.table}"
    )
    print_signer(key)


def _write_server(
    plan: ServerPlan,
    pack: Callable[[Rendering], list[Packed]],
    report: ReportOptions,
    key: Signer | None,
    published: Path | None,
    output: Path,
) -> Written:
    """Render one server and write it below `output`."""
    from bootstrap.cli.size_table import notes, table
    from bootstrap.publish import result
    from bootstrap.targets import output as output_files

    published_objects = result.read(published) if published else None
    # A spec without `report:` needs no secret, and none has to exist.
    secret = report.read_secret() if plan.reports else None
    rendering = plan.render(secret, published=published_objects, sign=key)
    # Everything is packed and measured before anything is written: a payload that does not fit leaves no trace.
    packed = pack(rendering)
    folder = output_files.write(packed, output)
    manifest = output_files.manifest(packed)
    return Written(plan.server, folder, manifest, table(packed), rendering.rendered.warnings, tuple(notes(packed)))


def _write_fleet(
    fleet: Fleet,
    pack: Callable[[Rendering], list[Packed]],
    report: ReportOptions,
    key: Signer | None,
    output: Path,
) -> Written:
    """Render every server of a fleet and write them all, or none."""
    from bootstrap.cli.fleet import render_fleet
    from bootstrap.cli.size_table import table

    secret = report.read_secret() if fleet.reports else None
    index, largest, warnings, notes = render_fleet(fleet, pack, secret, output, key)
    name = f"{len(fleet):,} server{'' if len(fleet) == 1 else 's'}"
    return Written(name, output, index, table(largest, used="most used"), tuple(warnings), tuple(notes))
