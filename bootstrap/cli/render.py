"""`bootstrap render`: writes what a server-create call takes, or says why it would not fit."""

from __future__ import annotations

from pathlib import Path

import click

# Spelled out here so that `--help` need not import the targets; a test compares them.
TARGETS = ("tree", "personality", "user-data", "cloud-config", "stub")


@click.command(short_help="Turn a spec into what a server-create call takes.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--server", required=True, metavar="NAME", help="The server's name: part of its report key.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    required=True,
    type=click.Choice(TARGETS),
    help="The shape of the output; may be given several times.",
)
@click.option("--provider", metavar="NAME", help="Whose limits hold (nova, ec2, hetzner, ...).")
@click.option("--set", "overrides", multiple=True, metavar="K=V", help="Override one value of the spec.")
@click.option("--values", "values_files", multiple=True, type=click.Path(path_type=Path), help="A YAML file of values.")
@click.option("--report-url", metavar="URL", help="Report there instead of to the spec's collector.")
@click.option("--secret-file", type=click.Path(path_type=Path), help="The deployer's secret; else BOOTSTRAP_SECRET.")
@click.option("--deploy-id", metavar="ID", help="The roll-out this belongs to; drawn from the time when not given.")
@click.option("--url", metavar="URL", help="Where hosts fetch the bundle from, for a stub.")
@click.option("--published", type=click.Path(path_type=Path), metavar="FILE", help="What `bootstrap publish` wrote.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("build"), show_default=True, metavar="DIR"
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest instead of the table.")
def command(
    spec: Path,
    server: str,
    targets: tuple[str, ...],
    provider: str | None,
    overrides: tuple[str, ...],
    values_files: tuple[Path, ...],
    report_url: str | None,
    secret_file: Path | None,
    deploy_id: str | None,
    url: str | None,
    published: Path | None,
    output: Path,
    as_json: bool,
) -> None:
    """Write DIR/NAME/: manifest.json and, by target, tree/, personality.json, user-data, cloud-config.yaml or stub.sh.

    The folder is 0700, since a payload holds secrets. Nothing is written when anything is refused; what an earlier
    render left there is replaced as a whole. With the same --deploy-id two runs give the same bytes.
    """
    import json

    from bootstrap import api
    from bootstrap.cli.main import paint
    from bootstrap.cli.measures import notes, table
    from bootstrap.publish import result
    from bootstrap.secret import read_secret
    from bootstrap.targets import output as outputs

    project = api.load(spec, overrides=overrides, values_files=values_files)
    plan = project.plan(server, deploy_id=deploy_id, report_url=report_url)
    lies = result.read(published) if published else None
    rendering = plan.render(read_secret(secret_file) if plan.reports else None, published=lies)
    # Everything is packed and measured before anything is written.
    packed = [rendering.pack(target, provider, url=url) for target in dict.fromkeys(targets)]
    folder = outputs.write(packed, output)
    for warning in project.warnings:
        click.echo(paint(warning), err=True)
    for note in notes(packed):
        click.echo(f"note: {note}", err=True)
    manifest = outputs.manifest(packed)
    if as_json:
        click.echo(json.dumps(manifest | {"directory": str(folder)}, indent=1))
        return
    click.echo(f"{server}  deploy {manifest['deploy_id']}  revision {manifest['revision']}  in {folder}")
    click.echo(table(packed))
