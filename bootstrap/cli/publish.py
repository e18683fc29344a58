"""`bootstrap publish`: puts a spec's files and servers' bundles into Swift, and writes their URLs for `render`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import (
    OutputOptions,
    ReportOptions,
    SpecOptions,
    gathered,
    output_options,
    report_options,
    sign_option,
    spec_options,
)
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.api import ServerPlan
    from bootstrap.payload.sign import Signer
    from bootstrap.publish.publisher import Publisher
    from bootstrap.render.model import Published, PublishedBundle

MIN_LIFETIME_S, HOUR_S = 60.0, 3600
# Swift's own limit, in its default configuration.
MAX_CONTAINER_CHARACTERS = 256


@dataclass(frozen=True)
class StoreOptions:
    """The object store to publish to, and the URLs to make: by which endpoint, and how long they are good."""

    container: str
    cloud: str | None
    region: str | None
    interface: str
    expires: str

    def lifetime_s(self) -> float:
        """Return how long the URLs are good, once container and duration are checked. Raises UsageError."""
        from bootstrap.spec.types import duration

        if not self.container or "/" in self.container or len(self.container) > MAX_CONTAINER_CHARACTERS:
            raise UsageError(
                f"{self.container!r} cannot be the name of a container", hint="no slash; at most 256 characters"
            )
        try:
            lifetime_s = duration(self.expires)
        except ValueError as error:
            raise UsageError(f"--expires {self.expires!r} is not a duration", hint="write 12h or 7d") from error
        if lifetime_s < MIN_LIFETIME_S:
            raise UsageError(f"--expires {self.expires} is too short for a server to start", hint="write 12h or 7d")
        return lifetime_s

    def publisher(self, lifetime_s: float, *, dry_run: bool) -> tuple[Publisher, str]:
        """Log in and choose the endpoint. Return the publisher and a remark on the choice. Raises PublishError."""
        import os
        import time

        from bootstrap.publish import clouds, preflight, store
        from bootstrap.publish.publisher import Publisher

        account = store.log_in(clouds.find(self.cloud, os.environ), self.region)
        endpoint, remark = preflight.choose(account, self.interface, self.region)
        # Rounded up to the full hour: publishing again within it makes the same URLs, and so the same bundles.
        expires = int(-(-(time.time() + lifetime_s) // HOUR_S) * HOUR_S)
        return Publisher(account, endpoint, self.container, expires, dry_run), remark


store_options = gathered(
    "store",
    StoreOptions,
    click.option(
        "--container", required=True, metavar="NAME",
        help="The container to upload to, made if it is missing; a short name keeps stubs small.",
    ),
    click.option(
        "--cloud", metavar="NAME", help="A cloud of clouds.yaml.  [default: OS_CLOUD, OS_* or ST_* in the environment]"
    ),
    click.option("--region", metavar="NAME", help="The servers' region, which is compared with the object store's."),
    click.option(
        "--endpoint", "interface", type=click.Choice(("auto", "public", "internal")), default="auto", show_default=True,
        help="The endpoint in the URLs; auto: internal if it is known to be in the servers' region, else public.",
    ),
    click.option("--expires", default="7d", show_default=True, metavar="DURATION", help="How long the URLs are good."),
)  # fmt: skip


@click.command()
@spec_options()
@store_options
@click.option("--server", "servers", multiple=True, metavar="NAME", help="Publish this server's bundle, too.")
@report_options
@sign_option
@output_options
@click.option("--dry-run", is_flag=True, help="Log in, check the endpoint, and print what would be uploaded.")
def command(
    inputs: SpecOptions,
    store: StoreOptions,
    servers: tuple[str, ...],
    report: ReportOptions,
    sign: Path | None,
    to: OutputOptions,
    dry_run: bool,
) -> None:
    """Upload files marked `publish: true`, make TempURLs for them and for swift:// ones, and write DIR/published.json.

    With --server the bundle is uploaded as well, and DIR/NAME/stub.sh fetches it. An object that is there with the same
    digest is not sent again. Credentials come from clouds.yaml or the environment only. Everybody who has a URL can
    read its object, so the files written have mode 0600.
    """
    import time

    from bootstrap.cli.main import print_warnings
    from bootstrap.cli.signing import open_key, print_signer
    from bootstrap.plan.deploy_id import new_deploy_id
    from bootstrap.publish import result
    from bootstrap.render.model import Published

    lifetime_s = store.lifetime_s()
    project = inputs.load()
    deploy_id = report.deploy_id or new_deploy_id()
    # Without --server no bundle is made, and the files are the same for every server: any name gives their plan.
    names = servers or ("any",)
    plans = [project.plan(name, deploy_id=deploy_id, report_url=report.report_url) for name in names]
    secret = report.read_secret() if servers and plans[0].reports else None
    key = open_key(sign)
    # Whatever can be refused without the network has been refused by now: nothing is uploaded for a wrong spec.
    publisher, remark = store.publisher(lifetime_s, dry_run=dry_run)
    print_warnings(project.warnings)
    urls = publisher.files(plans[0].plan)
    bundles, written = _publish_bundles(publisher, plans if servers else [], Published(urls), secret, key, to.output)
    endpoint, region = publisher.endpoint, publisher.account.region
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(publisher.expires))
    facts = {
        "container": store.container, "region": region, "endpoint": endpoint.interface, "expires": expires,
        # Files belong to no roll-out; a bundle does, and `render` has to be given the same id.
        "deploy_id": deploy_id if servers else None,
    }  # fmt: skip
    # Written last: the file exists only if every upload has succeeded.
    if not dry_run:
        written.append(result.write(Published(urls, bundles), to.output, **facts))
    if to.as_json:
        objects = {"objects": [vars(entry) for entry in publisher.done], "written": [str(path) for path in written]}
        click.echo(json.dumps({**facts, "dry_run": dry_run, **objects}, indent=1))
        return
    place = f"container {store.container}, " + (f"region {region}, " if region else "")
    click.echo(f"{place}endpoint {remark}; URLs are good until {expires}")
    click.echo(table(publisher))
    print_signer(key)
    for path in written:
        click.echo(f"{path}  {path.stat().st_size:,} bytes")


def _publish_bundles(
    publisher: Publisher,
    plans: list[ServerPlan],
    published: Published,
    secret: bytes | None,
    key: Signer | None,
    output: Path,
) -> tuple[dict[str, PublishedBundle], list[Path]]:
    """Upload the bundle of each plan and write its stub. Return the bundles by server, and the paths of the stubs."""
    from bootstrap.publish.publisher import DIGITS
    from bootstrap.targets import output as output_files
    from bootstrap.targets.table import STUB, USER_DATA

    bundles: dict[str, PublishedBundle] = {}
    stubs = []
    for plan in plans:
        rendering = plan.render(secret, published=published, sign=key)
        # In user-data no file is injected, so the bundle contains them all.
        payload = rendering.pack(USER_DATA.name).payload
        digest, bundle = payload.digest, payload.bundle
        url = publisher.put(f"bundle of {rendering.server}", digest[:DIGITS], bundle)
        bundles[rendering.server] = {"url": url, "sha256": digest, "size": len(bundle), "deploy_id": plan.deploy_id}
        # Packed in a dry run too: it tells whether the stub fits.
        stub = rendering.pack(STUB.name, url=url)
        if not publisher.dry_run:
            stubs.append(output_files.write([stub], output) / STUB.file)
    return bundles, stubs


def table(publisher: Publisher) -> str:
    """Return a line for each object: what was done with it, its size and digest, its name and what it is."""
    rows = [
        (
            entry.did,
            "" if entry.size is None else f"{entry.size:,}",
            entry.sha256[:12],
            entry.object,
            entry.what,
        )
        for entry in publisher.done
    ] or [("nothing to publish: no file has publish: true or swift://, and no --server is given", "", "", "", "")]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            # The sizes, in the second column, are aligned to the right.
            cell.rjust(width) if column == 1 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
