"""How a text begins: what the kernel or a shell would make of it is said before a server is paid for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from bootstrap.errors import Problem, SpecError
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.spec.load import load

HEAD = "version: 1\nname: web\nrollback: true\n"
BESIDE = "pass it beside the payload: bootstrap render ... --user-data FILE"
BEGIN = "begin with #!; in a template {%- ... -%} takes the blanks beside it away"
EMPTY = "write a command, or remove the text"
SPLIT = "write the options together, as in -eu, or set them below: set -eu"
CASES = [
    ("\n#!/bin/bash\na=(1)\n", "has blanks before #!, so that it would run under sh -eu", BEGIN),
    ("  #!/bin/bash\na=(1)\n", "has blanks before #!, so that it would run under sh -eu", BEGIN),
    ("# ours\n\n#!/bin/bash\ntrue\n", "has its #! on line 3, where it is a comment", "make it the first line"),
    ("#!/usr/bin/env bash -eu\ntrue\n", ": '#!/usr/bin/env bash -eu' would look for a program called 'bash -eu'",
     "write #!/bin/bash -eu, or #!/usr/bin/env -S bash -eu"),
    ("#!/usr/bin/env A=1 bash\ntrue\n", ": '#!/usr/bin/env A=1 bash' would look for a program called 'A=1 bash'",
     "write #!/bin/bash, or #!/usr/bin/env -S A=1 bash"),
    ("#!/usr/bin/env -i bash\ntrue\n", ": '#!/usr/bin/env -i bash' would look for a program called '-i bash'",
     "write #!/bin/bash, or #!/usr/bin/env -S -i bash"),
    ("#!/usr/bin/env\ntrue\n", ": '#!/usr/bin/env' names no program", "write #!/bin/sh"),
    ("#!/bin/bash -e -u\ntrue\n", ": '#!/bin/bash -e -u' would give bash the one option '-e -u'", SPLIT),
    ("#!/bin/sh -e # ours\ntrue\n", ": '#!/bin/sh -e # ours' would give sh the one option '-e # ours'", SPLIT),
    ("#!/usr/bin/python3 -u -E\npass\n", ": '#!/usr/bin/python3 -u -E' would give python3 the one option '-u -E'",
     "give it one option"),
    ("#!/bin/bash\n", " is only a #! line: it would succeed without doing anything", EMPTY),
    ("#!/usr/bin/python3\n\n", " is only a #! line: it would succeed without doing anything", EMPTY),
    ("#!/usr/bin/env bash\n# later\n", " is only comments: it would succeed without doing anything", EMPTY),
    ("# later\n", " is only comments: it would succeed without doing anything", EMPTY),
    ("#cloud-config\npackages: [git]\n", " begins with '#cloud-config': that is for cloud-init, not a script", BESIDE),
    ("#cloud-boothook\ntrue\n", " begins with '#cloud-boothook': that is for cloud-init, not a script", BESIDE),
    ("## template: jinja\ntrue\n", " begins with '## template: jinja': that is for cloud-init, not a script", BESIDE),
    ("#include\nhttps://a/b\n", " begins with '#include': that is for cloud-init, not a script", BESIDE),
    ("#part-handler\nx\n", " begins with '#part-handler': that is for cloud-init, not a script", BESIDE),
    ("<powershell>\nx\n", " begins with '<powershell>': that is for cloud-init, not a script", BESIDE),
    ("#ps1_sysnative\nx\n", " begins with '#ps1_sysnative': that is for cloud-init, not a script", BESIDE),
    ("Content-Type: multipart/mixed\n", " begins with 'Content-Type: multipart/mixed': that is for cloud-init, not a"
     " script", BESIDE),
]  # fmt: skip
# Where a text that runs may stand: (spec with TEXT in it, how messages call it).
PLACES = [
    ("stages: [{name: one, run: TEXT}]\n", "stages[0]"),
    ("stages: [{name: one, script: one.sh}]\n", "stages[0]: {folder}/one.sh"),
    ("stages: [{name: one, template: one.sh}]\n", "stages[0]: {folder}/one.sh"),
    ("stages: [{name: one, run: ls, verify: TEXT}]\n", "stages[0].verify"),
    ("stages: [{name: one, run: ls, skip_if: TEXT}]\n", "stages[0].skip_if"),
    ("stages: [{name: one, run: ls, undo: TEXT}]\n", "stages[0].undo"),
    ("every_boot: [{name: one, run: TEXT}]\n", "every_boot[0]"),
    ("health: {checks: [{command: TEXT}]}\n", "health.checks[0].command"),
]


def problems(folder: Path, body: str, text: str) -> list[Problem]:
    (folder / "one.sh").write_text(text)
    quoted = yaml.safe_dump(text, default_style='"', width=10**6).strip()
    (folder / "web.yaml").write_text(HEAD + body.replace("TEXT", quoted))
    try:
        render(resolve(load(folder / "web.yaml"), server="web-1", deploy_id="d1"))
    except SpecError as error:
        return list(error.problems)
    return []


@pytest.mark.fault(133)
@pytest.mark.parametrize(("text", "message", "hint"), CASES, ids=[case[0][:24].strip() for case in CASES])
def test_a_first_line_that_cannot_work_is_refused(tmp_path: Path, text: str, message: str, hint: str) -> None:
    (problem,) = problems(tmp_path, PLACES[0][0], text)
    lead = "stages[0]" if message.startswith((" ", ":")) else "stages[0] "
    assert (problem.message, problem.hint) == (lead + message, hint)
    assert problem.where is not None and (problem.where.line, problem.where.column) == (4, 27)


@pytest.mark.fault(133)
@pytest.mark.parametrize(("body", "shown"), PLACES, ids=[body.split("TEXT")[0][:40] for body, _ in PLACES])
def test_every_text_that_runs_is_judged(tmp_path: Path, body: str, shown: str) -> None:
    (problem,) = problems(tmp_path, body, "\n#!/bin/bash\na=(1)\n")
    lead = shown.replace("{folder}", str(tmp_path))
    assert problem.message == f"{lead} has blanks before #!, so that it would run under sh -eu"


def test_a_file_that_the_kernel_runs_is_judged_too_but_may_do_nothing(tmp_path: Path) -> None:
    file = "files: [{path: /usr/local/bin/one, content: TEXT, mode: '0755'}]\n"
    (problem,) = problems(tmp_path, file, "\n#!/bin/bash\ntrue\n")
    assert problem.message == "files[0] has blanks before #!, so that the kernel would not run it"
    (problem,) = problems(tmp_path, file, "#!/usr/bin/env bash -eu\ntrue\n")
    assert problem.hint == "write #!/bin/bash -eu, or #!/usr/bin/env -S bash -eu"
    assert problems(tmp_path, file, "#!/bin/sh\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/bash -eu\ntrue\n",
        "#! /bin/sh\ntrue\n",
        "#!/bin/bash -eu \ntrue\n",
        "#!/usr/bin/env bash\ntrue\n",
        "#!/usr/bin/env /bin/bash\ntrue\n",
        "#!/usr/bin/env -S bash -eu\ntrue\n",
        "#!/usr/bin/env -vS bash -eu\ntrue\n",
        "#!/usr/bin/env --split-string=bash -eu\ntrue\n",
        "#!/bin/busybox sh\ntrue\n",
        "cat >/srv/a <<END\n#!/bin/sh\ntrue\nEND\n",
        "# what follows is ours\ntrue\n",
        "#include files of ours\ntrue\n",
    ],
)
def test_first_lines_that_work_are_taken_and_do(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, PLACES[0][0], text) == []
    if text.startswith("#!") and "busybox" not in text:
        tool = tmp_path / "tool"
        tool.write_text(text)
        tool.chmod(0o755)
        assert subprocess.run([tool], check=False, timeout=20, capture_output=True).returncode == 0


@pytest.mark.parametrize("line", ["#!/usr/bin/env bash -eu", "#!/bin/bash -e -u", "#!/bin/sh -e # a"])
def test_the_kernel_agrees_that_they_do_not(tmp_path: Path, line: str) -> None:
    tool = tmp_path / "tool"
    tool.write_text(f"{line}\ntrue\n")
    tool.chmod(0o755)
    assert subprocess.run([tool], check=False, timeout=20, capture_output=True).returncode != 0
