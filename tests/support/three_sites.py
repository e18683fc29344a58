"""The specs with which carriers are measured and started: two examples, and one as services have them (real_site).

    rendering("real", report_url=collector.url).split("collector").user_data_bytes("ec2")
"""

from __future__ import annotations

from pathlib import Path

import reports
from box import Box

import bootstrap
from bootstrap.rendering import Rendering
from bootstrap.runner.host import BUNDLE, STUB, TRIGGER

EXAMPLES = Path(__file__).parents[2] / "examples"
SPECS = {
    "hello": EXAMPLES / "hello/hello.yaml", "web": EXAMPLES / "web/web.yaml",
    "real": Path(__file__).parent / "real_site/real.yaml",
}  # fmt: skip
STAGES = {
    "hello": ["site"], "web": ["packages", "site"],
    "real": ["account", "settings", "page", "programs", "service"],
}  # fmt: skip


def rendering(name: str, report_url: str | None = None, deploy_id: str = "20261121T090000-ab12cd") -> Rendering:
    """Return the payload of a server of one of these specs, which reports to a URL."""
    plan = bootstrap.load(SPECS[name]).plan(f"{name}-1", deploy_id=deploy_id, report_url=report_url)
    return plan.render(reports.SECRET)


def is_healthy(box: Box) -> bool:
    """Whether a box is healthy, and neither a carrier, a bundle nor anything that starts one is in it any more."""
    return box.state() == "healthy" and not any(map(box.exists, (TRIGGER, BUNDLE, STUB)))


def stages_run(box: Box) -> list[str]:
    """Return the stages that were begun, in order."""
    return [event["stage"] for event in box.events("stage.started")]
