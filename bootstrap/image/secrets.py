"""Secrets that `seal` looks for by content and by name, wherever they lie: keys, tokens, leftovers of tools.

A file that holds one is only listed: nobody but its owner knows what it is for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootstrap.image.finding import Cleaning


@dataclass(frozen=True)
class Secret:
    """One pattern of content. needles: words of which one is in every match; looking for them is cheap."""

    code: str
    needles: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    subject: str
    reason: str = "whoever has a clone has it"
    fix: str = "remove it, and replace it by a new one wherever it is in use"


@dataclass(frozen=True)
class Named:
    """One pattern of names. begins: a pattern that the content must match, if there is one."""

    code: str
    name: re.Pattern[str]
    subject: str
    reason: str
    fix: str
    clean: Cleaning = Cleaning.LISTED
    begins: bytes | None = None


def _secret(code: str, subject: str, needles: bytes, pattern: bytes, **texts: str) -> Secret:
    return Secret(code, tuple(needles.split()), re.compile(pattern), subject, **texts)


# Repetitions are bounded where two of them meet: otherwise somebody could make a file that keeps a pattern busy for
# hours. Samples in manuals are excluded by the word EXAMPLE, which AWS puts into its own.
SECRETS = (
    # The header alone is in programs, manuals and tests of tools; only with a body it is a key.
    _secret(
        "key.private", "a private key", b"PRIVATE",
        rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
        rb"\s{0,9}(?:\\n)?(?:[A-Za-z-]{1,40}: [^\n]*\n){0,9}\s{0,9}[A-Za-z0-9+/=]{24}",
    ),
    _secret("key.putty", "a private key of PuTTY", b"PuTTY-User-Key-File", rb"PuTTY-User-Key-File-\d+: \S"),
    _secret("key.wireguard", "a private key of WireGuard", b"PrivateKey",
            rb"PrivateKey\s{0,9}=\s{0,9}[A-Za-z0-9+/]{43}="),
    _secret(
        "key.vagrant", "Vagrant's public key, whose private half everybody has", b"vagrant",
        rb"(?:ssh-rsa|ssh-ed25519) \S+ vagrant(?: insecure public key)?\s",
        reason="anybody could log in to every clone", fix="remove it",
    ),
    _secret(
        "token.aws", "an access key of AWS", b"AKIA ASIA aws_secret_access_key",
        rb"\b(?:AKIA|ASIA)(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b"
        rb"|aws_secret_access_key\s*[=:]\s*[\"']?(?![A-Za-z0-9/+]*EXAMPLE)[A-Za-z0-9/+]{40}\b",
    ),
    _secret(
        "token.github", "a token of GitHub", b"ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50})",
    ),
    _secret("token.gitlab", "a token of GitLab", b"glpat- glrt-", rb"\bgl(?:pat|rt)-[A-Za-z0-9_-]{20}"),
    _secret("token.slack", "a token of Slack", b"xox", rb"\bxox[abeprs]-[A-Za-z0-9-]{20}"),
    _secret("token.google-service", "a key of a Google service account", b"service_account",
            rb'"type"\s*:\s*"service_account"'),
    _secret("token.google", "an API key of Google", b"AIza", rb"\bAIza[A-Za-z0-9_-]{35}"),
    _secret(
        "token.azure", "a key of Azure", b"AccountKey= SharedAccessKey=",
        rb"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={1,2}",
    ),
    _secret("token.stripe", "a live key of Stripe", b"_live_", rb"\b[sr]k_live_[A-Za-z0-9]{20}"),
    _secret("token.npm", "a token of npm", b"_authToken npm_",
            rb"_authToken\s*=\s*[\"']?[^\s$\"']{8}|\bnpm_[A-Za-z0-9]{36}\b"),
    _secret("token.pypi", "a token of PyPI", b"pypi-", rb"\bpypi-[A-Za-z0-9_-]{50}"),
    _secret("token.vault", "a token of Vault", b"hvs. hvb.", rb"\bhv[sb]\.[A-Za-z0-9_-]{24}"),
    _secret("token.digitalocean", "a token of DigitalOcean", b"dop_v1_ doo_v1_", rb"\bdo[op]_v1_[0-9a-f]{64}"),
    _secret("token.sendgrid", "a key of SendGrid", b"SG.", rb"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _secret(
        "token.openstack", "a password of an OpenStack cloud", b"OS_PASSWORD OS_APPLICATION_CREDENTIAL_SECRET",
        rb"\bOS_(?:PASSWORD|APPLICATION_CREDENTIAL_SECRET)=[\"']?[^\s$\"']",
    ),
)  # fmt: skip

NAMES = (
    Named(
        # The runner, bake and --clean give a file such a name until it is whole.
        "ours.torn", re.compile(r"\..+\.initialrunner|\.initialrunner-sealed"
                                r"|\.(?:baked\.py|image\.json|allowed_signers|builder|initialrunner.*)\.bake"),
        "a file that a power cut or a kill left half-written", "it may hold a payload's secrets", "remove it",
        Cleaning.REMOVE,
    ),
    Named(
        "key.store", re.compile(r".*\.(?:p12|pfx|jks|kdbx|keystore)", re.IGNORECASE), "a store of private keys",
        "whoever has a clone could try passwords on it", "remove it",
    ),
    Named(
        "cred.state", re.compile(r"terraform\.tfstate(?:\..*)?"), "Terraform's state",
        "it holds the secrets of everything that Terraform made", "remove it",
    ),
    Named(
        "cred.environment", re.compile(r"\.env(?:\.(?!example$|sample$|template$|dist$).+)?"), "settings with secrets",
        "whoever has a clone has them", "remove it; a payload can bring it to each server",
        begins=rb"(?im)^[ \t]*(?:export[ \t]+)?\w{0,40}?(?:SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY)\w{0,40}[ \t]*="
        rb"[ \t]*[\"']?[^\s$\"'<]",
    ),
    Named(
        "injected.beside", re.compile(r".*\.(?:bak|tmp)\.\d+(?:\.\d+)?"), "a file that an injection agent set aside",
        "it is an older file of the builder", "remove it, unless its content is needed",
    ),
    Named(
        "edit.swap", re.compile(r"\..+\.sw[nop]"), "an editor's swap file", "it holds a text that was being edited",
        "remove it", Cleaning.REMOVE, rb"\Ab0VIM",
    ),
    Named(
        "crash.core", re.compile(r"(?:vg)?core(?:\..+)?|.+\.core"), "a core dump",
        "it holds memory, with the secrets that were in it", "remove it", Cleaning.REMOVE,
        rb"(?s)\A\x7fELF.{12}(?:\x04\x00|\x00\x04)",
    ),
)  # fmt: skip

# Files below these are not searched: they are programs, or come from packages, or anybody may download them.
UNSEARCHED = (
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/dev", "/proc", "/sys", "/boot/grub",
    "/etc/ssl/certs", "/etc/ca-certificates", "/etc/pki/ca-trust", "/etc/alternatives",
    "/var/lib/dpkg", "/var/lib/apt", "/var/lib/rpm", "/var/lib/dnf", "/var/lib/pacman", "/var/lib/aptitude",
    "/var/cache", "/var/lib/selinux", "/var/lib/flatpak", "/lost+found",
)  # fmt: skip
SEARCHED = ("/usr/local",)
# Packages of these languages bring keys for their own tests.
_LIBRARY = re.compile(r"/(?:lib/python[0-9.]+|node_modules|gems|pkg/mod|share/doc|vendor/bundle)/")
_SAMPLES = re.compile(r"/(?:tests?|testdata|testing|fixtures|examples?|samples?|docs?|spec|demos?|[^/]*-info)(?:/|$)")
# Only so much of a file is searched: a larger text is a log or a dump.
MOST_BYTES = 8 << 20


def is_sample(path: str) -> bool:
    """Whether a file belongs to the tests or the manual of an installed library."""
    # The word must stand below the library: /srv/tests is no sample.
    library = _LIBRARY.search(path)
    return bool(library and _SAMPLES.search(path, library.end() - 1))


def in_block(block: bytes) -> list[Secret]:
    """The kinds of secret that a piece of a text holds."""
    return [
        secret
        for secret in SECRETS
        if any(needle in block for needle in secret.needles) and secret.pattern.search(block)
    ]
