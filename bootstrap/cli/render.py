"""`bootstrap render`: writes what a server-create call takes, or says why it would not fit."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.targets import table

if TYPE_CHECKING:
    from bootstrap.errors import Problem
    from bootstrap.payload.sign import Signer
    from bootstrap.targets.model import Packed


@click.command(short_help="Turn a spec into what a server-create call takes.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--server", metavar="NAME", help="The server's name, part of its report key; of a group: 'web-*'.")
@click.option("--servers", metavar="FILE", help="Many at once: YAML or CSV with the name and the values of each.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    required=True,
    type=click.Choice(table.NAMES),
    help="The shape of the output; may be given several times. "
    + "; ".join(f"{target.name}: {target.about}" for target in table.TARGETS)
    + ".",
)
@click.option("--provider", metavar="NAME", help="Whose limits hold (nova, ec2, hetzner, ...).")
@click.option(
    "--user-data", "beside", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Your own cloud-config, script or other user-data, to go along with ours; may be given several times.",
)
@click.option("--set", "overrides", multiple=True, metavar="K=V", help="Override one value of the spec.")
@click.option("--values", "values_files", multiple=True, type=click.Path(path_type=Path), help="A YAML file of values.")
@click.option("--report-url", metavar="URL", help="Report there instead of to the spec's collector.")
@click.option("--secret-file", type=click.Path(path_type=Path), help="The deployer's secret; else BOOTSTRAP_SECRET.")
@click.option("--deploy-id", metavar="ID", help="The roll-out this belongs to; drawn from the time when not given.")
@click.option("--url", metavar="URL", help="Where hosts fetch the bundle from, for a stub.")
@click.option("--sign", type=click.Path(path_type=Path), metavar="KEY", help="Sign the bundle with this key of ssh's.")
@click.option("--published", type=click.Path(path_type=Path), metavar="FILE", help="What `bootstrap publish` wrote.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("build"), show_default=True, metavar="DIR"
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest instead of the table.")
def command(
    spec: Path,
    server: str | None,
    servers: str | None,
    targets: tuple[str, ...],
    provider: str | None,
    beside: tuple[Path, ...],
    overrides: tuple[str, ...],
    values_files: tuple[Path, ...],
    report_url: str | None,
    secret_file: Path | None,
    deploy_id: str | None,
    url: str | None,
    sign: Path | None,
    published: Path | None,
    output: Path,
    as_json: bool,
) -> None:
    """Write DIR/NAME/: manifest.json and, by target, tree/, personality.json and starter, user-data,
    cloud-config.yaml, cidata.iso and cidata/, config-2.iso and config-2/, stub.sh (beside
    your own user-data: stub-user-data) and bundle.

    The folder is 0700, since a payload holds secrets. Nothing is written when anything is refused; what an earlier
    render left there is replaced as a whole. With the same --deploy-id two runs give the same bytes.

    With --servers FILE: DIR/NAME/ for every server of it, and DIR/manifest.json, the index, which `bootstrap wait DIR`
    takes. All of them or none; DIR must be new, or hold an earlier fleet. FILE is a list of names or of maps with a
    name, a map from name to values, or CSV with a column called name; - is stdin.

    With --sign KEY the bundle carries a signature by ssh-keygen, for images that were baked with --allowed-signers. KEY
    is a private key, or a .pub file whose private half lies beside it, in an ssh-agent or on a security key.
    """
    import json

    from bootstrap import api
    from bootstrap.cli.fleet import render_fleet
    from bootstrap.cli.measures import notes, table
    from bootstrap.errors import UsageError
    from bootstrap.publish import result
    from bootstrap.secret import read_secret
    from bootstrap.targets import output as outputs

    def pack(rendering: api.Rendering) -> list[Packed]:
        return [rendering.pack(target, provider, beside, url=url) for target in dict.fromkeys(targets)]

    if (server is None) == (servers is None):
        raise UsageError("give --server NAME, or --servers FILE", hint="one of them")
    key = open_key(sign)
    project = api.load(spec, overrides=overrides, values_files=values_files)
    if servers is not None:
        fleet = project.fleet(Path(servers), deploy_id=deploy_id, report_url=report_url)
        secret = read_secret(secret_file) if fleet.reports else None
        index, packed, more, noted = render_fleet(fleet, pack, secret, output, key)
        tell(project.warnings + tuple(more) + project.exposed(*targets), noted)
        if as_json:
            click.echo(json.dumps({**index, "directory": str(output)}, indent=1))
            return
        count = f"{len(fleet):,} server{'' if len(fleet) == 1 else 's'}"
        click.echo(f"{count}  deploy {index['deploy_id']}  revision {index['revision']}  in {output}")
        click.echo(table(packed, used="most used"))
        tell_key(key)
        return
    assert server is not None
    plan = project.plan(server, deploy_id=deploy_id, report_url=report_url)
    lies = result.read(published) if published else None
    rendering = plan.render(read_secret(secret_file) if plan.reports else None, published=lies, sign=key)
    # Everything is packed and measured before anything is written.
    packed = pack(rendering)
    folder = outputs.write(packed, output)
    tell(project.warnings + rendering.rendered.warnings + project.exposed(*targets), notes(packed))
    manifest = outputs.manifest(packed)
    if as_json:
        click.echo(json.dumps({**manifest, "directory": str(folder)}, indent=1))
        return
    click.echo(f"{server}  deploy {manifest['deploy_id']}  revision {manifest['revision']}  in {folder}")
    click.echo(table(packed))
    tell_key(key)


def open_key(file: Path | None) -> Signer | None:
    """The key of `--sign`; who has to touch something is told on stderr."""
    if file is None:
        return None
    from bootstrap.payload.sign import signer

    return signer(file, lambda line: click.echo(line, err=True))


def tell_key(key: Signer | None) -> None:
    """Who has signed, below a table."""
    if key is not None:
        click.echo(f"signed by {key.kind} {key.fingerprint}")


def tell(warnings: Iterable[Problem], notes: Iterable[str]) -> None:
    """On stderr: what `check` would warn of, and what travels otherwise than the spec says."""
    from bootstrap.cli.main import paint

    for warning in dict.fromkeys(warnings):
        click.echo(paint(warning), err=True)
    for note in notes:
        click.echo(f"note: {note}", err=True)
