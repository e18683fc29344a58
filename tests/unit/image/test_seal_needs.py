"""`seal` refuses an image in which nothing would start the runner, or a unit that was asked for is off."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from box import needs_root
from image_root import LIBRARY, clean_root, link, put, python

from bootstrap.image.baked import text
from bootstrap.image.finding import Severity
from bootstrap.image.seal import seal
from bootstrap.payload.split import runner_text

pytestmark = needs_root
LIB, ETC = "/usr/lib/systemd/system", "/etc/systemd/system"
WANTS = f"{ETC}/multi-user.target.wants"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0pC1xnIgrOgNfHhrvLnV4bXHjXvTSwFTBX1JxvV2yY"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_root(tmp_path / "root")


def said(root: Path, **options: object) -> list[str]:
    """What is found, in words."""
    return [one.subject for one in seal(root, **options).findings]  # type: ignore[arg-type]


def agent(root: Path) -> None:
    put(root, f"{LIB}/nova-agent.service", "[Service]\nExecStart=/usr/bin/nova-agent\n")


def enabled(root: Path) -> None:
    agent(root)
    link(root, f"{WANTS}/nova-agent.service", f"{LIB}/nova-agent.service")


def masked(root: Path) -> None:
    enabled(root)
    link(root, f"{ETC}/nova-agent.service", "/dev/null")


def masked_by_nothing(root: Path) -> None:
    enabled(root)
    put(root, f"{ETC}/nova-agent.service")


def of_the_vendor(root: Path) -> None:
    agent(root)
    link(root, f"{LIB}/multi-user.target.wants/nova-agent.service", "../nova-agent.service")


def vendor_link_taken_away(root: Path) -> None:
    of_the_vendor(root)
    link(root, f"{WANTS}/nova-agent.service", "/dev/null")


def required(root: Path) -> None:
    agent(root)
    link(root, f"{ETC}/basic.target.requires/nova-agent.service", f"{LIB}/nova-agent.service")


def by_words(root: Path) -> None:
    agent(root)
    put(root, f"{ETC}/multi-user.target.d/agent.conf", "[Unit]\nWants=a.service \\\n nova-agent.service\n")


def by_timer(root: Path) -> None:
    agent(root)
    put(root, f"{LIB}/nova-agent.timer", "[Timer]\nOnBootSec=1\n")
    link(root, f"{ETC}/timers.target.wants/nova-agent.timer", f"{LIB}/nova-agent.timer")


def by_socket_of_another_name(root: Path) -> None:
    agent(root)
    put(root, f"{LIB}/talk.socket", "[Socket]\nListenStream=1\nService=nova-agent.service\n")
    link(root, f"{ETC}/sockets.target.wants/talk.socket", f"{LIB}/talk.socket")


def alias(root: Path) -> None:
    put(root, f"{LIB}/xe-agent.service", "[Service]\n")
    link(root, f"{ETC}/nova-agent.service", f"{LIB}/xe-agent.service")
    link(root, f"{WANTS}/xe-agent.service", f"{LIB}/xe-agent.service")


def alias_of_nothing(root: Path) -> None:
    link(root, f"{ETC}/nova-agent.service", f"{LIB}/xe-agent.service")


def wanted_by_what_nobody_starts(root: Path) -> None:
    agent(root)
    put(root, f"{LIB}/rescue.target", "[Unit]\n")
    link(root, f"{ETC}/rescue.target.wants/nova-agent.service", f"{LIB}/nova-agent.service")


def script(root: Path) -> None:
    put(root, "/etc/init.d/nova-agent", "#!/bin/sh\n", 0o755)
    put(root, "/usr/lib/systemd/system-generators/systemd-sysv-generator", "ELF", 0o755)
    link(root, "/etc/rc3.d/S20nova-agent", "../init.d/nova-agent")


def script_off(root: Path) -> None:
    put(root, "/etc/init.d/nova-agent", "#!/bin/sh\n", 0o755)
    put(root, "/usr/lib/systemd/system-generators/systemd-sysv-generator", "ELF", 0o755)
    link(root, "/etc/rc3.d/K20nova-agent", "../init.d/nova-agent")


def script_of_the_past(root: Path) -> None:
    script(root)
    (root / "usr/lib/systemd/system-generators/systemd-sysv-generator").unlink()


def nothing(root: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (enabled, None),
        (of_the_vendor, None),
        (required, None),
        (by_words, None),
        (by_timer, None),
        (by_socket_of_another_name, None),
        (alias, None),
        (script, None),
        (agent, "nova-agent is not enabled"),
        (masked, "nova-agent is masked"),
        (masked_by_nothing, "nova-agent is masked"),
        (vendor_link_taken_away, "nova-agent is not enabled"),
        (alias_of_nothing, "nova-agent is not installed"),
        (wanted_by_what_nobody_starts, "nova-agent is wanted by rescue.target, which nothing starts"),
        (script_off, "nova-agent is an init script with no S link in /etc/rc2.d to rc5.d"),
        (script_of_the_past, "nova-agent is an init script, which this systemd does not start"),
        (nothing, "nova-agent is not installed"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_required_unit(root: Path, make: Callable[[Path], None], told: str | None) -> None:
    make(root)
    assert said(root, require=("nova-agent",)) == ([told] if told else [])
    assert said(root) == []


@pytest.mark.parametrize(("name", "told"), [("getty@tty1", None), ("getty@tty2", "getty@tty2 is not enabled")])
def test_an_instance_of_a_template(root: Path, name: str, told: str | None) -> None:
    put(root, f"{LIB}/getty@.service", "[Service]\n")
    link(root, f"{WANTS}/getty@tty1.service", f"{LIB}/getty@.service")
    assert said(root, require=(f"{name}.service",)) == ([told.replace(" is", ".service is", 1)] if told else [])


def test_a_unit_in_another_default_target(root: Path) -> None:
    put(root, f"{LIB}/kiosk.target", "[Unit]\n")
    link(root, f"{ETC}/default.target", f"{LIB}/kiosk.target")
    # Neither cron nor the network are started any more; the timer is.
    assert "no service that sets up the network is started" in said(root)
    assert "cron is wanted by multi-user.target, which nothing starts" in said(root, require=("cron",))


def no_cron(root: Path) -> None:
    (root / f"{WANTS}/cron.service".lstrip("/")).unlink()


def no_units(root: Path) -> None:
    for one in root.glob("etc/systemd/system/*.wants/initialrunner-image*"):
        one.unlink()


def writable_entry(root: Path) -> None:
    (root / "etc/cron.d/initialrunner-image").chmod(0o664)


def others_entry(root: Path) -> None:
    os.chown(root / ENTRY.lstrip("/"), 1000, 1000)


def executable_entry(root: Path) -> None:
    (root / "etc/cron.d/initialrunner-image").chmod(0o755)


def second_name(root: Path) -> None:
    (root / "srv/copy").hardlink_to(root / "etc/cron.d/initialrunner-image")


def empty_entry(root: Path) -> None:
    put(root, ENTRY)


def empty_unit(root: Path) -> None:
    put(root, f"{ETC}/{SERVICE}", "[Service]\n")


def other_python(root: Path) -> None:
    for path in (ENTRY, f"{ETC}/{SERVICE}"):
        file = root / path.lstrip("/")
        file.write_text(file.read_text().replace("/usr/bin/python3", GONE))


GONE, SERVICE = "/usr/local/bin/python3", "initialrunner-image.service"
BOTH_OFF = "nothing starts the runner (cron: cron is not enabled; systemd: initialrunner-image.timer is not enabled)"
ENTRY = "/etc/cron.d/initialrunner-image"
OTHERS = "belongs to user 1000, and cron only reads files of root"
MODE = f"{ENTRY} is not a file of root with mode 0644"


@pytest.mark.parametrize(
    ("makes", "trigger", "told"),
    [
        ([], "auto", []),
        ([no_cron], "auto", ["the image was baked for cron: cron is not enabled"]),
        ([no_cron], "cron", ["nothing starts the runner (cron: cron is not enabled)"]),
        ([no_cron], "systemd", []),
        ([no_cron, no_units], "auto", [BOTH_OFF]),
        ([writable_entry], "cron", [f"nothing starts the runner (cron: {MODE} (it is 0664))"]),
        ([executable_entry], "cron", [f"nothing starts the runner (cron: {MODE} (it is 0755))"]),
        ([others_entry], "cron", [f"nothing starts the runner (cron: {ENTRY} {OTHERS})"]),
        ([second_name], "cron", [f"nothing starts the runner (cron: {ENTRY} has a second name)"]),
        ([empty_entry], "cron", [f"nothing starts the runner (cron: {ENTRY} does not start it)"]),
        ([empty_unit], "systemd", [f"nothing starts the runner (systemd: {SERVICE} does not start it)"]),
        (
            [other_python],
            "auto",
            [
                f"nothing starts the runner (cron: {ENTRY} starts it with {GONE}, which is missing;"
                f" systemd: {SERVICE} starts it with {GONE}, which is missing)",
            ],
        ),
        ([no_units], "systemd", ["nothing starts the runner (systemd: initialrunner-image.timer is not enabled)"]),
    ],
)
def test_what_starts_the_runner(root: Path, makes: list[Callable[[Path], None]], trigger: str, told: list[str]) -> None:
    for make in makes:
        make(root)
    assert said(root, trigger=trigger) == told


def test_a_cron_that_nothing_starts_is_installed_all_the_same(root: Path) -> None:
    """As `bake` has it, which looks for the program."""
    for folder in ("usr/lib/systemd", "etc/systemd"):
        shutil.rmtree(root / folder)
    put(root, "/usr/sbin/cron", "ELF", 0o755)
    reason = "it is installed, and no unit, init script or run level starts it"
    assert said(root, trigger="cron")[0] == f"nothing starts the runner (cron: {reason})"


def test_cron_without_systemd_is_started_by_its_link(root: Path) -> None:
    shutil.rmtree(root / "usr/lib/systemd")
    shutil.rmtree(root / "etc/systemd")
    put(root, "/etc/init.d/cron", "#!/bin/sh\n", 0o755)
    assert said(root, trigger="cron")[0] == (
        "nothing starts the runner (cron: cron is an init script that no run level starts)"
    )
    link(root, "/etc/rc2.d/S01cron", "../init.d/cron")
    link(root, "/etc/rc2.d/S01networking", "../init.d/networking")
    assert said(root, trigger="cron") == []


def test_an_image_without_the_runner(root: Path) -> None:
    shutil.rmtree(root / "usr/local/lib/initialrunner")
    assert said(root) == ["the runner is not baked in"]
    for path in ("etc/cron.d/initialrunner-image", "usr/local/sbin/initialrunner"):
        (root / path).unlink()
    assert said(root, runner=False) == []


@pytest.mark.parametrize(
    ("path", "content", "told"),
    [
        (
            "/usr/local/lib/initialrunner/baked.py",
            "import sys\ndef f(",
            "a damaged runner ('(' was never closed",
        ),
        (
            "/usr/local/lib/initialrunner/baked.py",
            text()[: text().index("def waits_for")],
            "a damaged runner (it ends too early)",
        ),
        (
            "/usr/local/sbin/initialrunner",
            '#!/bin/sh\nexec /opt/python3 -I -S /usr/local/lib/initialrunner/baked.py "$@"\n',
            "a command that needs /opt/python3, which is missing",
        ),
        ("/etc/initialrunner/image.json", "{", "baked settings that cannot be read (Expecting"),
        ("/etc/initialrunner/image.json", '{"version": 2}', "baked settings that cannot be read (its version or"),
        ("/etc/initialrunner/allowed_signers", "# none\n", "no key in it"),
        ("/etc/initialrunner/allowed_signers", "a ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAWE=\n", "missing"),
    ],
)
def test_a_baked_runner_that_is_damaged(root: Path, path: str, content: str, told: str) -> None:
    put(root, path, content, 0o700 if "sbin" in path else 0o644)
    if told == "no key in it":
        put(root, "/usr/bin/ssh-keygen", "ELF", 0o755)
    found = said(root)
    assert len(found) == 1
    assert found[0].startswith(told)


def test_settings_behind_a_link_are_read(root: Path) -> None:
    put(root, "/usr/bin/ssh-keygen", "ELF", 0o755)
    put(root, "/etc/initialrunner/allowed_signers", f"me {KEY}\n")
    (root / "etc/initialrunner").rename(root / "srv/settings")
    link(root, "/etc/initialrunner", "/srv/settings")
    assert said(root) == []


def test_a_program_that_others_may_write(root: Path) -> None:
    (root / "usr/local/lib/initialrunner/baked.py").chmod(0o666)
    assert said(root) == ["a program that others than root may write"]


@pytest.mark.parametrize("folder", ["usr/local/lib/initialrunner", "etc/initialrunner", "usr/lib/initialrunner"])
def test_a_folder_in_which_others_may_put_another_runner(root: Path, folder: str) -> None:
    (root / folder).chmod(0o777)
    assert said(root) == ["a folder that others than root may write"]


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda text: text.unlink(), ["the text of the runner is missing"]),
        (lambda text: text.write_bytes(b"x" + text.read_bytes()), ["a damaged text of the runner"]),
        (lambda text: text.write_bytes(text.read_bytes()[:-1]), ["a damaged text of the runner"]),
        (lambda text: text.rename(text.with_name("0" * 64)),
         ["a damaged text of the runner", "the text of the runner is missing"]),
        (lambda text: text.with_name(f".{text.name}.bake").touch(), ["a damaged text of the runner"]),
        (lambda text: text.chmod(0o646), ["a program that others than root may write"]),
        (lambda text: text.with_name("README").touch(), []),
        (lambda text: text.with_name(hashlib.sha256(b"other").hexdigest()).write_bytes(b"other"), []),
    ],
    ids=["missing", "more", "less", "misnamed", "half-written", "open", "another file", "another version"],
)  # fmt: skip
def test_the_text_of_the_runner(root: Path, harm: Callable[[Path], object], told: list[str]) -> None:
    text = root / "usr/lib/initialrunner" / runner_text().sha256
    harm(text)
    assert said(root) == told
    assert {one.code for one in seal(root).findings} <= {"need.runner-text", "need.runner"}


def test_an_image_of_an_older_toolkit_names_no_text_and_needs_none(root: Path) -> None:
    shutil.rmtree(root / "usr/lib/initialrunner")
    image = root / "etc/initialrunner/image.json"
    settings = json.loads(image.read_text())
    del settings["runner"]
    image.write_text(json.dumps(settings))
    assert said(root) == []


@pytest.mark.parametrize(
    ("version", "modules", "told"),
    [
        ("3.6", LIBRARY, None),
        ("3.5", LIBRARY, "Python 3.5, too old"),
        ("3.11", ("hashlib",), "a Python without its whole library"),
    ],
)
def test_the_python(root: Path, version: str, modules: tuple[str, ...], told: str | None) -> None:
    shutil.rmtree(root / "usr/lib/python3.11")
    python(root, version, modules)
    assert said(root) == ([told] if told else [])


def test_no_python(root: Path) -> None:
    (root / "usr/bin/python3").unlink()
    assert said(root) == ["no python3"]
    # As on RHEL.
    put(root, "/usr/libexec/platform-python3.6", "ELF", 0o755)
    link(root, "/usr/libexec/platform-python", "platform-python3.6")
    for module in LIBRARY:
        put(root, f"/usr/lib64/python3.6/{module}.py")
    assert said(root)[0] == "a command that needs /usr/bin/python3, which is missing"
    for path in (ENTRY, f"{ETC}/{SERVICE}", "/usr/local/sbin/initialrunner"):
        file = root / path.lstrip("/")
        file.write_text(file.read_text().replace("/usr/bin/python3", "/usr/libexec/platform-python"))
    assert said(root) == []


def test_no_network_is_said(root: Path) -> None:
    (root / f"{WANTS}/systemd-networkd.service".lstrip("/")).unlink()
    sealed = seal(root)
    assert [(one.code, one.severity) for one in sealed.findings] == [("need.network", Severity.WARNING)]
    assert sealed.is_clean
    # cloud-init's own links hang below a target that a generator starts.
    put(root, f"{LIB}/cloud-init.target", "[Unit]\n")
    put(root, f"{LIB}/cloud-init.service", "[Service]\n")
    link(root, f"{ETC}/cloud-init.target.wants/cloud-init.service", f"{LIB}/cloud-init.service")
    assert len(said(root)) == 1
    put(root, "/usr/lib/systemd/system-generators/cloud-init-generator", "#!/bin/sh\n", 0o755)
    assert said(root) == []
    put(root, "/etc/cloud/cloud-init.disabled")
    assert {one.code for one in seal(root).findings} == {"cloud-init.off", "need.network"}


def test_the_image_says_which_trigger_it_has(root: Path) -> None:
    no_units(root)
    (root / "etc/systemd/system/initialrunner-image.timer").unlink()
    assert said(root) == ["the image was baked for systemd: initialrunner-image.timer is not installed"]
    shutil.rmtree(root / "etc/systemd/system/timers.target.wants", ignore_errors=True)
    put(root, "/etc/initialrunner/image.json", '{"version": 1, "sources": ["files"], "trigger": "cron"}')
    assert said(root) == []
