"""No text is lost to a template in silence: `${#name}` is text, and braces for others are refused with a way out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.errors import Problem, SpecError, Where
from bootstrap.plan.model import Text
from bootstrap.plan.resolve import resolve
from bootstrap.render import jinja
from bootstrap.render.braces import written_for_others
from bootstrap.render.model import Rendered
from bootstrap.render.render import render
from bootstrap.spec.load import load

HEAD = "version: 1\nname: web\n"
COUNT = """#!/bin/bash
set -eu
disks=(a b c)
n=${#disks[@]}
if [ $n -gt 1 ]; then mkdir -p raid; fi
# if old_layout; then {
#}
echo finished > marker
"""


def rendered(folder: Path, body: str) -> Rendered:
    (folder / "web.yaml").write_text(HEAD + body)
    return render(resolve(load(folder / "web.yaml"), server="web-1", deploy_id="d1"), stand_in=True)


def refused(folder: Path, body: str) -> Problem:
    with pytest.raises(SpecError) as error:
        rendered(folder, body)
    (problem,) = error.value.problems
    return problem


def block(text: str, indent: int = 6) -> str:
    return "|\n" + "".join(f"{' ' * indent}{line}\n" for line in text.splitlines())


@pytest.mark.fault(130)
@pytest.mark.parametrize("also", ["", "# {{ server }}\n"], ids=["no-marks", "a-template"])
def test_the_length_of_an_array_keeps_all_that_stands_behind_it(tmp_path: Path, also: str) -> None:
    """The text runs as it would without us."""
    done = rendered(tmp_path, f"stages:\n  - name: count\n    run: {block(COUNT + also)}")
    text = done.host_plan["stages"][0]["text"]

    assert text == COUNT + also.replace("{{ server }}", "web-1")
    (tmp_path / "script").write_text(text)
    subprocess.run(["bash", tmp_path / "script"], check=True, cwd=tmp_path)
    assert (tmp_path / "raid").is_dir() and (tmp_path / "marker").read_text() == "finished\n"


LOST = 'x=hello; echo "${#x}"\nrm -rf /srv/important   # the #} closes\n'


@pytest.mark.fault(130)
def test_every_text_of_a_spec_keeps_what_would_be_a_comment(tmp_path: Path) -> None:
    lost = LOST.strip() + " {{ server }}"
    kept = lost.replace("{{ server }}", "web-1")
    done = rendered(
        tmp_path,
        f"files:\n  - path: /srv/a\n    content: {block(lost)}"
        f"stages:\n  - name: one\n    run: {block(lost)}    skip_if: {block(lost)}    verify: {block(lost)}"
        f"    undo: {block(lost)}    environment:\n      A: {block(lost, 8)}"
        f"every_boot:\n  - name: two\n    run: {block(lost)}"
        f"health:\n  checks:\n  - command: {block(lost)}"
        f"  - http: 'http://127.0.0.1/a'\n    contains: 'a{{# b #}}'\nrollback: true\n",
    )

    stage = done.host_plan["stages"][0]
    assert [stage[key].strip() for key in ("text", "skip_if", "verify", "undo")] == [kept] * 4
    assert stage["environment"]["A"].strip() == kept
    assert done.files[0].content.decode().strip() == kept
    assert done.host_plan["every_boot"][0]["text"].strip() == kept and kept in (done.rc_local or "")
    command, http = done.host_plan["health"]["checks"]
    assert (command["text"].strip(), http["url"], http["contains"]) == (kept, "http://127.0.0.1/a", "a{# b #}")


@pytest.mark.fault(130)
@pytest.mark.parametrize("kind", ["stages", "files"])
def test_a_template_file_has_comments_and_none_that_begins_behind_a_dollar(tmp_path: Path, kind: str) -> None:
    (tmp_path / "mine.j2").write_text(
        "#!/bin/bash\n{# gone ${#x} #}n=${#disks[@]} {{ server }}\n# {\n#}\n"
        "{% raw %}${#raw}{% endraw %} {{ '${#' | length }} {{ '${#' ~ '}' }} {{ {'${#': 'key'}['${#'] }}\n"
    )
    one = "name: one" if kind == "stages" else "path: /srv/a, mode: '0755'"
    done = rendered(tmp_path, f"{kind}: [{{{one}, template: mine.j2}}]\n")

    text = done.host_plan["stages"][0]["text"] if kind == "stages" else done.files[0].content.decode()
    assert text == "#!/bin/bash\nn=${#disks[@]} web-1\n# {\n#}\n${#raw} 3 ${#} key\n"


@pytest.mark.fault(130)
def test_a_comment_of_a_template_file_that_has_no_end_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "mine.j2").write_text("a\nsed 's/{#x//'\nb\n")
    problem = refused(tmp_path, "stages: [{name: one, template: mine.j2}]\n")
    assert problem.message == "stages[0]: Missing end of comment tag"
    assert problem.hint == (
        "if the braces are text, write {% raw %}...{% endraw %} around them, or use script: instead of template:"
    )
    assert problem.where is not None and (problem.where.file, problem.where.line) == (str(tmp_path / "mine.j2"), 2)


@given(text=st.text(st.sampled_from(list("ab${#}-\n \r")), max_size=30))
def test_nothing_of_a_text_without_marks_is_lost_beside_one_with(text: str) -> None:
    """The text of a spec comes out whole, whatever hash, dollar and single brace it has."""
    if "{{" in text or "{%" in text or "\r" in text:
        return
    for file, source in (None, text), ("mine.j2", text.replace("{#", "${#")):
        if "{{" not in source:
            out = jinja.render(Text(source + "|{{ a }}|" + source, Where("web.yaml", 1, 1), file=file), {"a": "A"}, "")
            assert out == f"{source}|A|{source}"


RAW = "if the braces are text, write {% raw %}...{% endraw %} around them"
OTHERS = [
    pytest.param("docker inspect -f '{{.State.Status}}' web", "unexpected '.'", id="docker"),
    pytest.param("docker inspect -f '{{json .State}}' web", "'json' is undefined", id="docker-json"),
    pytest.param("docker info --format '{{ .Swarm }}'", "unexpected '.'", id="docker-blank"),
    pytest.param(
        "kubectl get pods -o go-template='{{range .items}}{{.metadata.name}}{{end}}'", "unexpected '.'", id="kubectl"
    ),
    pytest.param("echo '{{range .items}}x{{end}}'", "'type object' has no attribute 'items'", id="go-range"),
    pytest.param("echo '{{with $x := .a}}{{$x}}{{end}}'", "unexpected char '$' at 13", id="go-variable"),
    pytest.param("helm template '{{ end }}'", "'end' is undefined", id="go-end"),
    pytest.param("awk '{%d}' x", "Encountered unknown tag 'd'", id="awk"),
    pytest.param("echo ${{ github.sha }}", "'github' is undefined", id="github"),
    pytest.param("f() {{ true; }; }", "expected token 'end of print statement', got ';'", id="shell-group"),
]  # fmt: skip


@pytest.mark.fault(131)
@pytest.mark.parametrize(("text", "message"), OTHERS)
@pytest.mark.parametrize(
    ("body", "what", "way"),
    [
        ("stages:\n  - name: one\n    run: {}", "stages[0]", ", or use script: instead of run:"),
        ("every_boot:\n  - name: one\n    run: {}", "every_boot[0]", ", or use script: instead of run:"),
        ("files:\n  - path: /srv/a\n    content: {}", "files[0]", ", or use source: instead of content:"),
        ("stages:\n  - name: one\n    run: 'true'\n    verify: {}", "stages[0].verify", ""),
        ("health:\n  checks:\n  - command: {}", "health.checks[0]", ""),
    ],
    ids=["run", "every_boot", "content", "verify", "command"],
)
def test_braces_for_another_program_are_refused_with_every_way_to_write_them(
    tmp_path: Path, body: str, what: str, way: str, text: str, message: str
) -> None:
    problem = refused(tmp_path, body.replace("{}", block(text)))
    assert (problem.message, problem.hint) == (f"{what}: {message}", RAW + way)


@pytest.mark.fault(131)
@pytest.mark.parametrize("text", [param.values[0] for param in OTHERS])
def test_each_of_the_ways_works(tmp_path: Path, text: str) -> None:
    (tmp_path / "it").write_text(text)
    done = rendered(
        tmp_path,
        f"stages:\n  - name: raw\n    run: {block('{% raw %}' + text + '{% endraw %}')}"
        "  - {name: script, script: it}\nfiles: [{path: /srv/a, source: it}]\n",
    )
    assert [stage["text"] for stage in done.host_plan["stages"]] == [text + "\n"] * 2
    assert done.files[0].content.decode() == text


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("echo {{ brnch }}", "brnch", False),
        ("echo {{ brnch }} ${{ github.sha }}", "brnch", False),
        ("echo {{ brnch }} ${{ github.sha }}", "github", True),
        ("echo {{ a.b }} {{ brnch }}", "brnch", False),
        ("{{ ending }}", "ending", False),
        ("{{- end -}}", "end", True),
        ("{{ len .Items }}", "len", True),
        ("{{ index . 0 }}", "index", True),
    ],
)
def test_a_misspelt_value_is_told_from_braces_for_others(line: str, name: str, expected: bool) -> None:
    assert written_for_others(line, name) is expected


def test_shellcheck_reads_the_length_of_a_value_as_the_host_does(tmp_path: Path) -> None:
    """Masked markup is Jinja's only: no comment hides the text behind `${#`."""
    from bootstrap.render.shellcheck import lint

    text = "#!/bin/bash\nx=(a b)\necho ${#x[@]}\ncd $HOME\n#}\n"
    (tmp_path / "mine.j2").write_text(text + "{# a comment #}\n")
    (tmp_path / "web.yaml").write_text(
        HEAD + f"stages:\n  - name: one\n    run: {block(text)}  - {{name: two, template: mine.j2}}\n"
    )
    plan = resolve(load(tmp_path / "web.yaml"), server="web-1", deploy_id="d1")
    found = lint(plan, render(plan, stand_in=True))
    assert [(p.code, p.where.line if p.where else 0) for p in found if p.code == "lint.SC2086"] == [
        ("lint.SC2086", 9),
        ("lint.SC2086", 4),
    ]
