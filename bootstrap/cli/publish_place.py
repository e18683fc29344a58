"""The options of `bootstrap publish` that say where to, and how long the URLs are good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import CollectorOptions, gathered
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.publish.places import Opened, Place

MIN_LIFETIME_S = 60.0
DEFAULT_EXPIRES = "7d"


@dataclass(frozen=True)
class PlaceOptions:
    """The place to publish to, and the URLs to make: by which endpoint, and how long they are good."""

    to: str | None
    container: str | None
    cloud: str | None
    region: str | None
    interface: str
    endpoint_url: str | None
    by_role: bool
    base_url: str | None
    expires: str

    def place(self) -> Place:
        """Return the place, once every option is checked that needs no network. Raises UsageError."""
        from bootstrap.publish.places import COLLECTOR, FOLDER, S3, SWIFT, parse

        if (self.to is None) == (self.container is None):
            raise UsageError(
                "give --to PLACE, or --container NAME",
                hint="one of them: --to swift://CONTAINER, --to s3://BUCKET, --to collector, or a folder such as --to "
                "./public; --container boot is short for --to swift://boot",
            )
        if self.to is not None:
            place = parse(self.to)
        elif "/" in (self.container or ""):
            raise UsageError(
                f"{self.container!r} cannot be the name of a container",
                hint=f"a name has no slash; names below a prefix: --to swift://{self.container}",
            )
        else:
            place = parse(f"swift://{self.container}")
        self.lifetime_s()
        misplaced = {
            "--cloud": (self.cloud, (SWIFT,)),
            "--endpoint": (self.interface != "auto", (SWIFT,)),
            "--region": (self.region, (SWIFT, S3)),
            "--endpoint-url": (self.endpoint_url, (S3,)),
            "--instance-role": (self.by_role, (S3,)),
            "--base-url": (self.base_url, (FOLDER,)),
            "--expires": (self.expires != DEFAULT_EXPIRES, (SWIFT, S3, COLLECTOR)),
        }
        names = [option for option, (value, kinds) in misplaced.items() if value and place.kind not in kinds]
        if names:
            verb = "goes" if len(names) == 1 else "go"
            raise UsageError(
                f"{', '.join(names)} {verb} with another place than {self.to or self.container}",
                hint="bootstrap publish --help says with which",
            )
        return place

    def lifetime_s(self) -> float:
        """Return how long the URLs are good. Raises UsageError."""
        from bootstrap.spec.types import duration

        try:
            lifetime_s = duration(self.expires)
        except ValueError as error:
            raise UsageError(f"--expires {self.expires!r} is not a duration", hint="write 12h or 7d") from error
        if lifetime_s < MIN_LIFETIME_S:
            raise UsageError(f"--expires {self.expires} is too short for a server to start", hint="write 12h or 7d")
        return lifetime_s

    def open(self, place: Place, collector: CollectorOptions, report_url: str | None) -> Opened:
        """Log in to the place. report_url: the collector that servers report to.

        Raises UsageError, PublishError, CollectorError.
        """
        import os

        from bootstrap.publish import places

        lifetime_s = self.lifetime_s()
        if place.kind == places.SWIFT:
            return places.open_swift(
                place, os.environ, lifetime_s, cloud=self.cloud, region=self.region, interface=self.interface
            )
        if place.kind == places.S3:
            return places.open_s3(
                place, lifetime_s, expires=self.expires, endpoint_url=self.endpoint_url, region=self.region,
                by_role=self.by_role,
            )  # fmt: skip
        if place.kind == places.FOLDER:
            return places.open_folder(place, self.base_url)
        return places.open_collector(collector.connect(), lifetime_s, report_url)


place_options = gathered(
    "where",
    PlaceOptions,
    click.option(
        "--to", metavar="PLACE",
        help="The place to publish to: swift://CONTAINER[/PREFIX], s3://BUCKET[/PREFIX], collector, or a folder with a "
        "slash in its name, such as ./public.",
    ),
    click.option(
        "--container", metavar="NAME",
        help="Short for --to swift://NAME. A container is made if it is missing; a short name keeps stubs small.",
    ),
    click.option(
        "--cloud", metavar="NAME",
        help="For Swift: a cloud of clouds.yaml.  [default: OS_CLOUD, OS_* or ST_* in the environment]",
    ),
    click.option("--region", metavar="NAME", help="The servers' region, which is compared with the object store's."),
    click.option(
        "--endpoint", "interface", type=click.Choice(("auto", "public", "internal")), default="auto", show_default=True,
        help="For Swift: the endpoint in the URLs; auto: internal if it is known to be in the servers' region, else "
        "public.",
    ),
    click.option(
        "--endpoint-url", metavar="URL", help="For S3: the endpoint of a service that is not AWS, like MinIO or Ceph."
    ),
    click.option(
        "--instance-role", "by_role", is_flag=True,
        help="For S3: write s3:// addresses, which a stub fetches with the role of its instance; they do not expire.",
    ),
    click.option("--base-url", metavar="URL", help="For a folder: the URL that a web server has it under."),
    click.option(
        "--expires", default=DEFAULT_EXPIRES, show_default=True, metavar="DURATION", help="How long the URLs are good."
    ),
)  # fmt: skip
