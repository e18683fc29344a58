"""The Python API: a spec becomes exactly what an SDK's server-create call takes.

    import bootstrap

    web = bootstrap.load("web.yaml").plan("web-1").render(secret)
    conn.compute.create_server(..., personality=web.personality())

Stable: what stands here keeps its names and its meaning. Everything raises errors of bootstrap.errors; nothing here
prints, asks a network, or writes anywhere but where it is told to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bootstrap.errors import Problem
    from bootstrap.plan.model import Plan
    from bootstrap.render.model import Published, Rendered
    from bootstrap.spec.load import Spec
    from bootstrap.targets.channel import Packed


def load(path: str | Path, *, overrides: Sequence[str] = (), values_files: Sequence[str | Path] = ()) -> Project:
    """Read and check a spec. overrides: "KEY=VALUE" texts; values_files: YAML files of values.

    Raises SpecError with every problem of the file.
    """
    from bootstrap.spec.load import load as load_spec

    return Project(load_spec(path, overrides=overrides, values_files=[str(name) for name in values_files]))


@dataclass(frozen=True)
class Project:
    """A checked spec: one kind of server."""

    spec: Spec

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What `bootstrap check` would warn of."""
        return self.spec.warnings

    def plan(
        self,
        server: str,
        values: Mapping[str, Any] | None = None,
        *,
        deploy_id: str | None = None,
        report_url: str | None = None,
    ) -> ServerPlan:
        """Decide everything for one server. values: this server's own, over those of the spec.

        deploy_id: the same for all servers of one roll-out; drawn when not given. report_url: instead of the spec's.
        """
        from bootstrap.plan.deploy_id import new_deploy_id
        from bootstrap.plan.resolve import resolve

        plan = resolve(
            self.spec,
            server=server,
            deploy_id=deploy_id or new_deploy_id(),
            server_values=values,
            report_url=report_url,
        )
        return ServerPlan(plan)


@dataclass(frozen=True)
class ServerPlan:
    """Everything decided about one server, and no text yet."""

    plan: Plan

    @property
    def reports(self) -> bool:
        """Whether the server will report, so that rendering needs the deployer's secret."""
        return self.plan.report_url is not None

    def render(self, secret: bytes | None = None, *, published: Published | None = None) -> Rendering:
        """Render its texts. secret: the deployer's 32 bytes, needed when the spec reports (see bootstrap.secret).

        published: what `bootstrap publish` has put into an object store (see bootstrap.publish.result.read).
        """
        from bootstrap.render.render import render

        cron = self.plan.cron.file if self.plan.cron else None
        found = render(self.plan, secret=secret, published=published)
        return Rendering(found, cron, published.bundles.get(found.server) if published else None)


@dataclass(frozen=True)
class Rendering:
    """One server's payload, in the form each call takes. Every method raises PayloadError for what does not fit."""

    rendered: Rendered = field(repr=False)
    cron_template: str | None = None
    bundle_at: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def server(self) -> str:
        """The server's name."""
        return self.rendered.server

    @property
    def deploy_id(self) -> str:
        """The roll-out it belongs to; `bootstrap wait --deploy-id` takes it."""
        return self.rendered.deploy_id

    def personality(self, provider: str = "nova", *, url: str | None = None) -> list[dict[str, str]]:
        """`[{"path": …, "contents": base64}]`, in order: what openstacksdk's compute proxy and Nova's API take.

        url: where the bundle lies, for providers that take files of 750 bytes, which then carry a stub.
        """
        from bootstrap.targets import personality

        return personality.items(self.pack("personality", provider, url=url).payload)

    def stub(self, url: str | None = None) -> str:
        """A script of at most 750 bytes that fetches the bundle from url and runs it if its SHA-256 is right.

        url: https, or a published bundle's when not given. The bundle's bytes: `pack("stub", url=url).payload.bundle`.
        """
        return self.pack("stub", url=url).blob.decode("ascii")

    def user_data(self, provider: str | None = None, *, encoded: bool | None = None) -> str | bytes:
        """The user-data in the form of the provider's call (`call` in its profile): text, base64 text, or gzip bytes.

        encoded: True or False where the call at hand wants base64, or encodes by itself, unlike the profile's.
        """
        from bootstrap.targets import user_data

        packed = self.pack("user-data", provider)
        return user_data.argument(packed.blob, packed.provider, encoded=encoded)

    def cloud_config(self, provider: str | None = None) -> str:
        """A `#cloud-config` document that brings and starts the bundle, as text to be merged or passed on."""
        from bootstrap.targets import cloud_config

        return cloud_config.text(self.pack("cloud-config", provider).payload)

    def tree(self, directory: str | Path) -> list[str]:
        """Lay the files out under directory, with the modes they need, and return their paths on the server."""
        from bootstrap.targets import tree

        return tree.write(self.pack("tree").payload, Path(directory))

    def manifest(self, *targets: str, provider: str | None = None) -> dict[str, Any]:
        """What those targets (all of them when none is named) would carry: names, sizes, digests; no contents."""
        from bootstrap.targets import channel, output

        named = targets or tuple(
            t for t in channel.TARGETS if (t != "personality" or provider) and (t != "stub" or self.bundle_at)
        )
        return output.manifest([self.pack(target, provider) for target in named])

    def pack(self, target: str, provider: str | None = None, *, url: str | None = None) -> Packed:
        """The payload of one target with its measures; what the other methods are made of."""
        from bootstrap.errors import PayloadError
        from bootstrap.targets import channel
        from bootstrap.targets.providers import provider as profile

        chosen = provider or ("nova" if target == "personality" else None)
        at = self.bundle_at if url is None else None
        packed = channel.pack(
            self.rendered,
            target,
            profile(chosen) if chosen else None,
            cron_template=self.cron_template,
            url=at["url"] if at else url,
        )
        if packed.url and at and at["sha256"] != packed.payload.digest:
            raise PayloadError(
                f"the published bundle of {self.server} is another one than this render gives",
                hint="render with the --deploy-id and the values that it was published with, or publish again",
            )
        return packed
