"""What the generator makes of awkward specs, on a host: every value arrives byte for byte, any text can be a stage."""

from __future__ import annotations

import errno
import json
import subprocess
from pathlib import Path

import pytest
from box import Box, needs_root

from bootstrap.payload.build import build
from bootstrap.payload.model import Payload
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.spec.load import load

pytestmark = [pytest.mark.integration, needs_root]
# All that a shell, cron, an awk, a here-document or a template engine could take for its own.
HOSTILE = (
    'it\'s "quoted" `id` $(touch /srv/pwned) ${HOME} $$ $! !! 100% %d %Y \\n \\\\ \\0 a\tb # no comment; rm -rf /x & | '
    "< > * ? [a-z] ~ {a,b} {{ x }} {% y %} -n -e --help = : , @ ^ é ü 日本 \U0001f680 \u202e\nsecond line\n\nEOF\n'\n"
)


def packed(folder: Path, spec: dict) -> Payload:
    """The payload of a spec; JSON is YAML too, and quotes any value."""
    path = folder / "box.yaml"
    path.write_text(json.dumps({"version": 1, "name": "box", **spec}, ensure_ascii=False), encoding="utf-8")
    return build(render(resolve(load(path), server="box-1", deploy_id="d1"), secret=None))


@pytest.mark.fault(16)
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_a_hostile_value_reaches_files_environments_and_commands_as_it_is(tmp_path: Path, shell: str) -> None:
    large = (HOSTILE * (1 + (1 << 20) // len(HOSTILE)))[: 1 << 20]
    (tmp_path / "both.j2").write_text("{{ hostile }}", encoding="utf-8")
    (tmp_path / "large.txt").write_text(large, encoding="utf-8")
    text = f'#!/bin/{shell}\nprintf %s {{{{ hostile | sh }}}} >/srv/words; printf %s "$HOSTILE" >/srv/variable\n'
    one = {"name": "one", "run": text, "environment": {"HOSTILE": "{{ hostile }}"}}
    files = [{"path": "/srv/both", "template": "both.j2"}, {"path": "/srv/large", "source": "large.txt"}]
    every = [{"name": "each", "run": 'printf %s "$HOSTILE" >/srv/each', "environment": {"HOSTILE": "{{ hostile }}"}}]
    spec = {"values": {"hostile": HOSTILE}, "files": files, "stages": [one], "every_boot": every}
    with Box(packed(tmp_path, spec).files) as box:
        assert box.tick().returncode == 0, box.console()
        for path in "/srv/both", "/srv/words", "/srv/variable", "/srv/each":
            assert box.text(path) == HOSTILE, path
        assert box.text("/srv/large") == large
        box.sh("rm /srv/each")
        box.reboot()
        # rc.local has it from its own rendered text.
        box.wait_for(lambda: box.text("/srv/each") == HOSTILE)
        assert not box.exists("/srv/pwned")


@pytest.mark.fault(25)
def test_a_percent_sign_in_a_stage_never_meets_cron(tmp_path: Path) -> None:
    one = {"name": "one", "run": "date +%Y-%m-%d >/srv/day; printf '100%%' >/srv/all"}
    payload = packed(tmp_path, {"stages": [one]})
    assert b"%" not in payload.files[-1].content
    with Box(payload.files, cron="real") as box:
        box.wait_for(lambda: box.state() == "healthy", timeout_s=90)
        assert box.text("/srv/day")[4] == "-"
        assert box.text("/srv/all") == "100%"


@pytest.mark.fault(13)
def test_a_stage_without_an_interpreter_line_runs_where_the_kernel_would_refuse_it(tmp_path: Path) -> None:
    script = tmp_path / "plain"
    script.write_text("echo one >/srv/oracle\n")
    script.chmod(0o755)
    with pytest.raises(OSError) as refused:
        subprocess.run([script], check=False)
    assert refused.value.errno == errno.ENOEXEC
    with Box(packed(tmp_path, {"stages": [{"name": "one", "script": "plain"}]}).files) as box:
        assert box.tick().returncode == 0
        assert box.text("/srv/oracle") == "one\n"
