"""Ways to log in and to become root: sshd's settings, its places of keys, sudo, doas, polkit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.image.accounts import Account, accounts, read_lines
from bootstrap.image.finding import Cleaning, Finding, Severity
from bootstrap.image.packages import Packaged
from bootstrap.image.root import shown
from bootstrap.image.sshd_settings import Setting, counting, sshd_settings
from bootstrap.image.sudo_rules import Rule, doas_rules, sudo_rules
from bootstrap.image.tree import Tree

CODES = {
    "ssh.password-login": "sshd's settings ask for logins by password; a warning while no account has a password",
    "ssh.root-login": "sshd lets root log in, also by password; a warning while root has none",
    "ssh.empty-password": "sshd lets accounts without a password log in",
    "ssh.authorized-keys": "keys at a place that `AuthorizedKeysFile` of sshd names",
    "access.nopasswd": "a rule of sudo or doas by which somebody is root without a password; a warning if that account"
    " cannot be entered, or the rule is for certain commands",
    "access.polkit": "a local rule of polkit that allows everybody something without a password; a warning if it is for"
    " certain actions",
}
# A table has it: cloud-init writes it anew.
_CLOUD_INIT = "/etc/ssh/sshd_config.d/50-cloud-init.conf"
_POLKIT = ("/etc/polkit-1/rules.d/*.rules", "/usr/local/share/polkit-1/rules.d/*.rules")
_ADD_RULE = re.compile(r"\baddRule\s*\(")
_COMMENTS = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)


def find(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
    """The findings of a root."""
    people = accounts(tree)
    settings = sshd_settings(tree)
    for finding in (*_sshd(settings, people), *_rules(tree, people), *_polkit(tree)):
        # What a package brought is the distribution's choice.
        if not packaged.brought(finding.path):
            yield finding
    yield from _keys(tree, settings, people)


# --- sshd ---


def _sshd(settings: list[Setting], people: list[Account]) -> Iterator[Finding]:
    if any(account.has_password for account in people):
        severity, reason = Severity.ERROR, "whoever guesses the password of an account is in every clone"
    else:
        severity, reason = (
            Severity.WARNING,
            "as soon as an account of a clone has a password, anybody may try to guess it",
        )
    for setting in counting(settings, "passwordauthentication"):
        if setting.value.lower() == "yes" and setting.path != _CLOUD_INIT:
            yield _setting("ssh.password-login", setting, "logins by password", reason, severity)
    root = any(account.uid == "0" and account.has_password for account in people)
    for setting in counting(settings, "permitrootlogin"):
        if setting.value.lower() == "yes":
            severity = Severity.ERROR if root else Severity.WARNING
            reason = "whoever guesses its password is root in every clone"
            yield _setting("ssh.root-login", setting, "logins of root by password", reason, severity)
    for setting in counting(settings, "permitemptypasswords"):
        if setting.value.lower() == "yes":
            reason = "an account without a password is open to everybody who can reach a clone"
            yield _setting("ssh.empty-password", setting, "logins without a password", reason, Severity.ERROR)


def _setting(code: str, setting: Setting, subject: str, reason: str, severity: Severity) -> Finding:
    condition = f" (Match {setting.match})" if setting.match else ""
    fix = f"take the line {setting.name} {setting.value} out, or --allow it"
    return Finding(
        code, setting.path, f"{subject}, asked for in sshd's settings{condition}", reason, fix, severity=severity
    )


def _keys(tree: Tree, settings: list[Setting], people: list[Account]) -> Iterator[Finding]:
    """The files with keys that may log in, at the places that sshd's settings name."""
    for setting in settings:
        if setting.keyword != "authorizedkeysfile" or setting.value.lower() == "none":
            continue
        for place in setting.value.replace('"', "").split():
            for path in dict.fromkeys(_of_account(place, account) for account in people):
                entry = tree.look(path) if path and ".." not in path else None
                file = tree.look(entry.path, follow=True) if entry else None
                if entry is not None and file is not None and file.is_file and file.info.st_size:
                    yield Finding(
                        "ssh.authorized-keys", entry.path, "keys that may log in",
                        "the builder could log in to every clone", "remove it, or --allow it by its path",
                        Cleaning.ACCESS, linked=entry.linked,
                    )  # fmt: skip


def _of_account(place: str, account: Account) -> str:
    """The path of an account's keys; "" where it has no home. Tokens: sshd_config(5)."""
    values = {"%%": "%", "%h": account.home, "%u": account.name, "%U": account.uid}
    path = re.sub(r"%.", lambda token: values.get(token[0], token[0]), place)
    return (
        path if path.startswith("/") else f"{account.home.rstrip('/')}/{path}" if account.home.startswith("/") else ""
    )


# --- rights ---


def _rules(tree: Tree, people: list[Account]) -> Iterator[Finding]:
    """One finding for each file with rules, with the names that it makes root."""
    by_path: dict[str, list[Rule]] = {}
    for rule in (*sudo_rules(tree), *doas_rules(tree)):
        if rule.who not in ("root", "#0", "%root"):
            by_path.setdefault(rule.path, []).append(rule)
    for path, rules in by_path.items():
        names = ", ".join(dict.fromkeys(rule.who for rule in rules))
        is_open = any(rule.is_all and _is_entered(tree, rule.who, people) for rule in rules)
        subject = f"a right of {names} to be root without a password"
        if not any(rule.is_all for rule in rules):
            subject = f"a right of {names} to run certain commands as root without a password"
        yield Finding(
            "access.nopasswd", path, shown(subject), "whoever becomes that account is root in every clone",
            "remove the rule together with the account; cloud-init writes one anew for its own user",
            severity=Severity.ERROR if is_open else Severity.WARNING,
        )  # fmt: skip


def _is_entered(tree: Tree, who: str, people: list[Account]) -> bool:
    """Whether a rule is for an account that somebody can log in to now: it has a shell, and a password or keys."""
    if who == "ALL":
        return True
    if who.startswith("%"):
        members, gids = _group(tree, who[1:])
        meant = [account for account in people if account.name in members or account.gid in gids]
    elif who.startswith("#"):
        meant = [account for account in people if account.uid == who[1:]]
    else:
        meant = [account for account in people if account.name == who]
    return any(account.has_shell and (account.has_password or _has_keys(tree, account)) for account in meant)


def _group(tree: Tree, name: str) -> tuple[set[str], set[str]]:
    """(names of the members, numbers) of a group by its name or by its `#GID`."""
    for line in read_lines(tree, "/etc/group"):
        fields = line.split(":")
        if len(fields) > 3 and (fields[0] == name or f"#{fields[2]}" == name):
            return set(fields[3].split(",")) - {""}, {fields[2]}
    return set(), set()


def _has_keys(tree: Tree, account: Account) -> bool:
    place = f"{account.home}/.ssh/authorized_keys"
    entry = tree.look(place, follow=True) if account.home.startswith("/") and ".." not in place else None
    return entry is not None and entry.is_file and entry.info.st_size > 0


def _polkit(tree: Tree) -> Iterator[Finding]:
    """Rules of polkit that answer yes and do not look at who asks."""
    for place in _POLKIT:
        for entry in tree.glob(place):
            text = _COMMENTS.sub("", (tree.read(entry.path) or b"").decode("utf-8", "replace"))
            for rule in _ADD_RULE.split(text)[1:]:
                _, _, body = rule.partition("{")
                if "Result.YES" not in body or re.search(r"\bsubject\b", body):
                    continue
                is_any = not re.search(r"\baction\b", body)
                subject = "a rule of polkit that allows everybody " + ("everything" if is_any else "certain actions")
                yield Finding(
                    "access.polkit", entry.path, subject, "any account of a clone could do it without a password",
                    "ask for subject.isInGroup in it, or remove it",
                    severity=Severity.ERROR if is_any else Severity.WARNING,
                )  # fmt: skip
