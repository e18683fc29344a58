"""`bootstrap check`: says everything that is wrong with a spec, and where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bootstrap.errors import Problem
    from bootstrap.render.model import Rendered
    from bootstrap.spec.load import Spec
    from bootstrap.targets.model import Packed

# A check has no roll-out: any id of the right form serves.
DEPLOY_ID = "20000101T000000-check0"


@click.command(short_help="Say everything that is wrong with a spec, and where.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--server", metavar="NAME", help="The server's name.  [default: the spec's name and -1]")
@click.option("--set", "overrides", multiple=True, metavar="K=V", help="Override one value of the spec.")
@click.option("--values", "values_files", multiple=True, type=click.Path(path_type=Path), help="A YAML file of values.")
@click.option("--target", "targets", multiple=True, metavar="T", help="Also pack it for this target.")
@click.option(
    "--provider",
    metavar="NAME",
    help="Also measure it against this provider's limits, in every way it takes payloads or by --target.",
)
@click.option("--lint", is_flag=True, help="Have shellcheck read every stage, check and shell file.")
@click.option("--strict", is_flag=True, help="Warnings are errors.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(
    spec: Path,
    server: str | None,
    overrides: tuple[str, ...],
    values_files: tuple[Path, ...],
    targets: tuple[str, ...],
    provider: str | None,
    lint: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Check SPEC, a file or a folder holding one of the same name, with its includes, templates and values.

    Nothing is written and no secret is needed. Every problem is told at once: file, line, column and how to mend it.
    --lint adds what shellcheck says (pip install 'initialrunner[lint]'); what it calls an error is one.
    """
    import json

    from bootstrap.errors import SpecError
    from bootstrap.plan.resolve import resolve
    from bootstrap.render.render import render
    from bootstrap.spec.load import in_order, load
    from bootstrap.targets import output as outputs
    from bootstrap.targets.exposed_secrets import exposed

    checked = load(spec, overrides=overrides, values_files=tuple(map(str, values_files)))
    plan = resolve(checked, server=server or checked.example_server, deploy_id=DEPLOY_ID)
    rendered = render(plan, stand_in=True)
    warnings = [*checked.warnings, *rendered.warnings]
    packed, refused = _packed(checked, rendered, targets, provider)
    if not packed:
        warnings += _entry(checked, rendered)
    warnings += exposed(checked, targets, [one.target for one in packed])
    if lint:
        from bootstrap.render.lint import lint as linted

        warnings += linted(plan, rendered)
    if any(strict or warning.severity == "error" for warning in warnings):
        raise SpecError(in_order([replace(w, severity="error") if strict else w for w in warnings]))
    if as_json:
        found = {"ok": True, "file": checked.file, "revision": plan.revision}
        found |= {"problems": [w.as_json() for w in warnings]}
        found |= {"packed": [outputs.described(one) for one in packed]} if packed else {}
        click.echo(json.dumps(found, indent=2))
        return
    from bootstrap.cli.main import paint
    from bootstrap.cli.measures import notes, table

    for warning in warnings:
        click.echo(paint(warning), err=True)
    for note in [*notes(packed), *refused]:
        click.echo(f"note: {note}", err=True)
    if packed:
        click.echo(table(packed))
    checks = len(plan.health.checks) if plan.health else 0
    counts = [(len(plan.files), "file"), (len(plan.stages), "stage"), (checks, "check"), (len(warnings), "warning")]
    told = ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in counts if number)
    click.echo(f"{checked.file}: ok ({told or 'nothing to do'}; revision {plan.revision})")


def _entry(spec: Spec, rendered: Rendered) -> list[Problem]:
    """Warnings of the cron entry."""
    from bootstrap.payload import crontab

    own = spec.sources.get("templates.cron")
    entry = rendered.cron.replace("@SHA256@", "0" * 64)
    return list(crontab.require(entry, template=own.name if own else None))


def _packed(
    spec: Spec, rendered: Rendered, targets: tuple[str, ...], provider: str | None
) -> tuple[list[Packed], list[str]]:
    """What was asked for, packed, and what else the provider takes and would not fit, in words.

    Raises PayloadError when something asked for does not fit; without --target, when nothing fits that the provider
    takes.
    """
    if not targets and not provider:
        return [], []
    from bootstrap.errors import PayloadError, UsageError
    from bootstrap.payload.refused import Refused
    from bootstrap.targets import layout, providers, table

    unknown = [target for target in targets if target not in table.NAMES]
    if unknown:
        raise UsageError(f"no target {unknown[0]!r}", hint=f"there are: {', '.join(table.NAMES)}")
    taker = providers.provider(provider) if provider else None
    own = spec.sources.get("templates.cron")
    packed, refused = [], list[PayloadError]()
    for target in targets or (taker.ways if taker else ()):
        try:
            packed.append(layout.pack(rendered, target, taker, cron_template=own.name if own else None))
        except PayloadError as error:
            refused.append(error)
    if refused and (targets or not packed):
        raise Refused([problem for error in refused for problem in error.problems])
    return packed, [_in_words(problem) for error in refused for problem in error.problems]


def _in_words(problem: Problem) -> str:
    return f"{problem.message}; {problem.hint}" if problem.hint else problem.message
