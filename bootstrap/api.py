"""The Python API: a spec becomes exactly what an SDK's server-create call takes.

    import bootstrap

    web = bootstrap.load("web.yaml").plan("web-1").render(secret)
    conn.compute.create_server(..., personality=web.personality())

This module and rendering.py are stable: their names keep their meaning. Everything raises errors of bootstrap.errors,
all of which are BootstrapError. Nothing in them prints or uses a network, and only `write`, `write_packed` and `tree`
write, to the folder that they are given.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.rendering import Rendering

if TYPE_CHECKING:
    from bootstrap.errors import Problem
    from bootstrap.payload.sign import Signer
    from bootstrap.plan.model import Plan
    from bootstrap.render.model import Published
    from bootstrap.spec.load import Spec
    from bootstrap.targets.fleet import Index
    from bootstrap.targets.model import Packed

    # A key that signs: its file (a private key, or a public one with the private half in an agent), or an open Signer.
    Key = str | Path | Signer


def load(path: str | Path, *, overrides: Sequence[str] = (), values_files: Sequence[str | Path] = ()) -> Project:
    """Read and check a spec.

    path: its file, or a folder that holds a file of the same name. overrides: texts "KEY=VALUE", each of which replaces
    one value of the spec. values_files: YAML files of values, which replace the spec's; overrides outweigh them.
    Raises SpecError with every problem of the file, UsageError when a file cannot be read.
    """
    from bootstrap.spec.load import load as load_spec

    return Project(load_spec(path, overrides=overrides, values_files=[str(name) for name in values_files]))


@dataclass(frozen=True)
class Project:
    """A checked spec, which describes one kind of server. `load` makes it."""

    spec: Spec

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings that `bootstrap check` prints about the spec itself."""
        return self.spec.warnings

    def exposed(self, *targets: str) -> tuple[Problem, ...]:
        """Return a warning for each secret that one of these targets would show to every user of the host."""
        from bootstrap.targets.exposed_secrets import exposed

        return tuple(exposed(self.spec, targets))

    def plan(
        self,
        server: str,
        values: Mapping[str, object] | None = None,
        *,
        deploy_id: str | None = None,
        report_url: str | None = None,
    ) -> ServerPlan:
        """Decide everything for one server, and return the plan.

        server: its name, which is part of its report key; 'web-*' stands for a group of hosts with one payload. values:
        this server's own, which replace those of the spec. deploy_id: the id of the roll-out, the same for all its
        servers; a new one when not given. report_url: a collector to report to instead of the spec's. Raises UsageError
        for a name, a value, an id or a URL that is not allowed, and for a value that no template names.
        """
        from bootstrap.plan.deploy_id import new_deploy_id
        from bootstrap.plan.resolve import resolve

        # A new id sorts after those of earlier roll-outs, by which the collector knows the current one.
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
        """Return the servers of one roll-out, each with its own values.

        servers: a YAML or CSV file (a str or a Path), a list of names, or a map from name to that server's values (or
        None). deploy_id, report_url: as for plan(). Raises SpecError with every problem of the file, UsageError for a
        name or a value that is not allowed.
        """
        from bootstrap.plan.deploy_id import new_deploy_id
        from bootstrap.render.template_names import names_read
        from bootstrap.spec.servers import read
        from bootstrap.spec.values import AllowedValues

        roll_out = deploy_id or new_deploy_id()
        if isinstance(servers, str | Path):
            model = self.spec.model
            # A value that no template names is a mistake of the file, and is reported with its line.
            plan = self.plan(self.spec.example_server, deploy_id=roll_out, report_url=report_url).plan
            names = AllowedValues(names_read(plan) | model.values.keys(), model.secrets.keys(), model.values)
            servers = {server.name: server.values for server in read(servers, names)}
        values = dict(servers) if isinstance(servers, Mapping) else dict.fromkeys(servers)
        return Fleet(self, {name: values[name] or {} for name in sorted(values)}, roll_out, report_url)


@dataclass(frozen=True)
class Fleet:
    """The servers of one roll-out, in the order of their names. `Project.fleet` makes it.

    servers: name -> that server's own values. Each server is planned and rendered only when it is asked for, so that
    ten thousand of them do not have to fit into memory.
    """

    project: Project
    servers: Mapping[str, Mapping[str, object]]
    deploy_id: str
    report_url: str | None = None

    def __len__(self) -> int:
        return len(self.servers)

    def __iter__(self) -> Iterator[ServerPlan]:
        # A generator: the plans of a large fleet are made one by one, while the earlier ones are already written.
        return (self.plan(name) for name in self.servers)

    @functools.cached_property
    def _shared(self) -> Plan:
        """The plan of an example server: most of it is the same for all, and making it takes most of the time."""
        spec = self.project.spec
        return self.project.plan(spec.example_server, deploy_id=self.deploy_id, report_url=self.report_url).plan

    @property
    def revision(self) -> str:
        """Twelve hex digits, the same for all servers; see ServerPlan.revision."""
        return self._shared.revision

    def plan(self, name: str) -> ServerPlan:
        """Return the plan of one of the servers. Raises KeyError for a name that is not among them."""
        from bootstrap.plan.resolve import for_server

        return _asked_for(for_server(self._shared, name, self.servers[name]))

    @property
    def reports(self) -> bool:
        """Whether its servers will report, so that rendering needs the deployer's secret."""
        return self._shared.report_url is not None

    def render(self, secret: bytes | None = None, *, sign: Key | None = None) -> Iterator[Rendering]:
        """Yield each server's payload in turn. Raises with the first server that cannot be rendered.

        secret, sign: as for ServerPlan.render().
        """
        # The key is opened once: a security key would have to be touched for each server.
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
        """Write directory/SERVER/ for every server, and the index directory/manifest.json, which is returned.

        All servers are written or none. targets: those of Rendering.pack(). progress: called with the name of each
        server that is done. Raises FleetError with every server that cannot be rendered, UsageError when there is none.
        """

        def pack(rendering: Rendering) -> list[Packed]:
            return [rendering.pack(target, provider) for target in targets]

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
        """Do as `write` does, with the caller's own function to pack each server."""
        from bootstrap.errors import BootstrapError, UsageError
        from bootstrap.targets import fleet

        if not self.servers:
            raise UsageError("the fleet has no servers", hint="name at least one")
        failures, key = fleet.Gathered(len(self)), _opened(sign)

        def packed() -> Iterator[Sequence[Packed]]:
            for name in self.servers:
                try:
                    payloads = pack(self.plan(name).render(secret, sign=key))
                except BootstrapError as error:
                    failures.add(name, error)
                else:
                    # After a failure nothing will be written. The other servers are rendered all the same, so that
                    # every failure is reported at once.
                    if failures.exit_code is None:
                        yield payloads
                progress(name)
            failures.end()

        # fleet.write takes the payloads as they come, into a temporary folder that it renames at the end.
        return fleet.write(packed(), Path(directory))


@dataclass(frozen=True)
class ServerPlan:
    """All decisions about one server, before any text is rendered. `Project.plan` makes it."""

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
        """Render the server's texts.

        secret: the deployer's 32 bytes, needed when `reports` is true (see bootstrap.read_secret). published: what
        `bootstrap publish` wrote, with the URLs of files in an object store (see bootstrap.read_published). sign: the
        file of the key that signs the bundle, or a signer (see bootstrap.signer), for images that run only signed ones.
        Raises RenderError with every problem of the templates, UsageError when the secret is missing or the file is not
        a key.
        """
        from bootstrap.render.render import render

        # The spec's own template of the cron entry, if it has one: a refusal of the entry names its file.
        cron = self.plan.cron.file if self.plan.cron else None
        rendered = render(self.plan, secret=secret, published=published)
        bundle_at = published.bundles.get(rendered.server) if published else None
        return Rendering(rendered, cron, bundle_at, _opened(sign), published.runner if published else ())


def _asked_for(plan: Plan) -> ServerPlan:
    """Return the plan. Raises UsageError if one of the server's own values is named by no template."""
    from bootstrap.errors import UsageError
    from bootstrap.render.template_names import undeclared_values

    # The values of --set and --values have a place in a file or an option: rendering reports them, with all other
    # problems of the texts.
    problems = [problem for problem in undeclared_values(plan) if problem.where is None]
    if problems:
        raise UsageError("; ".join(problem.message for problem in problems), hint=problems[0].hint)
    return ServerPlan(plan)


def _opened(key: Key | None) -> Signer | None:
    """Return the key as an open signer; None without one."""
    if key is None:
        # Without --sign, do not import the signing code: most renders do not need it.
        return None
    from bootstrap.payload.sign import Signer, signer

    return key if isinstance(key, Signer) else signer(key)
