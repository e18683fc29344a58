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

from bootstrap.render.model import RenderedFile

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
