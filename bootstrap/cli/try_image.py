"""`bootstrap try`: boots a throwaway copy of an image with a payload, and judges whether its clones would be well."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli.options import (
    duration,
    json_option,
    require_option,
    set_of_spec,
    sign_option,
    values_of_spec,
)
from bootstrap.cli.stopping import stop_as_interrupted

if TYPE_CHECKING:
    from bootstrap.trial.model import Outcome


@click.command()
@click.argument("image", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--source",
    metavar="S",
    help="How a clone gets its payload: files, config-drive, nocloud, cloud-init, openstack or ec2.  [default: the "
    "first source of the image's baked runner; without one, cloud-init where the image has it, else files]",
)
@click.option(
    "--spec",
    type=click.Path(exists=True, path_type=Path),
    metavar="SPEC",
    help="A payload of your own, in place of one that does nothing.",
)
@set_of_spec
@values_of_spec
@require_option
@click.option(
    "--clones",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    metavar="N",
    help="2: boot a second clone of the image, and judge that the two share no identity.",
)
@click.option("--power-cut", is_flag=True, help="Cut the power during a stage, and judge that the run goes on.")
@click.option(
    "--deadline",
    "deadline_s",
    type=duration,
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="How long a clone may take from power on until it is healthy: 90s, 15m, 1h.",
)
@click.option(
    "--memory",
    "memory_mib",
    type=click.IntRange(128),
    default=1024,
    show_default=True,
    metavar="MIB",
    help="The memory of a clone, in MiB.",
)
@sign_option
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the disk and the console of a trial that is not good in this new folder.",
)
@json_option()
def command(image: Path, sign: Path | None, as_json: bool, **options: Any) -> int:
    """Boot a throwaway copy of IMAGE in QEMU, hand it a payload, and judge the clone from inside.

    IMAGE is a disk, raw or qcow2, or a folder that holds a root file system with a kernel in its /boot. It is only
    read. The payload comes the way that the image's own runner looks for it, reports to a collector that the trial
    starts, and ends with a stage that judges: units, ssh host keys, address, disk, clock.

    \b
    Exit codes:
      0  the clone was healthy, and every judgement is good
      5  a stage or a judgement has failed
      6  the clone was not healthy before the deadline
    """
    import json

    from bootstrap.cli.signing import open_key
    from bootstrap.trial.model import Settings
    from bootstrap.trial.trial import try_image

    # So that the machine is switched off and its disk removed.
    stop_as_interrupted()

    def show(line: str) -> None:
        if not as_json:
            click.echo(line, err=True)

    outcome = try_image(Settings(image, signer=open_key(sign), **options), show=show)
    click.echo(json.dumps(outcome.as_json(), indent=1) if as_json else "\n".join(report(outcome)))
    return int(outcome.exit_code)


def report(outcome: Outcome) -> list[str]:
    """Return the report for people: the judgements of each clone, what explains a failure, and the verdict."""
    from bootstrap.client.wording import plain
    from bootstrap.trial.model import lines

    rows: list[str] = []
    for clone in outcome.clones:
        system = f"  {clone.facts['system']}" if "system" in clone.facts else ""
        rows += [f"{clone.server}{system}", *lines(clone.findings)]
        rows += [f"  log | {row}" for row in clone.log.splitlines()[-15:]]
        rows += [f"  console | {row}" for row in (clone.console if clone.verdict == "late" else ())]
    rows += lines(outcome.findings)
    healthy = [clone.seconds["healthy"] for clone in outcome.clones if "healthy" in clone.seconds]
    times = f", healthy {' and '.join(f'{seconds:.1f} s' for seconds in healthy)} after power on" if healthy else ""
    rows += [f"{outcome.image}: {outcome.verdict}{times}, by {outcome.source}"]
    rows += [f"kept in {outcome.kept}"] if outcome.kept else []
    return [plain(row) for row in rows]
