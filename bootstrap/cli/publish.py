"""`bootstrap publish`: puts files, bundles and the runner's text where hosts fetch them, and writes their URLs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import (
    CollectorOptions,
    OutputOptions,
    ReportOptions,
    SpecOptions,
    gathered,
    output_options,
    report_options,
    sign_option,
    spec_options,
    upload_options,
)
from bootstrap.cli.publish_place import DEFAULT_EXPIRES, PlaceOptions, place_options
from bootstrap.cli.publish_tree import TreeOptions, tree_options
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.api import ServerPlan
    from bootstrap.errors import Problem
    from bootstrap.payload.sign import Signer
    from bootstrap.plan.model import Plan
    from bootstrap.publish.publisher import Publisher
    from bootstrap.render.model import Published, PublishedBundle

# The argument SPEC where none is given: a path that no file can have, and that click can look up.
NO_SPEC = Path("/dev/null/none")


@dataclass(frozen=True)
class MoreOptions(TreeOptions):
    """Further content to publish: bundles, by server, and the runner's text; or a whole folder in their place."""

    servers: tuple[str, ...]
    runner: bool


more_options = gathered(
    "more",
    MoreOptions,
    click.option("--server", "servers", multiple=True, metavar="NAME", help="Publish this server's bundle, too."),
    click.option("--runner", is_flag=True, help="Publish the runner's text, too, which all servers share."),
    *tree_options,
)


@click.command()
@spec_options(metavar="[SPEC]", optional=NO_SPEC)
@place_options
@more_options
@report_options
@sign_option
@upload_options
@output_options
@click.option("--dry-run", is_flag=True, help="Log in, check the endpoint, and print what would be uploaded.")
def command(
    inputs: SpecOptions,
    where: PlaceOptions,
    more: MoreOptions,
    report: ReportOptions,
    sign: Path | None,
    collector: CollectorOptions,
    to: OutputOptions,
    dry_run: bool,
) -> None:
    """Upload files marked `publish: true`, make URLs for them and for swift:// ones, and write DIR/published.json.

    With --server the bundle is uploaded as well, and DIR/NAME/stub.sh fetches it. With --runner the runner's text is
    uploaded, and SPEC may be left out. An object that is there with the same digest is not sent again.

    If SPEC is a folder without a spec, or with --tree, the whole folder is published, each file under its own name, and
    a manifest with the SHA-256 of each. --verify compares them again, and --restore brings the folder back.

    Credentials come from clouds.yaml, boto3's own chain or the environment only. Everybody who has a URL can read its
    object, so the files written have mode 0600. S3 needs the extra: pip install 'initialrunner[s3]'.
    """
    from bootstrap.cli.main import print_warnings
    from bootstrap.cli.signing import open_key, print_signer
    from bootstrap.publish import places, result
    from bootstrap.publish.publisher import Publisher
    from bootstrap.render.model import Published
    from bootstrap.spec.types import is_template

    servers, runner = more.servers, more.runner
    place = where.place()
    if place.kind != places.COLLECTOR:
        of_collectors = {"--collector": collector.url, "--token-file": collector.token_file, "--ca": collector.ca}
        names = [option for option, value in of_collectors.items() if value]
        if names:
            verb = "goes" if len(names) == 1 else "go"
            raise UsageError(f"{', '.join(names)} {verb} with --to collector", hint="leave out what is not meant")
    folder = None if inputs.spec == NO_SPEC else inputs.spec
    if more.are_meant(folder):
        of_specs = {
            "--server": servers, "--runner": runner, "--set": inputs.overrides, "--values": inputs.values_files,
            "--sign": sign, "--report-url": report.report_url, "--secret-file": report.secret_file,
            "--deploy-id": report.deploy_id, "--base-url": where.base_url, "--instance-role": where.by_role,
            "--expires": where.expires != DEFAULT_EXPIRES,
        }  # fmt: skip
        more.check(folder, place, to, [option for option, value in of_specs.items() if value], dry_run=dry_run)
        more.run(folder, where.open(place, collector, None).objects, to, dry_run=dry_run)
        return
    plans, warnings = _plans(inputs, servers, report, runner=runner)
    plan = plans[0].plan if plans else None
    if place.kind == places.FOLDER and where.base_url is None and (servers or (plan and has_files(plan))):
        raise UsageError("hosts fetch files and bundles from a URL", hint="--base-url says which URL the folder has")
    if where.by_role and plan and has_files(plan):
        raise UsageError(
            "--instance-role is for bundles and the runner's text: a server fetches its files by URL",
            hint="publish the files without it; their URLs then end after 7 days at most",
        )
    secret = report.read_secret() if servers and plans[0].reports else None
    key = open_key(sign)
    # Whatever can be refused without the network has been refused by now: nothing is uploaded for a wrong spec.
    # A URL that is a template has no value before it is rendered for a server.
    reports = plan.report_url if plan else None
    opened = where.open(place, collector, reports.value if reports and not is_template(reports.value) else None)
    publisher = Publisher(opened, dry_run)
    publisher.check(plan, runner=runner)
    # The runner's text is public, and so is its place in a folder; it has a URL only where the folder has one.
    has_url = place.kind != places.FOLDER or where.base_url is not None
    no_url = "published.json names no URL of the runner, since the folder has none: --base-url URL says which it has"
    print_warnings(warnings, [*opened.warnings, *([no_url] if runner and not has_url else [])])
    runner_url = publisher.runner() if runner else None
    runner_urls = (runner_url,) if runner_url and has_url else ()
    urls = publisher.files(plan) if plan else {}
    bundles, written = _publish_bundles(publisher, plans if servers else [], Published(urls), secret, key, to.output)
    expires = None if opened.expires is None else places.moment(opened.expires)
    facts = {
        "place": opened.objects.place, "container": None, "region": None, "endpoint": None, **opened.facts,
        # Files belong to no roll-out; a bundle does, and `render` has to be given the same id.
        "expires": expires, "deploy_id": plans[0].deploy_id if servers else None,
    }  # fmt: skip
    # Written last: the file exists only if every upload has succeeded.
    if not dry_run:
        if not runner and result.names_runner(to.output):
            print_warnings((), [f"{to.output / result.NAME} named a runner, and does not any more: add --runner"])
        written.append(result.write(Published(urls, bundles, runner_urls), to.output, **facts))
    if to.as_json:
        objects = {"objects": [vars(entry) for entry in publisher.done], "written": [str(path) for path in written]}
        click.echo(json.dumps({**facts, "dry_run": dry_run, **objects}, indent=1))
        return
    click.echo(opened.remark + (f"; URLs are good until {expires}" if expires else ""))
    click.echo(table(publisher))
    print_signer(key)
    for path in written:
        click.echo(f"{path}  {path.stat().st_size:,} bytes")


def _plans(
    inputs: SpecOptions, servers: tuple[str, ...], report: ReportOptions, *, runner: bool
) -> tuple[list[ServerPlan], tuple[Problem, ...]]:
    """Return the plans to publish for, none without a spec, and the spec's warnings. Raises UsageError, SpecError."""
    from bootstrap.plan.deploy_id import new_deploy_id

    if inputs.spec == NO_SPEC:
        if not runner or servers or inputs.overrides or inputs.values_files:
            raise UsageError(
                "there is no SPEC", hint="name a spec or a folder; only --runner, --verify and --restore need none"
            )
        return [], ()
    project = inputs.load()
    deploy_id = report.deploy_id or new_deploy_id()
    # Without --server no bundle is made, and the files are the same for every server: any name gives their plan.
    names = servers or ("any",)
    plans = [project.plan(name, deploy_id=deploy_id, report_url=report.report_url) for name in names]
    return plans, project.warnings


def has_files(plan: Plan) -> bool:
    """Whether a plan has files that are fetched from where they are published."""
    return any(file.publish for file in plan.files)


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
