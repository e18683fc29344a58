"""The texts that most bundles have in common, as a part of the runner's text that two halves of a split share.

A bundle's plan and files are deflated with the code as dictionary. In a split the code comes another way, so that what
it already holds costs the carrier next to nothing: the cron entry, the units, rc.local, and the plan's usual keys.
"""

from __future__ import annotations

import functools
import json
import re

from bootstrap import resources
from bootstrap.payload import triggers

# One of each of the plan's usual keys, in the order and the spacing in which a plan has them.
_USUAL = (
    '"deploy_id":"20","every_boot":[{"digest":"","name":"","text":"'
    '"environment":{"TOKEN":"'
    '"group":"","name":"","secrets":["'
    '"fetch":{"max_size":,"sha256":"","url":"https://'
    '{"keep":false,"mode":384,"path":"/etc/","secret":true,"sha256":"","size":'
    '},{"mode":493,"path":"/usr/local/bin/","sha256":"'
    '{"command":"","kind":"command"},{"kind":"tcp","port":"'
    '{"kind":"unit","unit":".service"},{"contains":"","kind":"http","status":200,"url":"http://127.0.0.1:8080/'
    '"health":{"checks":[{"contains":"","kind":"http","url":"http://127.0.0.1:","deadline_s":,"stable":3}'
    '"report":{"ca":"-----BEGIN CERTIFICATE-----\\n","key":"","url":"https://"},"revision":"","server":"","stages":['
    '{"digest":"","name":"","needs":[{"network":true}],"on_interrupt":"fail",'
    '"retry":{"attempts":5,"delay_s":10.0,"max_delay_s":300.0},"skip_if":"'
    '"text":"apt-get -y install \\n","timeout_s":900.0,"verify":"test -s && systemctl is-active --quiet '
    '"wait_for":[{"deadline_s":,"min_size":1,"path":"/","settle_s":2.0}]'
)


@functools.cache
def words() -> str:
    """Return the texts as comments of Python, each line one, since they lie between modules of code."""
    boot = json.dumps({"boot_unit": triggers.boot_unit(), "cron": _cron()})[1:-1]
    units = json.dumps({"units": triggers.units("auto")}, sort_keys=True, separators=(",", ":"))[1:-1]
    plan = f"{_USUAL}{boot},{units},\"version\":1}}".replace('": "', '":"')
    # Line ends of the plan are escaped in JSON, so that it is one line.
    lines = [*_shell("templates/rc.local.j2"), plan]
    return "#words\n" + "\n".join(f"#{line}" for line in lines)


def _cron() -> str:
    """Return the usual cron entry, nearly as the plan has it: a dictionary need not be exact."""
    text = resources.text("cron/initialrunner.j2")
    command = text[text.index("-%}") + 3 : text.index("{%- endset")].replace("\n", "")
    head = text[: text.index("{% set")]
    filled = f"{head}\n@reboot root {command.strip()}\n* * * * * root "
    return re.sub(r"{{ (\w+) }}", lambda name: f"@{name[1].upper()}@", filled)


def _shell(name: str) -> list[str]:
    """Return the lines of a template of a shell script that are the same in each script."""
    lines = (line.partition("{{")[0] for line in resources.text(name).split("\n"))
    return [line for line in lines if line and not line.startswith(("{%", "{#"))]
