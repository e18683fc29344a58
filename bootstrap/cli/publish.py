"""`bootstrap publish`: puts a spec's files and servers' bundles into Swift, and writes what `render` needs of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bootstrap.publish.publisher import Publisher

LEAST_S, HOUR_S = 60.0, 3600


@click.command(short_help="Put files and bundles into OpenStack Swift, for hosts to fetch.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--container", required=True, metavar="NAME", help="Made unless it is there; keep it short for stubs.")
@click.option("--server", "servers", multiple=True, metavar="NAME", help="Publish this server's bundle, too.")
@click.option("--cloud", metavar="NAME", help="Of clouds.yaml; else OS_CLOUD, OS_* or ST_* of the environment.")
@click.option("--region", metavar="NAME", help="Where the servers will be; compared with the object store's.")
@click.option(
    "--endpoint",
    "interface",
    type=click.Choice(("auto", "public", "internal")),
    default="auto",
    show_default=True,
    help="The way hosts come: internal where it is known to be in their region, else public.",
)
@click.option("--expires", default="7d", show_default=True, metavar="DURATION", help="How long the URLs are good.")
@click.option("--set", "overrides", multiple=True, metavar="K=V", help="Override one value of the spec.")
@click.option("--values", "values_files", multiple=True, type=click.Path(path_type=Path), help="A YAML file of values.")
@click.option("--report-url", metavar="URL", help="Report there instead of to the spec's collector.")
@click.option("--secret-file", type=click.Path(path_type=Path), help="The deployer's secret; else BOOTSTRAP_SECRET.")
@click.option("--deploy-id", metavar="ID", help="The roll-out this belongs to; drawn from the time when not given.")
@click.option("--sign", type=click.Path(path_type=Path), metavar="KEY", help="Sign bundles with this key of ssh's.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("build"), show_default=True, metavar="DIR"
)
@click.option("--dry-run", is_flag=True, help="Log in, check the way, and say what would be uploaded.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(
    spec: Path,
    container: str,
    servers: tuple[str, ...],
    cloud: str | None,
    region: str | None,
    interface: str,
    expires: str,
    overrides: tuple[str, ...],
    values_files: tuple[Path, ...],
    report_url: str | None,
    secret_file: Path | None,
    deploy_id: str | None,
    sign: Path | None,
    output: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Upload files marked `publish: true`, make TempURLs for them and for swift:// ones, and write DIR/published.json.

    With --server the bundle goes up as well, and DIR/NAME/stub.sh fetches it. What is there with the same digest is not
    sent again. Credentials come from clouds.yaml or the environment only; the URLs give the right to read, so the files
    written are 0600.
    """
    import json
    import os
    import time

    from bootstrap import api
    from bootstrap.cli.main import paint
    from bootstrap.cli.render import open_key, tell_key
    from bootstrap.errors import UsageError
    from bootstrap.plan.deploy_id import new_deploy_id
    from bootstrap.publish import clouds, preflight, publisher, result, store
    from bootstrap.render.model import Published, PublishedBundle
    from bootstrap.secret import read_secret
    from bootstrap.spec.types import duration
    from bootstrap.targets import output as outputs
    from bootstrap.targets.table import STUB, USER_DATA

    if not container or "/" in container or len(container) > 256:
        raise UsageError(f"{container!r} is no name of a container", hint="no slash; at most 256 characters")
    try:
        seconds = duration(expires)
    except ValueError as error:
        raise UsageError(f"--expires {expires!r} is no duration", hint="write 12h or 7d") from error
    if seconds < LEAST_S:
        raise UsageError(f"--expires {expires} is too short for a server to start", hint="write 12h or 7d")
    project = api.load(spec, overrides=overrides, values_files=values_files)
    roll_out = deploy_id or new_deploy_id()
    plans = [project.plan(name, deploy_id=roll_out, report_url=report_url) for name in servers or ("any",)]
    secret = read_secret(secret_file) if servers and plans[0].reports else None
    key = open_key(sign)
    account = store.log_in(clouds.find(cloud, os.environ), region)
    endpoint, why = preflight.choose(account, interface, region)
    # To the full hour, so that publishing again within it makes the same URLs and the same bundles.
    ends_at = int(-(-(time.time() + seconds) // HOUR_S) * HOUR_S)
    at_work = publisher.Publisher(account, endpoint, container, ends_at, dry_run)
    for warning in project.warnings:
        click.echo(paint(warning), err=True)
    urls = at_work.files(plans[0].plan)
    bundles: dict[str, PublishedBundle] = {}
    written = []
    for plan in plans if servers else ():
        rendering = plan.render(secret, published=Published(urls), sign=key)
        packed = rendering.pack(USER_DATA.name)
        digest, bundle = packed.payload.digest, packed.payload.bundle
        url = at_work.put(f"bundle of {rendering.server}", digest[: publisher.DIGITS], bundle)
        bundles[rendering.server] = {"url": url, "sha256": digest, "size": len(bundle), "deploy_id": roll_out}
        stub = rendering.pack(STUB.name, url=url)
        if not dry_run:
            written.append(outputs.write([stub], output) / STUB.file)
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_work.expires))
    facts = {
        "container": container, "region": account.region, "endpoint": endpoint.interface, "expires": ends,
        "deploy_id": roll_out if servers else None,
    }  # fmt: skip
    if not dry_run:
        written.append(result.write(Published(urls, bundles), output, **facts))
    if as_json:
        done = {"objects": [vars(one) for one in at_work.done], "written": [str(path) for path in written]}
        click.echo(json.dumps({**facts, "dry_run": dry_run, **done}, indent=1))
        return
    where = f"region {account.region}, " if account.region else ""
    click.echo(f"container {container}, {where}endpoint {why}; URLs are good until {ends}")
    click.echo(table(at_work))
    tell_key(key)
    for path in written:
        click.echo(f"{path}  {path.stat().st_size:,} bytes")


def table(at_work: Publisher) -> str:
    """A line for each object: what was done, its size and digest, its name and what it is."""
    rows = [
        (one.did, "" if one.size is None else f"{one.size:,}", one.sha256[:12], one.object, one.what)
        for one in at_work.done
    ] or [("nothing to publish: no file has publish: true or swift://, and no --server is given", "", "", "", "")]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column == 1 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
