"""The Python API: a spec becomes exactly what an SDK's server-create call takes.

    import bootstrap

    web = bootstrap.load("web.yaml").plan("web-1").render(secret)
    conn.compute.create_server(..., personality=web.personality())

Stable: what stands here keeps its names and its meaning. Everything raises errors of bootstrap.errors; nothing here
prints, asks a network, or writes anywhere but where it is told to.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    from bootstrap.errors import Problem
    from bootstrap.payload.sign import Signer
    from bootstrap.plan.model import Plan
    from bootstrap.render.model import Published, PublishedBundle, Rendered
    from bootstrap.spec.load import Spec
    from bootstrap.targets.channel import Packed
    from bootstrap.targets.fleet import Index
    from bootstrap.targets.output import Manifest
    from bootstrap.targets.providers import NEVER_BYTES, TAKES_BASE64
    from bootstrap.targets.seed import Seed

    # A key that signs: its file (private, or public with the private half in an agent), or one that is open already.
    Key = str | Path | Signer

# The user's own user-data beside ours: a Path is a file, a text or bytes the content itself.
Beside = Sequence[str | bytes | Path]


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

    def exposed(self, *targets: str) -> tuple[Problem, ...]:
        """A warning for each secret that one of these targets would show to every user of the host."""
        from bootstrap.targets.exposed import exposed

        return tuple(exposed(self.spec, targets))

    def plan(
        self,
        server: str,
        values: Mapping[str, object] | None = None,
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
        return _asked_for(plan)

    def fleet(
        self,
        servers: str | Path | Mapping[str, Mapping[str, object] | None] | Sequence[str],
        *,
        deploy_id: str | None = None,
        report_url: str | None = None,
    ) -> Fleet:
        """Many servers of one roll-out. servers: a YAML or CSV file, names, or a map from name to that server's values.

        Raises SpecError with every problem of the file, UsageError for a name or a value that cannot be one.
        """
        from bootstrap.plan.deploy_id import new_deploy_id
        from bootstrap.render.template_names import names_read
        from bootstrap.spec.servers import read
        from bootstrap.spec.values import AllowedValues

        chosen = deploy_id or new_deploy_id()
        if isinstance(servers, str | Path):
            model = self.spec.model
            plan = self.plan(self.spec.example_server, deploy_id=chosen, report_url=report_url).plan
            known = AllowedValues(names_read(plan) | model.values.keys(), model.secrets.keys(), model.values)
            servers = {server.name: server.values for server in read(servers, known)}
        given = dict(servers) if isinstance(servers, Mapping) else dict.fromkeys(servers)
        return Fleet(self, {name: given[name] or {} for name in sorted(given)}, chosen, report_url)


@dataclass(frozen=True)
class Fleet:
    """The servers of one roll-out, by name. servers: name -> its own values. Rendered one by one, as they are asked."""

    project: Project
    servers: Mapping[str, Mapping[str, object]]
    deploy_id: str
    report_url: str | None = None

    def __len__(self) -> int:
        return len(self.servers)

    def __iter__(self) -> Iterator[ServerPlan]:
        return (self.plan(name) for name in self.servers)

    @functools.cached_property
    def _shared(self) -> Plan:
        spec = self.project.spec
        return self.project.plan(spec.example_server, deploy_id=self.deploy_id, report_url=self.report_url).plan

    @property
    def revision(self) -> str:
        """Twelve hex digits of what was checked in: the same for all its servers."""
        return self._shared.revision

    def plan(self, name: str) -> ServerPlan:
        """The plan of one of its servers."""
        from bootstrap.plan.resolve import for_server

        return _asked_for(for_server(self._shared, name, self.servers[name]))

    @property
    def reports(self) -> bool:
        """Whether its servers will report, so that rendering needs the deployer's secret."""
        return self._shared.report_url is not None

    def render(self, secret: bytes | None = None, *, sign: Key | None = None) -> Iterator[Rendering]:
        """Each server's payload in turn. Raises with the first server that cannot be rendered. sign: as of a server."""
        key = _opened(sign)
        return (plan.render(secret, sign=key) for plan in self)

    def write(
        self,
        directory: str | Path,
        targets: Sequence[str],
        *,
        provider: str | None = None,
        secret: bytes | None = None,
        sign: Key | None = None,
        progress: Callable[[str], None] = lambda server: None,
    ) -> Index:
        """Write directory/SERVER/ for every server and directory/manifest.json, the index, which is returned.

        All or nothing. progress: called with each name. Raises FleetError with every server that cannot be rendered.
        """

        def pack(one: Rendering) -> list[Packed]:
            return [one.pack(target, provider) for target in targets]

        return self.write_packed(directory, pack, secret=secret, sign=sign, progress=progress)

    def write_packed(
        self,
        directory: str | Path,
        pack: Callable[[Rendering], Sequence[Packed]],
        *,
        secret: bytes | None = None,
        sign: Key | None = None,
        progress: Callable[[str], None] = lambda server: None,
    ) -> Index:
        """As `write`, packed by the caller's own function."""
        from bootstrap.errors import BootstrapError, UsageError
        from bootstrap.targets import fleet

        if not self.servers:
            raise UsageError("a fleet without servers", hint="name one")
        wrong, key = fleet.Gathered(len(self)), _opened(sign)

        def packed() -> Iterator[Sequence[Packed]]:
            for name in self.servers:
                try:
                    one = pack(self.plan(name).render(secret, sign=key))
                except BootstrapError as error:
                    wrong.add(name, error)
                else:
                    # Once one has failed nothing is kept: the others are only asked whether they would fail too.
                    if wrong.exit_code is None:
                        yield one
                progress(name)
            wrong.end()

        return fleet.write(packed(), Path(directory))


@dataclass(frozen=True)
class ServerPlan:
    """Everything decided about one server, and no text yet."""

    plan: Plan

    @property
    def server(self) -> str:
        """The server's name."""
        return self.plan.server

    @property
    def deploy_id(self) -> str:
        """The roll-out it belongs to; `bootstrap wait --deploy-id` takes it."""
        return self.plan.deploy_id

    @property
    def revision(self) -> str:
        """Twelve hex digits of what was checked in: the spec, the roll-out's values, the files that it names."""
        return self.plan.revision

    @property
    def reports(self) -> bool:
        """Whether the server will report, so that rendering needs the deployer's secret."""
        return self.plan.report_url is not None

    def render(
        self, secret: bytes | None = None, *, published: Published | None = None, sign: Key | None = None
    ) -> Rendering:
        """Render its texts. secret: the deployer's 32 bytes, needed when the spec reports (see bootstrap.read_secret).

        published: what `bootstrap publish` has put into an object store (see bootstrap.read_published).
        sign: the file of the key that signs its bundles (see bootstrap.signer), for images that run no others;
        packing then raises PayloadError where it cannot. Raises UsageError when that file is no key.
        """
        from bootstrap.render.render import render

        cron = self.plan.cron.file if self.plan.cron else None
        found = render(self.plan, secret=secret, published=published)
        return Rendering(found, cron, published.bundles.get(found.server) if published else None, _opened(sign))


@dataclass(frozen=True)
class Rendering:
    """One server's payload, in the form each call takes. Every method raises PayloadError for what does not fit."""

    rendered: Rendered = field(repr=False)
    cron_template: str | None = None
    bundle_at: PublishedBundle | None = field(default=None, repr=False)
    signer: Signer | None = None

    @property
    def server(self) -> str:
        """The server's name."""
        return self.rendered.server

    @property
    def deploy_id(self) -> str:
        """The roll-out it belongs to; `bootstrap wait --deploy-id` takes it."""
        return self.rendered.deploy_id

    @property
    def revision(self) -> str:
        """Twelve hex digits of what was checked in: the spec, the roll-out's values, the files that it names."""
        return self.rendered.revision

    def personality(self, provider: str = "nova", *, url: str | None = None) -> list[dict[str, str]]:
        """`[{"path": …, "contents": base64}]`, in order: what openstacksdk's compute proxy and Nova's API take.

        url: where the bundle lies, for providers that take files of 750 bytes, which then carry a stub.
        """
        from bootstrap.targets import personality

        return personality.items(self.pack("personality", provider, url=url).payload)

    @overload
    def stub(self, url: str | None = None, *, encoded: bool | None = None, beside: Beside = ()) -> str: ...

    @overload
    def stub(
        self, url: str | None, provider: str | None, *, encoded: bool | None = None, beside: Beside = ()
    ) -> str | bytes: ...

    @overload
    def stub(
        self, url: str | None = None, *, provider: str | None, encoded: bool | None = None, beside: Beside = ()
    ) -> str | bytes: ...

    def stub(
        self,
        url: str | None = None,
        provider: str | None = None,
        *,
        encoded: bool | None = None,
        beside: Beside = (),
    ) -> str | bytes:
        """User-data that fetches the bundle from url and runs it if its SHA-256 is right; some 500 bytes and the URL.

        url: https, or a published bundle's when not given; its query may be that of a presigned URL. The bundle's
        bytes: `pack("stub", url=url).payload.bundle`. provider: whose user-data it has to fit; None: measured against
        nothing, and text. encoded, beside: as for user_data().
        """
        from bootstrap.targets import user_data

        packed = self.pack("stub", provider, beside, url=url)
        return user_data.argument(packed.blob, packed.provider, encoded=encoded)

    def injected_files(self, provider: str = "nova", *, url: str | None = None) -> dict[str, bytes]:
        """`{path: content}`, contents as they are: what novaclient (`files=`) and libcloud (`ex_files=`) take.

        Both encode by themselves. Heat and Terraform want text instead: see docs/how-to/heat-terraform-packer.md.
        url: as for personality().
        """
        return {file.path: file.content for file in self.pack("personality", provider, url=url).payload.files}

    def starter(self, provider: str = "nova", *, beside: Beside = ()) -> str:
        """User-data, as text, for the same call as personality(provider) with a config drive.

        cloud-init writes a config drive's files so that cron ignores them; this starts the bundle all the same. The
        call encodes it, or `base64` does, as with any user-data. beside: as for user_data().
        """
        return self.pack("personality", provider, beside).blob.decode()

    # A type checker knows the form where the call itself names the provider or `encoded`.
    @overload
    def user_data(
        self, provider: NEVER_BYTES | None = None, *, encoded: bool | None = None, beside: Beside = ()
    ) -> str: ...
    @overload
    def user_data(
        self, provider: TAKES_BASE64, *, encoded: Literal[True] | None = None, beside: Beside = ()
    ) -> str: ...
    @overload
    def user_data(self, provider: str | None, *, encoded: Literal[True], beside: Beside = ()) -> str: ...
    @overload
    def user_data(
        self, provider: str | None = None, *, encoded: bool | None = None, beside: Beside = ()
    ) -> str | bytes: ...
    def user_data(
        self, provider: str | None = None, *, encoded: bool | None = None, beside: Beside = ()
    ) -> str | bytes:
        """The user-data in the form of the provider's call (`call` in its profile): text, base64 text, or gzip bytes.

        encoded: True or False where the call at hand wants base64, or encodes by itself, unlike the profile's.
        beside: your own cloud-config, scripts and other user-data, which go along in one MIME message: a Path is a
        file, a text or bytes the content itself.
        """
        from bootstrap.targets import user_data

        packed = self.pack("user-data", provider, beside)
        return user_data.argument(packed.blob, packed.provider, encoded=encoded)

    def cloud_config(self, provider: str | None = None) -> str:
        """A `#cloud-config` document that brings and starts the bundle, as text to be merged or passed on."""
        from bootstrap.targets import cloud_config

        return cloud_config.text(self.pack("cloud-config", provider).payload)

    def nocloud(self, *, beside: Beside = ()) -> Seed:
        """The volume `cidata` for NoCloud: its `files`, `write(directory)`, and `image()`: an ISO's bytes."""
        from bootstrap.targets import seed

        packed = self.pack("nocloud", beside=beside)
        return seed.nocloud(packed.payload, packed.blob)

    def config_drive(self, *, beside: Beside = ()) -> Seed:
        """The same as OpenStack's config drive, volume `config-2`: the payload as injected files, and the starter."""
        from bootstrap.targets import seed

        packed = self.pack("config-drive", beside=beside)
        return seed.config_drive(packed.payload, packed.blob)

    def tree(self, directory: str | Path) -> list[str]:
        """Lay the files out under directory, with the modes they need, and return their paths on the server."""
        from bootstrap.targets import tree

        return tree.write(self.pack("tree").payload, Path(directory))

    def manifest(self, *targets: str, provider: str | None = None) -> Manifest:
        """What those targets (when none is named, all but the images) would carry: names, sizes and digests."""
        from bootstrap.targets import channel, output, seed

        left_out = {*seed.LABELS, *(() if provider else ("personality",)), *(() if self.bundle_at else ("stub",))}
        named = targets or tuple(t for t in channel.TARGETS if t not in left_out)
        return output.manifest([self.pack(target, provider) for target in named])

    def pack(
        self, target: str, provider: str | None = None, beside: Beside = (), *, url: str | None = None
    ) -> Packed:
        """The payload of one target with its measures; what the other methods are made of."""
        from bootstrap.errors import PayloadError
        from bootstrap.targets import channel, mime
        from bootstrap.targets.providers import provider as profile

        chosen = provider or ("nova" if target == "personality" else None)
        at = self.bundle_at if url is None else None
        packed = channel.pack(
            self.rendered,
            target,
            profile(chosen) if chosen else None,
            cron_template=self.cron_template,
            beside=mime.read(beside),
            url=at["url"] if at else url,
            sign=self.signer,
        )
        if packed.url and at and at["sha256"] != packed.payload.digest:
            raise PayloadError(
                f"the published bundle of {self.server} is another one than this render gives",
                hint="render with the same --deploy-id, values and --sign as it was published with, or publish again",
            )
        return packed


def _asked_for(plan: Plan) -> ServerPlan:
    """The plan, once nobody has given it a value that no template names. Raises UsageError with each that is."""
    from bootstrap.errors import UsageError
    from bootstrap.render.template_names import undeclared_values

    # Those of --set and --values have a place, and are told with all else that is wrong with the texts.
    problems = [problem for problem in undeclared_values(plan) if problem.where is None]
    if problems:
        raise UsageError("; ".join(problem.message for problem in problems), hint=problems[0].hint)
    return ServerPlan(plan)


def _opened(key: Key | None) -> Signer | None:
    if key is None:
        # Who signs nothing does not wait for what signs.
        return None
    from bootstrap.payload.sign import Signer, signer

    return key if isinstance(key, Signer) else signer(key)
