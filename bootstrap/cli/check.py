"""`bootstrap check`: lists everything that is wrong with a spec, each problem with its line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import SpecOptions, json_option, runner_from_option, server_option, spec_options

if TYPE_CHECKING:
    from bootstrap.errors import Problem
    from bootstrap.render.model import Rendered
    from bootstrap.spec.load import Spec
    from bootstrap.targets.model import Packed

# A check belongs to no roll-out, and a plan needs a deploy id: any one of the right form will do.
DEPLOY_ID = "20000101T000000-check0"


@click.command()
@spec_options()
@server_option
@click.option("--target", "targets", multiple=True, metavar="T", help="Also pack it for this target.")
@click.option(
    "--provider",
    metavar="NAME",
    help="Also measure it against this provider's limits: for each --target, or for every target that the provider "
    "takes.",
)
@runner_from_option
@click.option("--lint", is_flag=True, help="Let shellcheck read every stage, check and shell file.")
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@json_option()
def command(
    inputs: SpecOptions,
    server: str | None,
    targets: tuple[str, ...],
    provider: str | None,
    runner_from: tuple[str, ...],
    lint: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Check SPEC, a file or a folder holding one of the same name, with its includes, templates and values.

    Nothing is written and no secret is needed. All problems are listed at once, each with file, line, column and how to
    fix it. --lint adds the findings of shellcheck (pip install 'initialrunner[lint]'); its errors count as errors.
    """
    import json

    from bootstrap.cli.main import print_warnings
    from bootstrap.cli.size_table import notes, table
    from bootstrap.errors import SpecError
    from bootstrap.plan.resolve import resolve
    from bootstrap.render.render import render
    from bootstrap.spec.load import in_order
    from bootstrap.targets import output as output_files
    from bootstrap.targets.exposed_secrets import exposed

    spec = inputs.load().spec
    plan = resolve(spec, server=server or spec.example_server, deploy_id=DEPLOY_ID)
    # Texts stand in for the secrets, which need not exist on the machine that checks.
    rendered = render(plan, stand_in=True)
    warnings = [*spec.warnings, *rendered.warnings]
    packed, refused = _packed(spec, rendered, targets, provider, runner_from or None)
    if not packed:
        # Packing judges the cron entry as well.
        warnings += _cron_warnings(spec, rendered)
    warnings += exposed(spec, targets, [payload.target for payload in packed])
    if lint:
        # shellcheck is an optional dependency.
        from bootstrap.render import shellcheck

        warnings += shellcheck.lint(plan, rendered)
    # An error of shellcheck counts as one without --strict, too.
    if any(strict or warning.severity == "error" for warning in warnings):
        raise SpecError(in_order([replace(w, severity="error") if strict else w for w in warnings]))
    if as_json:
        answer = {"ok": True, "file": spec.file, "revision": plan.revision}
        answer |= {"problems": [w.as_json() for w in warnings]}
        answer |= {"packed": [output_files.described(payload) for payload in packed]} if packed else {}
        click.echo(json.dumps(answer, indent=2))
        return
    print_warnings(warnings, [*notes(packed), *refused])
    if packed:
        click.echo(table(packed))
    # Counts of zero are left out.
    checks = len(plan.health.checks) if plan.health else 0
    counts = [(len(plan.files), "file"), (len(plan.stages), "stage"), (checks, "check"), (len(warnings), "warning")]
    summary = ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in counts if number)
    click.echo(f"{spec.file}: ok ({summary or 'nothing to do'}; revision {plan.revision})")


def _cron_warnings(spec: Spec, rendered: Rendered) -> list[Problem]:
    """Judge the cron entry that the payload would carry. Raises PayloadError when cron would not run it."""
    from bootstrap.payload import crontab

    # The digest is not known before packing; zeros of the same length stand for it.
    entry = rendered.cron.replace("@SHA256@", "0" * 64)
    return list(crontab.require(entry, template=_cron_template(spec)))


def _cron_template(spec: Spec) -> str | None:
    """Return the name of the spec's own template of the cron entry; None when it uses ours."""
    template = spec.sources.get("templates.cron")
    return template.name if template else None


def _packed(
    spec: Spec,
    rendered: Rendered,
    targets: tuple[str, ...],
    provider: str | None,
    runner_from: tuple[str, ...] | None,
) -> tuple[list[Packed], list[str]]:
    """Pack the spec for every --target, or without one for every target that the provider takes.

    Return what fits, and a sentence for each target that does not. Raises PayloadError when a --target does not fit;
    without --target, when no target fits.
    """
    # Packing takes time, so it is done on request only.
    if not targets and not provider:
        return [], []
    from bootstrap.errors import PayloadError
    from bootstrap.payload.refused import Refused
    from bootstrap.targets import layout, providers, table

    for name in targets:
        table.find(name)
    profile = providers.provider(provider) if provider else None
    packed, refused = [], list[PayloadError]()
    for target in targets or (profile.ways if profile else ()):
        try:
            template = _cron_template(spec)
            packed.append(layout.pack(rendered, target, profile, cron_template=template, runner_from=runner_from))
        except PayloadError as error:
            refused.append(error)
    # A target that nobody asked for may be too small, as long as another one of the provider's fits.
    if refused and (targets or not packed):
        raise Refused([problem for error in refused for problem in error.problems])
    return packed, [_sentence(problem) for error in refused for problem in error.problems]


def _sentence(problem: Problem) -> str:
    return f"{problem.message}; {problem.hint}" if problem.hint else problem.message
