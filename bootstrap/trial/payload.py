"""The payload of a trial: a spec's own, or one that does nothing, with the stages of the trial behind its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import resources
from bootstrap.errors import UsageError, Where
from bootstrap.plan.direct import direct
from bootstrap.plan.model import Plan, PlannedScript, Text

if TYPE_CHECKING:
    from bootstrap.api import Project
    from bootstrap.payload.sign import Signer
    from bootstrap.rendering import Rendering

# Stages of a trial. `mark` makes sure that the cut comes once: it writes down the boot in which it ran.
MARK, CUT, JUDGE = "try-mark", "try-cut", "try-judge"
_FOLDER = "/var/lib/initialrunner-try"
_NOTHING = "version: 1\nname: try\nstages: []\n"
_WHERE = Where("bootstrap try", 1, 1)
_MOST_OF_A_WAIT_S, _LEAST_OF_A_WAIT_S = 300, 20
_JUDGING_S = 240  # beside the wait: journalctl takes seconds for each unit under emulation
_CUT_S = 1800

_MARK_TEXT = f"""mkdir -p {_FOLDER}
echo "$TRY_SERVER:mark" >>{_FOLDER}/ran
cat /proc/sys/kernel/random/boot_id >{_FOLDER}/boot
sync
"""
# In the boot of the mark it waits for its end; in the next one it does its work.
_CUT_TEXT = f"""if [ "$(cat /proc/sys/kernel/random/boot_id)" = "$(cat {_FOLDER}/boot)" ]; then
    exec sleep {_CUT_S}
fi
echo "$TRY_SERVER:cut" >>{_FOLDER}/ran
sync
"""


@dataclass(frozen=True)
class Reports:
    """The collector of the trial. url: as the guest reaches it, host: of that; secret: of the keys of servers."""

    url: str
    host: str
    secret: bytes


def load(spec: Path | None, overrides: tuple[str, ...], values_files: tuple[Path, ...], folder: Path) -> Project:
    """Read the spec of the trial, or make one that does nothing. Raises SpecError; UsageError for values without one.

    folder: a temporary one, for a spec of ours.
    """
    from bootstrap import api

    if spec is None:
        if overrides or values_files:
            raise UsageError("--set and --values go with --spec", hint="the payload of a trial has no values")
        spec = folder / "try.yaml"
        spec.write_text(_NOTHING)
    return api.load(spec, overrides=overrides, values_files=values_files)


def build(
    project: Project,
    server: str,
    deploy_id: str,
    reports: Reports,
    *,
    require: tuple[str, ...] = (),
    power_cut: bool = False,
    deadline_s: float,
    signer: Signer | None = None,
) -> Rendering:
    """Render the payload of one clone. Raises SpecError and PayloadError, as `render` does."""
    from bootstrap.api import ServerPlan

    plan = direct(project.plan(server, deploy_id=deploy_id, report_url=reports.url).plan, reports.host)
    judged = with_stages(plan, require=require, power_cut=power_cut, deadline_s=deadline_s)
    return ServerPlan(judged).render(reports.secret, sign=signer)


def with_stages(plan: Plan, *, require: tuple[str, ...], power_cut: bool, deadline_s: float) -> Plan:
    """Put the trial's stages behind those of the plan: those of a power cut, if there is to be one, and the judge."""
    wait_s = min(max(int(deadline_s / 3), _LEAST_OF_A_WAIT_S), _MOST_OF_A_WAIT_S)
    server = {"TRY_SERVER": plan.server}
    judge = {**server, "TRY_REQUIRE": " ".join(require), "TRY_WAIT_S": str(wait_s)}
    added = [_stage(MARK, _MARK_TEXT, server, 60), _stage(CUT, _CUT_TEXT, server, _CUT_S)] if power_cut else []
    added.append(_stage(JUDGE, resources.text("files/trial/judge.sh"), judge, wait_s + _JUDGING_S))
    taken = {stage.name for stage in plan.stages} & {stage.name for stage in added}
    if taken:
        raise UsageError(
            f"the spec has a stage {min(taken)}, which is the name of one of the trial's", hint="rename yours"
        )
    numbers = range(len(plan.stages), len(plan.stages) + len(added))
    places = {f"stages[{number}].{key}": _WHERE for number in numbers for key in ("run", "user")}
    return replace(plan, stages=(*plan.stages, *added), places={**plan.places, **places})


def _stage(name: str, text: str, environment: Mapping[str, str], timeout_s: float) -> PlannedScript:
    return PlannedScript(
        name,
        _WHERE,
        _text(text),
        _text("root"),
        timeout_s,
        environment=tuple((key, _text(value)) for key, value in environment.items()),
    )


def _text(value: str) -> Text:
    return Text(value, _WHERE, is_template=False)
