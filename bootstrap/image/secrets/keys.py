"""Private keys in texts: PEM, PuTTY, WireGuard, age, OpenVPN."""

from __future__ import annotations

import base64
import binascii
import re

from bootstrap.image.secrets.pattern import Secret, always, secret

# The line ends of a PEM text are `\n` or `\r\n` in two characters each where it stands in JSON or in a shell's word.
_END = rb"(?:\s|\\\\?[nr]){0,9}"
_PEM = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----" + _END
    + rb"(?:[A-Za-z-]{1,40}: [^\n]{0,200}\n){0,9}" + _END + rb"[A-Za-z0-9+/=]{24}"
)  # fmt: skip
# `-----BEGIN ` in base64, where the key stands at its beginning.
_ENCODED = re.compile(rb"LS0tLS1CRUdJTi[A-Za-z0-9+/]{60,}")


def _is_encoded_key(match: bytes) -> bool:
    try:
        text = base64.b64decode(match[: len(match) // 4 * 4][:400])
    except binascii.Error:
        return False
    return b"PRIVATE KEY" in text[:60]


# Repetitions are bounded where two of them meet: otherwise somebody could make a file that keeps a pattern busy for
# hours.
KEYS = (
    # The header alone is in programs, manuals and tests of tools; only with a body it is a key.
    Secret("key.private", (b"PRIVATE KEY",), _PEM, "a private key", wide=True, back=100, is_real=always),
    Secret("key.encoded", (b"LS0tLS1CRUdJTi",), _ENCODED, "a private key in base64", is_real=_is_encoded_key),
    # Source: PuTTY's manual, appendix C. The header alone is in programs that read such keys.
    Secret(
        "key.putty", (b"PuTTY-User-Key-File",), re.compile(
            rb"PuTTY-User-Key-File-\d{1,2}: [^\r\n]{1,60}\r?\n(?:[A-Za-z0-9-]{1,30}: [^\r\n]{0,200}\r?\n"
            rb"|[A-Za-z0-9+/=]{1,76}\r?\n){1,400}?Private-Lines: \d{1,4}\r?\n[A-Za-z0-9+/=]{16}"
        ), "a private key of PuTTY", far=True, is_real=always,
    ),
    secret("key.wireguard", "a private key of WireGuard", "PrivateKey=|PrivateKey =|PresharedKey=|PresharedKey =",
           rb"(?:PrivateKey|PresharedKey)\s{0,9}=\s{0,9}[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="),
    # Source: the age format, C2SP; Bech32 in capitals.
    secret("key.age", "a private key of age", "AGE-SECRET-KEY-", rb"\bAGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50}"),
    Secret("key.openvpn", (b"Static key V1", b"crypt-v2"), re.compile(
        rb"-----BEGIN OpenVPN (?:Static key V1|tls-crypt-v2 (?:client|server) key)-----\s{1,4}[0-9A-Za-z+/]{32}"),
        "a static key of OpenVPN", back=40, far=True, is_real=always,
    ),
    Secret(
        "key.vagrant", (b" vagrant",),
        re.compile(rb"(?:ssh-rsa|ssh-ed25519) \S{1,1000} vagrant(?: insecure public key)?\s"),
        "Vagrant's public key, whose private half everybody has", "anybody could log in to every clone", "remove it",
        back=1100, is_real=always,
    ),
)  # fmt: skip
