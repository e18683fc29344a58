"""`seal` says who may get into a clone: by sshd's settings, by keys, by rules of sudo, doas and polkit."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root, put

from bootstrap.image.finding import Severity
from bootstrap.image.seal import seal

pytestmark = needs_root
HASH = "$6$salt$abcdefghijkl"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_root(tmp_path / "root")


def found(root: Path) -> dict[str, tuple[str, str]]:
    """Code -> (severity, path) of what this judge finds."""
    codes = ("ssh.", "access.")
    return {one.code: (one.severity.value, one.path) for one in seal(root).findings if one.code.startswith(codes)}


def password(root: Path, name: str) -> None:
    shadow = root / "etc/shadow"
    shadow.write_text(shadow.read_text().replace(f"{name}:!", f"{name}:{HASH}"))


CONFIG, DROP_IN = "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/60-mine.conf"
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"


@pytest.mark.parametrize(
    ("main", "drop_in", "wanted"),
    [
        ("PasswordAuthentication yes\n", "", {"ssh.password-login": CONFIG}),
        ('passwordauthentication="yes"\n', "", {"ssh.password-login": CONFIG}),
        ("PasswordAuthentication no\nPasswordAuthentication yes\n", "", {}),
        ("#PasswordAuthentication yes\n", "", {}),
        (INCLUDE + "PasswordAuthentication yes\n", "PasswordAuthentication no\n", {}),
        (INCLUDE + "PasswordAuthentication no\n", "PasswordAuthentication yes\n", {"ssh.password-login": DROP_IN}),
        ("PasswordAuthentication no\n" + INCLUDE, "PasswordAuthentication yes\n", {}),
        ("PasswordAuthentication no\n", "PasswordAuthentication yes\n", {}),
        ("Include sshd_config.d/60*\n", "PermitRootLogin yes\n", {"ssh.root-login": DROP_IN}),
        ("PermitRootLogin prohibit-password\n", "", {}),
        ("PermitRootLogin yes\nPermitEmptyPasswords yes\n", "",
         {"ssh.root-login": CONFIG, "ssh.empty-password": CONFIG}),
        ("PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes\n", "", {"ssh.root-login": CONFIG}),
        ("Match all\nPermitRootLogin no\nMatch User a\nX11Forwarding no\nMatch all\nPermitRootLogin yes\n", "", {}),
        (INCLUDE + "PermitRootLogin yes\n", "Match User git\nPermitRootLogin no\n", {"ssh.root-login": CONFIG}),
        ("Include sshd_config\nPermitRootLogin yes\n", "", {"ssh.root-login": CONFIG}),
    ],
)  # fmt: skip
def test_of_a_setting_of_sshd_the_first_value_counts(
    root: Path, main: str, drop_in: str, wanted: dict[str, str]
) -> None:
    (root / "etc/ssh/sshd_config.d/50-cloud-init.conf").unlink()
    put(root, CONFIG, main)
    put(root, DROP_IN, drop_in)
    assert {code: path for code, (_, path) in found(root).items()} == wanted


def test_logins_by_password_are_an_error_where_there_is_a_password(root: Path) -> None:
    put(root, CONFIG, "PasswordAuthentication yes\nPermitRootLogin yes\n")
    assert {severity for severity, _ in found(root).values()} == {"warning"}
    password(root, "alice")
    assert found(root) == {"ssh.password-login": ("error", CONFIG), "ssh.root-login": ("warning", CONFIG)}
    password(root, "root")
    assert found(root)["ssh.root-login"] == ("error", CONFIG)


def test_what_cloud_init_wrote_is_a_finding_of_its_own_and_is_cleaned(root: Path) -> None:
    put(root, CONFIG, INCLUDE)
    path = put(root, "/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n")
    assert found(root) == {"ssh.cloud-init": ("error", "/etc/ssh/sshd_config.d/50-cloud-init.conf")}
    assert seal(root, clean=True).is_clean
    assert not path.exists()


def test_a_file_that_a_package_brought_is_the_choice_of_the_distribution(root: Path) -> None:
    text = "PasswordAuthentication yes\n"
    put(root, CONFIG, text)
    with (root / "var/lib/dpkg/status").open("a") as file:
        file.write(f"\nPackage: ssh\nConffiles:\n {CONFIG} {hashlib.md5(text.encode()).hexdigest()}\n")
    assert found(root) == {}
    put(root, CONFIG, text + "# mine\n")
    assert found(root) == {"ssh.password-login": ("warning", CONFIG)}


def test_keys_lie_where_the_settings_say(root: Path) -> None:
    places = ["/etc/keys/%u", "/srv/%%h/all", ".config/%u/keys", "%h/more", "../out"]
    put(root, CONFIG, f"AuthorizedKeysFile {' '.join(places)}\nMatch User app\nAuthorizedKeysFile /srv/app/in\n")
    paths = ["/etc/keys/alice", "/srv/%h/all", "/home/alice/.config/alice/keys", "/srv/app/more", "/srv/app/in"]
    for path in paths:
        put(root, path, "ssh-ed25519 AAAA me\n")
    put(root, "/etc/keys/root")
    findings = [one for one in seal(root).findings if one.code == "ssh.authorized-keys"]
    assert sorted(one.path for one in findings) == sorted(paths)
    assert seal(root, clean=True, access=True).is_clean
    put(root, CONFIG, "AuthorizedKeysFile none\n")
    assert seal(root).is_clean


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("alice ALL=(ALL) NOPASSWD:ALL", "error"),
        ("alice ALL=(ALL:ALL) NOPASSWD: SETENV: ALL", "error"),
        ("alice\tALL = (ALL)\\\n  NOPASSWD : ALL", "error"),
        ("#1000 ALL=(ALL) NOPASSWD: ALL", "error"),
        ("%team ALL=(ALL) NOPASSWD: ALL", "error"),
        ("%#1000 ALL=(ALL) NOPASSWD: ALL", "error"),
        ("ALL ALL=(ALL) NOPASSWD: ALL", "error"),
        ("User_Alias ADMINS = bob, alice\nADMINS ALL=(ALL) NOPASSWD: ALL", "error"),
        ("Defaults !authenticate", "error"),
        ("Defaults:alice env_reset, !authenticate", "error"),
        # Locked, without a shell, not there at all: nobody can become these now.
        ("app ALL=(ALL) NOPASSWD: ALL", "warning"),
        ("daemon ALL=(ALL) NOPASSWD: ALL", "warning"),
        ("debian ALL=(ALL) NOPASSWD:ALL", "warning"),
        ("%google-sudoers ALL=(ALL:ALL) NOPASSWD:ALL", "warning"),
        ("alice ALL=(ALL) NOPASSWD: /usr/bin/apt-get update", "warning"),
        ("alice ALL=(ALL) ALL", None),
        ("# alice ALL=(ALL) NOPASSWD: ALL", None),
        ("root ALL=(ALL) NOPASSWD: ALL", None),
        ("Defaults env_reset", None),
    ],
)
def test_a_right_without_a_password_is_judged_by_who_has_it(root: Path, rule: str, wanted: str | None) -> None:
    password(root, "alice")
    put(root, "/etc/group", "team:x:1000:\nstaff:x:50:bob\n")
    put(root, "/etc/sudoers.d/90-cloud-init-users", f"# made at the first boot\n{rule}\n", 0o440)
    expected = {"access.nopasswd": (wanted, "/etc/sudoers.d/90-cloud-init-users")} if wanted else {}
    assert found(root) == expected


def test_an_account_with_keys_can_be_entered(root: Path) -> None:
    put(root, "/etc/sudoers.d/90-mine", "app ALL=(ALL) NOPASSWD: ALL\n")
    assert found(root)["access.nopasswd"][0] == "warning"
    put(root, "/srv/app/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n")
    assert found(root)["access.nopasswd"][0] == "error"


def test_every_file_that_sudo_reads_is_read(root: Path) -> None:
    put(root, "/etc/sudoers", "#includedir /etc/rules\n@include more\n")
    put(root, "/etc/rules/one", "ALL ALL=(ALL) NOPASSWD: ALL\n")
    put(root, "/etc/rules/two.bak", "ALL ALL=(ALL) NOPASSWD: ALL\n")
    put(root, "/etc/rules/three~", "ALL ALL=(ALL) NOPASSWD: ALL\n")
    put(root, "/etc/more", "@include /etc/more\nALL ALL=(ALL) NOPASSWD: ALL\n")
    paths = {one.path for one in seal(root).findings if one.code == "access.nopasswd"}
    assert paths == {"/etc/rules/one", "/etc/more"}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("permit nopass alice", "error"),
        ("permit nopass keepenv setenv { PATH=/bin } :team", "error"),
        ("permit nopass alice as root cmd reboot", "warning"),
        ("permit persist alice", None),
        ("deny nopass alice", None),
        ("permit nopass keepenv root as root", None),
    ],
)
def test_rules_of_doas_are_judged_as_those_of_sudo(root: Path, line: str, wanted: str | None) -> None:
    password(root, "alice")
    put(root, "/etc/group", "team:x:1000:\n")
    put(root, "/etc/doas.conf", line + "\n")
    assert found(root) == ({"access.nopasswd": (wanted, "/etc/doas.conf")} if wanted else {})


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("return polkit.Result.YES;", "error"),
        ("/* subject */ return polkit.Result.YES;", "error"),
        ('if (action.id == "org.freedesktop.login1.reboot") return polkit.Result.YES;', "warning"),
        ('if (subject.isInGroup("wheel")) return polkit.Result.YES;', None),
        ("// return polkit.Result.YES;\nreturn polkit.Result.AUTH_ADMIN;", None),
    ],
)
def test_a_rule_of_polkit_is_to_ask_who_it_is(root: Path, body: str, wanted: str | None) -> None:
    path = "/etc/polkit-1/rules.d/49-mine.rules"
    put(root, path, f"polkit.addRule(function(action, subject) {{\n  {body}\n}});\n")
    assert found(root) == ({"access.polkit": (wanted, path)} if wanted else {})


def test_a_warning_does_not_refuse(root: Path) -> None:
    put(root, "/etc/sudoers.d/90-cloud-init-users", "debian ALL=(ALL) NOPASSWD:ALL\n")
    sealed = seal(root)
    assert [one.severity for one in sealed.findings] == [Severity.WARNING]
    assert sealed.is_clean
