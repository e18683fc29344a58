"""Identifiers, tokens and keys of the right form and of no value: made when they are planted, the same each time."""

from __future__ import annotations

import base64
import gzip
import io
import random
import sqlite3
import string
import tarfile

_chance = random.Random(14)
ALNUM = string.ascii_letters + string.digits


def hexes(count: int) -> str:
    """That many hexadecimal digits."""
    return "".join(_chance.choices("0123456789abcdef", k=count))


def alnum(count: int) -> str:
    """That many letters and digits, with both cases and a digit among them."""
    return "aZ7" + "".join(_chance.choices(ALNUM, k=count - 3))


def upper(count: int) -> str:
    """That many capitals and digits."""
    return "".join(_chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=count))


def digits(count: int) -> str:
    """That many digits, the first of which is not zero."""
    return "7" + "".join(_chance.choices(string.digits, k=count - 1))


def octets(count: int) -> bytes:
    """That many bytes, the first of which is zero: no text."""
    return b"\0" + _chance.randbytes(count - 1)


def b64(count: int) -> str:
    """The base64 of that many bytes."""
    return base64.b64encode(_chance.randbytes(count)).decode()


def b64url(count: int) -> str:
    """The same in the alphabet of URLs, without padding."""
    return base64.urlsafe_b64encode(_chance.randbytes(count)).decode().rstrip("=")


def uuid() -> str:
    """A random UUID."""
    digits = hexes(32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def mac() -> str:
    """An address of a network card of QEMU."""
    digits = hexes(6)
    return f"52:54:00:{digits[:2]}:{digits[2:4]}:{digits[4:]}"


def password() -> str:
    """A password that a person took from a generator."""
    return f"{alnum(9)}-{alnum(6)}"


def jwt() -> str:
    """A signed token."""
    head = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(b'{"sub":"builder","iss":"https://id.example.net","exp":1893456000}').decode()
    return f"{head}.{body.rstrip('=')}.{b64url(96)}"


def _lines(text: str, width: int = 64) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


def pem(kind: str = "PRIVATE KEY", count: int = 608) -> str:
    """A key or a certificate in armour: the base64 of DER, which begins with a sequence."""
    body = base64.b64encode(b"\x30\x82\x02\x5c" + _chance.randbytes(count)).decode()
    return f"-----BEGIN {kind}-----\n{_lines(body)}\n-----END {kind}-----\n"


def openssh() -> str:
    """A private key as ssh-keygen writes it."""
    body = base64.b64encode(b"openssh-key-v1\0\0\0\0\4none\0\0\0\4none" + _chance.randbytes(360)).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{_lines(body, 70)}\n-----END OPENSSH PRIVATE KEY-----\n"


def public(name: str) -> str:
    """A public key with its comment, a line of authorized_keys."""
    body = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + _chance.randbytes(32)).decode()
    return f"ssh-ed25519 {body} {name}\n"


def certificate() -> str:
    """A certificate in armour."""
    return pem("CERTIFICATE", 700)


def der() -> bytes:
    """A private key in DER, PKCS#8 with the name of RSA."""
    inner = b"\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04\x82\x04\xa7"
    key = inner + b"\x30\x82\x04\xa3\x02\x01\x00\x02\x82\x01\x01\x00" + _chance.randbytes(1179)
    return b"\x30\x82" + len(key).to_bytes(2, "big") + key


def sqlite(table: str = "history") -> bytes:
    """A database of SQLite with one table."""
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, text TEXT)")
    database.execute(f"INSERT INTO {table} (text) VALUES ('curl http://10.0.2.2/setup.sh | sh')")
    database.commit()
    return database.serialize()


def tdb() -> bytes:
    """A database of Samba or sssd."""
    return b"TDB file\n".ljust(32, b"\0") + octets(4064)


def gz(text: str) -> bytes:
    """A compressed text."""
    return gzip.compress(text.encode(), mtime=0)


def tar_gz(**files: str) -> bytes:
    """An archive of texts."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def crypted() -> str:
    """A password as shadow(5) keeps it."""
    return f"$y$j9T${alnum(22)}${alnum(43)}"
