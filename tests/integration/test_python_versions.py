"""The packed runner on every Python there is on this machine, from the floor on: the whole way, and its verbs.

The interpreters live in a home folder, which copies of this machine hide: so this uses a mount namespace of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from handmade import payload, stage
from neighbours import Authority
from scripted_site import Site

from bootstrap.render.model import RenderedFile
from bootstrap.runner.contract import signature

RUNNER = Path(__file__).parents[2] / "bootstrap/runner"
FOUND = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3"), key=lambda path: int(path.parts[-3].split(".")[1]))
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not FOUND, reason="no other interpreters here"),
]
# Everything the runner writes to goes away with the namespace; below it this machine stays as it is.
SCRIPT = """
mount -t tmpfs tmpfs "$3"
for top in etc var usr; do
  mkdir "$3/$top" "$3/$top.work"
  mount -t overlay overlay -o "lowerdir=/$top,upperdir=$3/$top,workdir=$3/$top.work" /$top
done
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /srv
mkdir -p /etc/initialrunner /etc/cron.d /usr/local/sbin
printf x >/srv/file
cp "$1" /etc/initialrunner/bundle
ln -s "$2" /usr/local/sbin/python3
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
sh /etc/initialrunner/bundle tick || exit $?
test "$(cat /srv/oracle)" = once && test -z "$(ls /etc/initialrunner)" || exit 90
for verb in why "logs one" source "run one" report help; do initialrunner $verb >/dev/null || exit 91; done
cat /var/lib/initialrunner/journal
initialrunner status --json >&2
"""


@pytest.mark.fault(83)
@pytest.mark.parametrize("python", FOUND, ids=lambda path: path.parts[-3])
def test_the_packed_runner_works_on(python: Path, tmp_path: Path) -> None:
    one = payload(
        [
            stage(
                "one", "echo once >>/srv/oracle; echo key=value >>$INITIALRUNNER_OUTPUT\n", verify="test -e /srv/oracle"
            )
        ],
        files=[RenderedFile("/srv/file", b"x\n", 0o640)],
        wait_for=[{"path": "/srv/file", "min_size": 1}],
        every_boot=[{"name": "worker", "text": "true\n", "digest": "w"}],
        checks=[{"kind": "file", "path": "/srv/oracle"}],
    )
    bundle, layers = tmp_path / "bundle", tmp_path / "layers"
    layers.mkdir()
    bundle.write_bytes(one.bundle)
    command = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-ec",
        SCRIPT,
        "sh",
        bundle,
        python.resolve(),
        layers,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    began = json.loads(done.stdout.splitlines()[0])
    assert began["python"] == ".".join(python.parts[-3].split(".")[:2])
    assert json.loads(done.stderr)["state"] == "healthy"


# The modules of the runner that use what Python keeps for its own modules: such names may change with a version.
CLIENT = """
import sys
digests = __import__("_sha2" if sys.version_info >= (3, 12) else "_sha256")
sys.modules["bootstrap.runner.bundle"] = type("bundle", (), {"sha256": digests.sha256})
for name in "contract", "jsontext", "tick/web":
    exec(open(sys.argv[1] + "/" + name + ".py").read())
assert loads(dumps({"b": 1.5, "a": [None, "x"]})) == {"a": [None, "x"], "b": 1.5}
assert signature(b"key", "id", "1", b"body") == sys.argv[4]
assert http(sys.argv[2], {}, 10)[:2] == (200, b"hello")
print(sorted({"re", "enum", "json", "email", "socket", "ssl", "hashlib"}.intersection(sys.modules)))
assert http(sys.argv[3], {}, 10, ca=sys.stdin.read())[:2] == (200, b"hello")
"""


@pytest.mark.parametrize("python", FOUND, ids=lambda path: path.parts[-3])
def test_reports_load_none_of_the_large_modules_on(python: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "pem").write_bytes(authority.certificate("IP:127.0.0.1"))
    with Site() as plain, Site(pem=tmp_path / "pem") as safe:
        urls = [site.put("/x", b"hello") for site in (plain, safe)]
        words = [RUNNER, *urls, signature(b"key", "id", "1", b"body")]
        command = [python, "-I", "-S", "-c", CLIENT, *words]
        done = subprocess.run(command, input=authority.pem, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
