"""`seal` refuses an image whose sshd is on, and in which nothing would make the host keys of every clone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root, link, put

from bootstrap.image import bake
from bootstrap.image.bake import Settings
from bootstrap.image.finding import Finding, Severity
from bootstrap.image.seal import seal

pytestmark = needs_root
LIB, ETC = "/usr/lib/systemd/system", "/etc/systemd/system"
WANTS = f"{ETC}/multi-user.target.wants"
CODE = "need.host-keys"


def enable(root: Path, unit: str, text: str) -> None:
    put(root, f"{LIB}/{unit}", text)
    link(root, f"{WANTS}/{unit}", f"{LIB}/{unit}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with sshd on."""
    new = clean_root(tmp_path / "root")
    text = "[Unit]\nConditionPathExists=!/etc/ssh/sshd_not_to_be_run\n[Service]\nExecStart=/usr/sbin/sshd -D\n"
    enable(new, "ssh.service", text)
    return new


def faults(root: Path, **options: object) -> list[Finding]:
    return [one for one in seal(root, **options).findings if one.code == CODE]  # type: ignore[arg-type]


def fault(root: Path) -> str:
    """The one finding of this kind, without the words that all have; "" when there is none."""
    subjects = [one.subject for one in faults(root)]
    assert len(subjects) < 2
    return subjects[0].removeprefix("ssh is started, and ") if subjects else ""


def test_an_sshd_without_a_maker_of_its_keys_is_refused(root: Path) -> None:
    (finding,) = faults(root)
    assert finding.severity is Severity.ERROR
    assert (finding.path, finding.subject) == ("/etc/ssh", "ssh is started, and nothing creates host keys")
    assert "bootstrap bake ROOT --host-keys" in finding.fix


def test_it_is_refused_as_well_after_the_cleaning_took_the_keys(root: Path) -> None:
    put(root, "/etc/ssh/ssh_host_rsa_key", "x")
    assert [one.code for one in seal(root).findings] == ["ssh.host-key"]
    assert [one.code for one in seal(root, clean=True).of(Severity.ERROR)] == [CODE]


def test_no_sshd_needs_no_keys(root: Path) -> None:
    put(root, "/etc/ssh/sshd_not_to_be_run")
    assert fault(root) == ""
    (root / "etc/ssh/sshd_not_to_be_run").unlink()
    assert fault(root)
    (root / f"{WANTS}/ssh.service".lstrip("/")).unlink()
    assert fault(root) == ""


def test_a_socket_is_an_sshd_too(root: Path) -> None:
    (root / f"{WANTS}/ssh.service".lstrip("/")).unlink()
    put(root, f"{LIB}/ssh.socket", "[Socket]\nListenStream=22\n")
    link(root, f"{ETC}/sockets.target.wants/ssh.socket", f"{LIB}/ssh.socket")
    assert fault(root) == "nothing creates host keys"


@pytest.mark.parametrize(
    ("line", "does"),
    [
        ("ExecStart=/usr/bin/ssh-keygen -A", True),
        ("ExecStart=ssh-keygen -v -A", True),
        ("ExecStart=/bin/sh -c \"ssh-keygen -t rsa -N '' \\\n  -f /etc/ssh/ssh_host_rsa_key\"", True),
        ("ExecStart=/usr/sbin/dpkg-reconfigure -f noninteractive openssh-server", True),
        ("ExecStart=/usr/local/sbin/first-boot --quiet", True),
        ("ExecStart=/bin/sh /usr/local/sbin/first-boot", True),
        ("ExecStart=/usr/local/sbin/other", False),
        ("ExecStart=/usr/bin/ssh-keygen -t ed25519 -f /root/.ssh/id", False),
        ("ExecStart=/usr/bin/true\n# ssh-keygen -A", False),
        ("Description=runs ssh-keygen -A", False),
    ],
)
def test_a_unit_that_runs_the_right_command_makes_them(root: Path, line: str, does: bool) -> None:
    put(root, "/usr/local/sbin/first-boot", "#!/bin/sh\n[ -e /x ] ||\n  ssh-keygen -q -A\n", 0o755)
    put(root, "/usr/local/sbin/other", "#!/bin/sh\n# ssh-keygen -A is for others\n", 0o755)
    enable(root, "first.service", f"[Service]\n{line}\n")
    assert (fault(root) == "") is does


def test_a_unit_that_is_off_makes_none(root: Path) -> None:
    put(root, f"{LIB}/first.service", "[Service]\nExecStart=/usr/bin/ssh-keygen -A\n")
    assert fault(root) == "nothing creates host keys"


def test_a_drop_in_of_sshd_makes_them(root: Path) -> None:
    put(root, f"{ETC}/ssh.service.d/keys.conf", "[Service]\nExecStartPre=/usr/bin/ssh-keygen -A\n")
    assert fault(root) == ""


@pytest.mark.parametrize(
    ("condition", "runs"),
    [
        ("ConditionPathExists=!/etc/ssh/ssh_host_rsa_key", True),
        ("ConditionPathExists=/etc/not-there", False),
        ("ConditionPathExists=/run/may-be-there", True),
        ("ConditionPathExists=|/etc/not-there\nConditionPathExists=|/etc/passwd", True),
        ("ConditionPathExists=|/etc/not-there\nConditionPathExists=|!/etc/passwd", False),
        ("ConditionKernelCommandLine=keys", True),
    ],
)
def test_a_unit_whose_condition_keeps_it_from_running_makes_none(root: Path, condition: str, runs: bool) -> None:
    enable(root, "first.service", f"[Unit]\n{condition}\n[Service]\nExecStart=/usr/bin/ssh-keygen -A\n")
    blocked = "first.service would create host keys, but ConditionPathExists keeps it from running"
    assert fault(root) == ("" if runs else blocked)


def test_keys_that_only_a_first_boot_makes_need_a_first_boot(root: Path) -> None:
    """As in Debian 13."""
    text = "[Unit]\nConditionFirstBoot=yes\n[Service]\nExecStart=ssh-keygen -A\n"
    put(root, f"{LIB}/sshd-keygen.service", text)
    link(root, f"{LIB}/ssh.service.wants/sshd-keygen.service", "../sshd-keygen.service")
    denied = "sshd-keygen.service creates host keys at a first boot, which this file denies"
    for machine_id, wanted in (("", denied), ("uninitialized\n", ""), ("0" * 31 + "1\n", denied)):
        put(root, "/etc/machine-id", machine_id)
        assert fault(root) == wanted
    assert faults(root)[0].path == "/etc/machine-id"
    (root / "etc/machine-id").unlink()
    assert fault(root) == ""


def fedora(root: Path) -> None:
    """sshd wants a target, which wants an instance for each kind of key."""
    (root / f"{WANTS}/ssh.service".lstrip("/")).unlink()
    enable(root, "sshd.service", "[Unit]\nWants=sshd-keygen.target\n[Service]\nExecStart=/usr/sbin/sshd -D\n")
    put(root, f"{LIB}/sshd-keygen.target", "[Unit]\nWants=sshd-keygen@rsa.service sshd-keygen@ed25519.service\n")
    condition = "ConditionFileNotEmpty=|!/etc/ssh/ssh_host_%i_key"
    text = f"[Unit]\n{condition}\n[Service]\nExecStart=/usr/libexec/openssh/sshd-keygen %i\n"
    put(root, f"{LIB}/sshd-keygen@.service", text)


def test_an_instance_for_each_kind_of_key_makes_them_at_any_boot(root: Path) -> None:
    fedora(root)
    assert fault(root) == ""
    link(root, f"{ETC}/sshd-keygen@.service", "/dev/null")
    assert [one.subject for one in faults(root)] == ["sshd is started, and nothing creates host keys"]


# --- cloud-init ---


def cloud_init(root: Path, settings: str = "cloud_init_modules: [seed_random, ssh]\n") -> None:
    """cloud-init as a distribution enables it."""
    put(root, f"{LIB}/cloud-init.target", "[Unit]\n")
    put(root, f"{LIB}/cloud-init.service", "[Service]\nExecStart=/usr/bin/cloud-init init\n")
    link(root, f"{ETC}/cloud-init.target.wants/cloud-init.service", f"{LIB}/cloud-init.service")
    put(root, "/usr/lib/systemd/system-generators/cloud-init-generator", "#!/bin/sh\n", 0o755)
    put(root, "/etc/cloud/cloud.cfg", settings)


def sources(root: Path, *names: str) -> None:
    path = root / "etc/initialrunner/image.json"
    listed = ", ".join(f'"{name}"' for name in names)
    path.write_text(path.read_text().replace('["files"]', f"[{listed}]"))


ONLY = "only cloud-init creates host keys, but it "


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("files",), ONLY + "does not run where the payload comes from files alone"),
        (("files", "nocloud"), ONLY + "does not run where the payload comes from files alone"),
        (("nocloud",), ""),
        (("config-drive", "openstack"), ""),
        (("ec2=http://127.0.0.1",), ""),
        (("cloud-init",), ""),
    ],
)
def test_cloud_init_counts_where_every_source_feeds_it(root: Path, names: tuple[str, ...], wanted: str) -> None:
    cloud_init(root)
    put(root, "/boot/initrd.img-6.1.0-1-amd64", "x")
    sources(root, *names)
    assert fault(root) == wanted


def test_a_volume_that_may_come_late_does_not_feed_it(root: Path) -> None:
    cloud_init(root)
    sources(root, "nocloud")
    assert fault(root) == ONLY + "looks once for its volume, and without an initrd that may come later"
    sources_of_metadata = clean_root(root.parent / "other")
    enable(sources_of_metadata, "ssh.service", "[Service]\nExecStart=/usr/sbin/sshd -D\n")
    cloud_init(sources_of_metadata)
    sources(sources_of_metadata, "ec2")
    assert fault(sources_of_metadata) == ""


def test_a_list_of_datasources_leaves_some_out(root: Path) -> None:
    cloud_init(root)
    sources(root, "ec2")
    put(root, "/etc/cloud/cloud.cfg.d/90.cfg", "datasource_list: [NoCloud, OpenStack, None]\n")
    assert fault(root) == ONLY + "does not run where the payload comes from ec2 alone"
    put(root, "/etc/cloud/cloud.cfg.d/91.cfg", "datasource_list: [NoCloud, Ec2]\n")
    assert fault(root) == ""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/cloud/cloud.cfg.d/90.cfg", "datasource_list: [NoCloud, None]\n"),
        ("/etc/cloud/cloud.cfg.d/90.cfg", "datasource: {NoCloud: {seedfrom: /srv/seed/}}\n"),
        ("/etc/cloud/ds-identify.cfg", "policy: enabled\n"),
        ("/etc/cloud/ds-identify.cfg", "policy: search,found=all,maybe=all,notfound=enabled\n"),
        ("/etc/cloud/ds-identify.cfg", "datasource: NoCloud\n"),
        ("/etc/default/grub", 'GRUB_CMDLINE_LINUX="quiet ds=nocloud"\n'),
    ],
)
def test_a_cloud_init_that_runs_in_any_case_makes_them(root: Path, path: str, text: str) -> None:
    cloud_init(root)
    assert fault(root)
    put(root, path, text)
    assert fault(root) == ""


def test_a_seed_in_the_image_feeds_it(root: Path) -> None:
    cloud_init(root)
    put(root, "/var/lib/cloud/seed/nocloud/user-data", "#cloud-config\n")
    assert fault(root)
    put(root, "/var/lib/cloud/seed/nocloud/meta-data", "instance-id: i\n")
    assert fault(root) == ""


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        ("/etc/cloud/cloud-init.disabled", "", "nothing creates host keys"),
        ("/etc/kernel/cmdline", "root=/dev/vda1 cloud-init=disabled", "nothing creates host keys"),
        ("/etc/cloud/ds-identify.cfg", "policy: disabled\n", "nothing creates host keys"),
        ("/etc/cloud/cloud.cfg.d/90.cfg", "cloud_init_modules: [seed_random]\n",
         "nothing creates host keys: cloud-init has no module `ssh` in its settings"),
        ("/etc/cloud/cloud.cfg.d/90.cfg", "ssh_genkeytypes: []\nssh_deletekeys: false\n",
         "nothing creates host keys: cloud-init makes none (ssh_genkeytypes)"),
        ("/etc/cloud/cloud.cfg.d/90.cfg", "ssh_genkeytypes: ~\n", "cloud-init removes host keys and creates none"),
    ],
)  # fmt: skip
def test_a_cloud_init_that_makes_none_does_not_count(root: Path, path: str, text: str, wanted: str) -> None:
    cloud_init(root)
    sources(root, "ec2")
    assert fault(root) == ""
    put(root, path, text)
    assert fault(root) == wanted


def test_the_units_of_its_later_releases_are_known(root: Path) -> None:
    cloud_init(root)
    sources(root, "ec2")
    for folder, unit in (("cloud-init.target.wants", "cloud-init.service"),):
        (root / f"{ETC}/{folder}/{unit}".lstrip("/")).unlink()
    (root / f"{LIB}/cloud-init.service".lstrip("/")).unlink()
    assert fault(root) == "nothing creates host keys"
    put(root, f"{LIB}/cloud-init-main.service", "[Service]\nExecStart=/usr/bin/cloud-init --all-stages\n")
    link(root, f"{ETC}/cloud-init.target.wants/cloud-init-main.service", f"{LIB}/cloud-init-main.service")
    assert fault(root) == ""


def test_a_maker_that_yields_to_cloud_init_makes_them_where_that_one_does_not_run(root: Path) -> None:
    fedora(root)
    text = "[Unit]\nConditionPathExists=!/run/systemd/generator.early/multi-user.target.wants/cloud-init.target\n"
    put(root, f"{ETC}/sshd-keygen@.service.d/disable-sshd-keygen-if-cloud-init-active.conf", text)
    cloud_init(root)
    assert faults(root) == []
    put(root, "/etc/cloud/cloud.cfg.d/90.cfg", "ssh_genkeytypes: []\nssh_deletekeys: false\n")
    assert "but a running cloud-init keeps it from running" in faults(root)[0].subject


def test_without_baked_settings_nobody_says_what_feeds_it(root: Path) -> None:
    cloud_init(root)
    (finding,) = faults(root, runner=False)
    assert finding.severity is Severity.WARNING
    assert finding.subject.endswith(ONLY + "runs only where it finds a datasource")


# --- ours ---


def baked(root: Path, **settings: object) -> None:
    put(root, "/usr/sbin/cron", "ELF", 0o755)
    put(root, "/usr/bin/ssh-keygen", "ELF", 0o755)
    bake.bake(root, Settings(**settings))  # type: ignore[arg-type]


def test_bake_mends_it_and_a_bake_without_it_takes_that_back(root: Path) -> None:
    baked(root, host_keys=True)
    assert fault(root) == ""
    program = root / "usr/local/lib/initialrunner/host-keys"
    program.chmod(0o777)
    assert [(one.code, one.path) for one in seal(root).findings] == [
        ("need.runner", "/usr/local/lib/initialrunner/host-keys")
    ]
    baked(root)
    assert not program.exists()
    assert fault(root) == "nothing creates host keys"


def test_bake_cannot_mend_a_cloud_init_that_removes_them_again(root: Path) -> None:
    cloud_init(root, "cloud_init_modules: [ssh]\nssh_genkeytypes: []\n")
    baked(root, host_keys=True)
    assert fault(root) == "cloud-init removes host keys and creates none"
    put(root, "/etc/cloud/cloud.cfg.d/90.cfg", "ssh_deletekeys: false\n")
    assert fault(root) == ""


# --- no systemd ---


@pytest.fixture
def plain(root: Path) -> Path:
    """The same under an init that runs scripts."""
    (root / "usr/lib/systemd/systemd").unlink()
    shutil.rmtree(root / "etc/systemd")
    for name in ("ssh", "cron", "networking"):
        put(root, f"/etc/init.d/{name}", "#!/bin/sh\n", 0o755)
        link(root, f"/etc/rc2.d/S01{name}", f"../init.d/{name}")
    return root


def with_script(root: Path) -> None:
    put(root, "/etc/init.d/keys", "#!/bin/sh\nssh-keygen -A\n", 0o755)
    link(root, "/etc/rcS.d/S20keys", "../init.d/keys")


def with_its_own(root: Path) -> None:
    """As Alpine's script of sshd does it."""
    put(root, "/etc/init.d/sshd", "#!/sbin/openrc-run\nstart_pre() { ssh-keygen -A; }\n", 0o755)
    link(root, "/etc/runlevels/default/sshd", "/etc/init.d/sshd")


def with_rc_local(root: Path) -> None:
    put(root, "/etc/rc.local", "#!/bin/sh\ntest -e /etc/ssh/x || dpkg-reconfigure openssh-server\n", 0o755)


@pytest.mark.parametrize("make", [with_script, with_its_own, with_rc_local, lambda root: baked(root, host_keys=True)])
def test_a_script_makes_them(plain: Path, make: Callable[[Path], None]) -> None:
    assert fault(plain) == "nothing creates host keys"
    make(plain)
    assert fault(plain) == ""


def test_a_script_that_may_not_be_run_makes_none(plain: Path) -> None:
    with_rc_local(plain)
    (plain / "etc/rc.local").chmod(0o644)
    assert fault(plain) == "nothing creates host keys"


# --- dropbear ---


def test_dropbear_needs_keys_of_its_own(root: Path) -> None:
    (root / f"{WANTS}/ssh.service".lstrip("/")).unlink()
    enable(root, "dropbear.service", "[Service]\nExecStart=/usr/sbin/dropbear -EF $DROPBEAR_EXTRA_ARGS\n")
    (finding,) = faults(root)
    assert (finding.path, finding.subject) == ("/etc/dropbear", "dropbear is started, and nothing creates host keys")
    put(root, "/etc/default/dropbear", 'DROPBEAR_EXTRA_ARGS="-s -R"\n')
    assert faults(root) == []
    (root / "etc/default/dropbear").unlink()
    baked(root, host_keys=True)
    assert faults(root) == []
