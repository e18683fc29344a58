"""What `check` sees in the texts of a spec: users that nobody makes, files that come too early, reboots, neighbours."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.errors import Problem
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.spec.load import load

HEAD = "version: 1\nname: web\nvalues: {who: app}\n"
WAITS = "if the image has no such user, the host waits for it until the deadline, and says so"
FAILS = "if the image has no such user, the run fails once the stages have ended"


def warnings(folder: Path, text: str) -> list[Problem]:
    (folder / "web.yaml").write_text(HEAD + text)
    return list(render(resolve(load(folder / "web.yaml"), server="web-1", deploy_id="d1")).warnings)


def told(folder: Path, text: str) -> list[tuple[int, int, str, str | None]]:
    """(line, column, message, hint) of each warning."""
    found = warnings(folder, text)
    assert all(problem.where for problem in found)
    return [(p.where.line, p.where.column, p.message, p.hint) for p in found if p.where]


def stages(*texts: str, more: str = "") -> str:
    """Stages s0, s1 and so on, each text a block of lines."""
    found = "stages:\n"
    for number, text in enumerate(texts):
        lines = "".join(f"      {line}\n" for line in text.split("\n"))
        found += f"  - name: s{number}\n    run: |\n{lines}"
    return found + more


@pytest.mark.fault(135)
@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("stages: [{name: a, run: id, user: svc}]\n", 4, 35, "stages[0].user: nothing in the spec creates the user svc",
         WAITS),
        ("stages: [{name: a, run: id, user: wwwdata}]\n", 4, 35,
         "stages[0].user: nothing in the spec creates the user wwwdata", "did you mean www-data?"),
        ("every_boot: [{name: a, run: id, user: svc}]\n", 4, 39,
         "every_boot[0].user: nothing in the spec creates the user svc", WAITS),
        ("files:\n  - {path: /a, content: x, owner: 'svc:root'}\n", 5, 35,
         "files[0].owner: nothing in the spec creates the user svc", FAILS),
        ("files:\n  - {path: /a, content: x, owner: 'root:wwwdata'}\n", 5, 35,
         "files[0].owner: nothing in the spec creates the group wwwdata", "did you mean www-data?"),
        ("wait_for:\n  - {path: /a, min_size: 1, settle: 1s, owner: 'svc:root'}\n", 5, 48,
         "wait_for[0].owner: nothing in the spec creates the user svc", FAILS),
        ("stages:\n  - {name: a, run: id, user: deplyo}\n  - {name: b, run: useradd -m deploy}\n", 5, 30,
         "stages[0].user: nothing in the spec creates the user deplyo", "did you mean deploy?"),
        ("stages:\n  - {name: a, run: id, user: deploy}\n  - {name: b, run: useradd -m deploy}\n", 5, 30,
         "stages[0].user: the user deploy is created by b, which does not run before it",
         "create deploy in an earlier stage: the host waits for the user until the deadline"),
        ("stages:\n  - {name: a, run: useradd deploy, user: deploy}\n", 5, 42,
         "stages[0].user: the user deploy is created by a, which does not run before it",
         "create deploy in an earlier stage: the host waits for the user until the deadline"),
    ],
    ids=["stage", "near", "every-boot", "owner", "group", "wait-for", "near-one-of-ours", "later-stage", "own-stage"],
)  # fmt: skip
def test_a_user_that_nothing_makes_is_warned_of(
    tmp_path: Path, text: str, line: int, column: int, message: str, hint: str
) -> None:
    assert told(tmp_path, text) == [(line, column, message, hint)]


@pytest.mark.fault(135)
@pytest.mark.parametrize(
    ("maker", "files"),
    [
        ("useradd -m -s /bin/bash app", ""),
        ("/usr/sbin/useradd --system app", ""),
        ("getent passwd app >/dev/null || adduser --disabled-password --gecos '' app", ""),
        ("id -u app", ""),
        ("useradd -m \\\n  -s /bin/sh \\\n  {{ who }}", ""),
        ('for user in ann app; do\n  useradd -m "$user"\ndone', ""),
        ("apt-get -y install git \\\n  app-server", ""),
        ("dnf -y install app", ""),
        ("systemd-sysusers", "  - {path: /etc/sysusers.d/app.conf, content: 'u app - \"App\"'}\n"),
        ("true", "  - {path: /usr/lib/sysusers.d/app.conf, content: \"u! app -\\n\"}\n"),
        ("true", "  - {path: /etc/passwd, content: 'app:x:900:900::/:/bin/false'}\n"),
        ("/srv/users", "  - {path: /srv/users, mode: '0755', content: \"#!/bin/sh\\nuseradd app\"}\n"),
    ],
)  # fmt: skip
def test_a_user_that_a_stage_a_package_or_a_file_makes_is_known(tmp_path: Path, maker: str, files: str) -> None:
    text = "files:\n  - {path: /srv/a, content: x, owner: 'app:app'}\n" + files
    text += stages(maker, "id", more="    user: app\n")
    assert [problem.message for problem in warnings(tmp_path, text)] == []


@pytest.mark.parametrize(
    ("user", "install"), [("postgres", "postgresql-15"), ("apache", "httpd"), ("_chrony", "chrony"), ("bind", "bind9")]
)
def test_a_package_brings_its_user(tmp_path: Path, user: str, install: str) -> None:
    text = stages(f"apt-get update && apt-get -y install {install}", "id", more=f"    user: {user}\n")
    assert warnings(tmp_path, text) == []
    assert len(warnings(tmp_path, text.replace(install, "git"))) == 1


def test_an_included_spec_may_make_the_user(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("stages: [{name: user, run: useradd app}]\n")
    assert warnings(tmp_path, "include: base.yaml\nstages: [{name: as-app, run: id, user: app}]\n") == []


@pytest.mark.parametrize("user", ["root", "www-data", "nobody", "daemon", "1000", "0", "ubuntu"])
def test_users_of_every_distribution_and_numbers_are_taken(tmp_path: Path, user: str) -> None:
    text = f"stages: [{{name: a, run: id, user: '{user}'}}]\n"
    text += f"files: [{{path: /a, content: x, owner: '{user}:{user}'}}]\n"
    assert warnings(tmp_path, text) == []


EARLY = "files:\n  - {path: /data/etc/app.conf, content: x}\n"


@pytest.mark.fault(132)
@pytest.mark.parametrize(
    "text",
    [
        "mkdir -p /data\nmount /dev/vdb /data",
        "mountpoint -q /data || mount -o noatime,ro -t ext4 UUID=1234 /data/",
        "sudo mount --bind /srv/other /data",
        "if ! mountpoint -q /data; then mount /data; fi",
        "mount --source /dev/vdb --target /data",
        "echo '/dev/vdb /data ext4 defaults 0 2' >> /etc/fstab\nmount -a",
        "printf '%s\\t/data\\txfs\\tdefaults\\n' UUID=1 >> /etc/fstab",
        "cat >> /etc/fstab <<END\nLABEL=data  /data  ext4  noatime  0  2\nEND\nmount -a",
    ],
)
def test_a_file_below_a_later_mount_is_warned_of(tmp_path: Path, text: str) -> None:
    message = "files[0].path: /data/etc/app.conf is placed before the stage s0 mounts over /data, which hides it"
    assert told(tmp_path, EARLY + stages(text)) == [(5, 12, message, "add after: s0")]
    assert warnings(tmp_path, EARLY.replace("content: x", "content: x, after: s0") + stages(text)) == []


def test_a_mount_by_a_file_of_the_spec_counts(tmp_path: Path) -> None:
    fstab = "  - {path: /etc/fstab, content: \"/dev/vdb /data ext4 defaults 0 2\\n\"}\n"
    (warning,) = warnings(tmp_path, EARLY + fstab + stages("mount -a"))
    assert warning.hint == "add after: s0"


@pytest.mark.parametrize(
    "text",
    [
        "true  # then: mount /dev/vdb /data",
        "echo mount /dev/vdb /data",
        "mount /dev/vdb /database",
        "mount -o remount,rw /data",
        "mount /dev/vdb /data\ncp -a /data/. /srv\numount /data",
        "cat > /srv/how-to <<END\nmount /dev/vdb /data\nEND",
        "#!/usr/bin/python3\nmount = '/data'",
        "mount $device $folder",
        "don't\nmount | grep /data/etc/app.conf",
    ],
)
def test_what_mounts_nothing_over_a_file_is_not_told(tmp_path: Path, text: str) -> None:
    assert warnings(tmp_path, EARLY + stages(text)) == []


@pytest.mark.fault(132)
@pytest.mark.parametrize(
    ("path", "text", "home", "user"),
    [
        ("/home/app/.config/a.ini", "useradd -m -s /bin/bash app", "/home/app", "app"),
        ("/home/app/.bashrc", "id app || adduser --disabled-password --gecos '' app", "/home/app", "app"),
        ("/srv/app/etc/a.ini", "useradd --create-home --home-dir /srv/app --shell /bin/sh app", "/srv/app", "app"),
        ("/srv/app/etc/a.ini", "useradd -rmd /srv/app app", "/srv/app", "app"),
        ("/srv/app/etc/a.ini", "adduser -D -h /srv/app app", "/srv/app", "app"),
    ],
)
def test_a_file_below_a_home_that_is_made_later_is_warned_of(
    tmp_path: Path, path: str, text: str, home: str, user: str
) -> None:
    files = f"files:\n  - {{path: {path}, content: x, owner: 'app:app'}}\n"
    message = f"files[0].path: {path} is placed before the stage s0 makes {user}: {home} would be root's"
    assert told(tmp_path, files + stages(text)) == [(5, 12, message, "add after: s0")]
    assert warnings(tmp_path, files.replace("content: x", "content: x, after: s0") + stages(text)) == []


@pytest.mark.parametrize("text", ["useradd -M app", "useradd -m ann", "adduser app sudo", "id app; useradd -m $user"])
def test_a_file_elsewhere_is_not_told(tmp_path: Path, text: str) -> None:
    files = "files: [{path: /home/app/.bashrc, content: x}]\n"
    assert warnings(tmp_path, files + stages(text)) == []


@pytest.mark.fault(136)
@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("apt-get -y upgrade\nreboot", "reboot"),
        ("[ ! -e /run/reboot-required ] || reboot", "reboot"),
        ("if true; then sudo /sbin/reboot -f; fi", "reboot -f"),
        ("shutdown -r now", "shutdown -r now"),
        ("true; shutdown --reboot +1 'kernel; new'", "shutdown --reboot +1 kernel; new"),
        ("systemctl --no-block reboot", "systemctl --no-block reboot"),
        ("init 6", "init 6"),
        ("nohup sh -c 'sleep 5' && telinit 6", "telinit 6"),
    ],
)
@pytest.mark.parametrize("reboot", ["never", "after"])
def test_a_stage_that_reboots_by_itself_is_warned_of(tmp_path: Path, text: str, how: str, reboot: str) -> None:
    message = f"stages[0]: s0 runs `{how}` itself: the reboot cuts it short, and it begins again"
    hint = "remove that, and write reboot: after" if reboot == "never" else "remove that: reboot: after does it"
    assert told(tmp_path, stages(text, more=f"    reboot: {reboot}\n")) == [(6, 10, message, hint)]


@pytest.mark.parametrize(
    "text",
    [
        "true  # reboot",
        "echo reboot",
        "test -e /run/reboot-required",
        "command -v reboot",
        "cat > /etc/cron.d/x <<'END'\n0 3 * * * root /sbin/reboot\nEND",
        "shutdown -c",
        "shutdown -h now",
        "systemctl disable reboot.target",
        "git init 6",
        "#!/usr/bin/python3\nreboot = 1",
        "reboot_after=1",
    ],
)
def test_what_does_not_reboot_is_not_told(tmp_path: Path, text: str) -> None:
    assert warnings(tmp_path, stages(text)) == []


@pytest.mark.fault(136)
@pytest.mark.parametrize(
    "text",
    [
        '#!/bin/sh\n. "$(dirname "$0")/lib.sh"\n',
        '#!/bin/bash\nDIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"\nsource "$DIR/lib.sh"\n',
        '#!/bin/sh\n. "${0%/*}/lib.sh"\n',
        "#!/usr/bin/python3\nimport os\nopen(os.path.dirname(os.path.abspath(__file__)) + '/x')\n",
        "#!/usr/bin/python3\nfrom pathlib import Path\nPath(__file__).parent\n",
    ],
)
def test_a_script_that_looks_for_its_neighbours_is_warned_of(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.sh").write_text(text)
    message = "stages[0]: one looks for files beside itself, and only this text reaches the host"
    hint = "bring the others as files:, and name their paths"
    assert told(tmp_path, "stages: [{name: one, script: one.sh}]\n") == [(4, 30, message, hint)]


@pytest.mark.parametrize(
    "text", ['usage: $(basename "$0")', '# . "$(dirname "$0")/lib.sh"\ntrue', 'cd "$(dirname "$1")"', "echo $0"]
)
def test_a_script_that_names_itself_is_not_told(tmp_path: Path, text: str) -> None:
    assert warnings(tmp_path, stages(text)) == []
