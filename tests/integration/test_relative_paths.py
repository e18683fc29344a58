"""Every name of a file on a command line means what it means to a shell: it is relative to the caller's folder."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import click
import keys
import pytest
from box import needs_root
from image_root import clean_root, put
from neighbours import Authority
from swift import Swift, needs_memcached

from bootstrap.cli.main import MODULES, VERBS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.integration, keys.needs_ssh_keygen, needs_root, needs_memcached]

DEPLOY = "20261120T120000-ab12cd"
SPEC = """\
version: 1
name: web
values: {word: one}
files:
  - {path: /etc/web/word, content: "{{ word }}\\n"}
stages:
  - {name: one, run: "test -s /etc/web/word"}
health: {checks: [{file: /etc/web/word}]}
"""
SHOP = """\
version: 1
name: shop
values: {word: one}
cloud: {servers: sim, pool: sim, sim: {state: cloud.json}}
tiers:
  - spec: ../specs/web.yaml
    count: 1
    values: {word: "{{ word }}"}
    pools: [{name: web, port: 8080, listen: 80}]
    gate: {probe: "http://{address}:8080/ping", contains: "{revision}", stable: 1s}
"""
# Starts the collector as one would, waits for a server of it, and ends it.
SERVE = """
"$PYTHON" -m bootstrap serve --listen 127.0.0.1:0 --store sqlite:///state/c.db --secret-file state/secret \\
    --token-file state/token --deploy-token-file state/deploy --tls-cert tls/cert.pem --tls-key tls/key.pem \\
    >state/said &
pid=$!
trap 'kill $pid' EXIT
until grep -q listening state/said; do kill -0 $pid; sleep 0.05; done
export BOOTSTRAP_COLLECTOR=$(sed -n 's/^listening on //p' state/said)
"$PYTHON" -m bootstrap status --ca tls/ca.pem --token-file state/token
"$PYTHON" -m bootstrap wait web-1 --ca tls/ca.pem --token-file state/token --timeout 1s || [ $? = 6 ]
test -s state/c.db && test -s state/deploy
"$PYTHON" -m bootstrap publish --runner --to collector --ca tls/ca.pem --token-file state/deploy -o out/runner
test -s out/runner/published.json
"""
# In this order, in one folder: what one writes the next reads. verb -> (the options it is about, what a shell runs).
RUNS: tuple[tuple[str, set[str], str], ...] = (
    ("new", {"directory"}, "new made"),
    ("secret", {"file"}, "secret deploy/secret"),
    ("check", {"spec", "values_files"}, "check specs/web.yaml --values specs/values.yaml"),
    (
        "publish", {"spec", "values_files", "secret_file", "sign", "output"},
        f"publish specs/web.yaml --server web-1 --deploy-id {DEPLOY} --container b "
        "--values specs/values.yaml --secret-file deploy/secret --sign deploy/key -o out/published",
    ),
    ("publish", {"spec"}, "publish specs --tree --to ./out/store -o out/trees"),
    (
        "publish", {"restore", "manifest"},
        "publish --restore out/back --to ./out/store --manifest out/trees/specs.tree.json",
    ),
    (
        "render", {"spec", "values_files", "beside", "secret_file", "sign", "output"},
        "render specs/web.yaml --server web-1 --target user-data --provider nova --values specs/values.yaml "
        "--user-data specs/mine.yaml --secret-file deploy/secret --sign deploy/key -o out/rendered",
    ),
    (
        "render", {"published"},
        f"render specs/web.yaml --server web-1 --deploy-id {DEPLOY} --target stub --provider nova "
        "--values specs/values.yaml --secret-file deploy/secret --sign deploy/key "
        "--published out/published/published.json -o out/stub",
    ),
    ("render", {"sign"}, "render specs/web.yaml --server web-1 --target tree --sign deploy/key -o out/tree"),
    ("show", {"spec", "values_files"}, "show specs/web.yaml --values specs/values.yaml"),
    ("show", {"signers"}, "show out/tree/web-1/tree/etc/initialrunner/bundle --allowed-signers deploy/signers"),
    ("bake", {"root", "allowed_signers"}, "bake image --allowed-signers deploy/signers"),
    ("seal", {"root"}, "seal image"),
    (
        "rehearse", {"spec", "values_files", "keep"},
        "rehearse specs/web.yaml --values specs/values.yaml --bring /etc/other=specs/mine.yaml --keep out/kept",
    ),
    ("rehearse", {"root"}, "rehearse specs/web.yaml --root same --keep out/again"),
    (
        "deploy", {"file", "values_files", "secret_file"},
        "deploy deploy/shop.yaml --values specs/values.yaml --secret-file deploy/secret --yes",
    ),
    (
        "resume", {"file", "values_files", "secret_file"},
        "resume --file deploy/shop.yaml --values specs/values.yaml --secret-file deploy/secret --yes",
    ),
    ("reap", {"file", "values_files"}, "reap --file deploy/shop.yaml --values specs/values.yaml --yes"),
)  # fmt: skip
SERVED = {
    ("serve", name) for name in ("secret_file", "token_file", "deploy_token_file", "tls_cert", "tls_key")
} | {(verb, name) for verb in ("wait", "status", "publish") for name in ("token_file", "ca")}  # fmt: skip

# A trial needs a virtual machine: tests/vm/test_vm_trial_ends.py starts one with relative names.
TRIED = {("try", name) for name in ("image", "spec", "values_files", "sign", "keep")}


def path_options() -> set[tuple[str, str]]:
    """(verb, parameter) of everything that takes a path."""
    found = set()
    for verb in VERBS:
        command: click.Command = importlib.import_module(f"bootstrap.cli.{MODULES.get(verb, verb)}").command
        found |= {(verb, str(param.name)) for param in command.params if isinstance(param.type, click.Path)}
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of somebody's, with all that the command lines name."""
    for name in ("specs", "deploy", "tls", "state", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "specs/web.yaml").write_text(SPEC)
    (tmp_path / "specs/values.yaml").write_text("word: two\n")
    (tmp_path / "deploy/shop.yaml").write_text(SHOP)
    (tmp_path / "specs/mine.yaml").write_text("#cloud-config\ntimezone: UTC\n")
    keys.allowed(tmp_path / "deploy/signers", keys.key(tmp_path / "deploy"))
    (tmp_path / "same").symlink_to(os.path.relpath("/", tmp_path))
    put(clean_root(tmp_path / "image"), "/usr/bin/ssh-keygen", "ELF", 0o755)
    return tmp_path


def bootstrap(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("OS_", "ST_", "BOOTSTRAP_"))}
    own |= {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "XDG_STATE_HOME": str(folder / "state")}
    return subprocess.run(
        [sys.executable, "-m", "bootstrap", *words], cwd=folder, capture_output=True, text=True, timeout=120,
        env={**own, **more}, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.mark.fault(138)
def test_every_verb_takes_names_relative_to_the_callers_folder(folder: Path) -> None:
    covered = {(verb, option) for verb, options, _ in RUNS for option in options} | SERVED | TRIED
    assert covered == path_options(), "an option that takes a path is in none of the runs, or is gone"
    with Swift(folder / "swift") as swift:
        account = {"ST_AUTH": swift.auth, "ST_USER": swift.user, "ST_KEY": swift.key}
        for _, _, line in RUNS:
            done = bootstrap(folder, *line.split(), **account)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert (folder / "out/kept/collector/collector.sqlite").exists()
    assert list((folder / "made").glob("*.yaml"))
    assert (folder / "out/back/web.yaml").read_text() == SPEC
    # A path of a deploy file is relative to its folder.
    assert (folder / "deploy/cloud.json").exists()


@pytest.mark.fault(138)
def test_the_collector_takes_names_relative_to_the_callers_folder(folder: Path) -> None:
    authority = Authority(folder / "tls")
    pem = authority.certificate("IP:127.0.0.1")
    (folder / "tls/cert.pem").write_bytes(pem)
    (folder / "tls/key.pem").write_bytes((folder / "tls/server.key").read_bytes())
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", SERVE], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHON": sys.executable},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_started_in_another_folder_but_by_absolute_names() -> None:
    """Who gives a child another working folder has to think of every name that it hands over: these have."""
    known = {
        "deploy/drivers/local_commands.py": "programs that outlive us, in /: all names are of absolute folders",
        "rehearse/copy.py": "the copy's first process: its options hold resolved paths only",
        "rehearse/services.py": "inside a copy, whose names are its own",
        "render/shellcheck.py": "the texts lie in that folder; the program's name is made absolute",
    }
    package = ROOT / "bootstrap"
    found = set()
    for source in package.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and any(keyword.arg == "cwd" for keyword in node.keywords):
                found.add(str(source.relative_to(package)))
    assert found - {"rehearse/inside.py"} <= set(known)


@pytest.mark.fault(138)
def test_lint_finds_shellcheck_by_a_relative_entry_of_path(folder: Path) -> None:
    (folder / "bin").mkdir()
    real = Path(sys.executable).parent / "shellcheck"
    (folder / "bin/shellcheck").symlink_to(real)
    done = bootstrap(folder, "check", "--lint", "specs/web.yaml", PATH=f"bin:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
