"""Private keys in files that are no texts: DER, and stores of keys, known by their first bytes."""

from __future__ import annotations

import re

from bootstrap.image.secrets.pattern import Secret

_NEVER = re.compile(rb"(?!)")
DER_KEY = Secret("key.der", (), _NEVER, "a private key in DER")
STORE = Secret(
    "key.store", (), _NEVER, "a store of private keys", "whoever has a clone could try passwords on it", "remove it"
)
# A key of RSA with 16,384 bits has 9 kB.
_MOST_DER = 16 << 10
# After the outer SEQUENCE: RFC 8017 (version 0, a modulus), RFC 5208 and 5958 (version 0 or 1, an algorithm's id, an
# OCTET STRING), RFC 5915 (version 1, an OCTET STRING of 32 to 66 bytes),
# RFC 5208 encrypted (PBES2 or PBE of PKCS 12).
_DER = re.compile(
    rb"(?s)\x02\x01\x00\x02(?:\x81.|\x82..)(?:\x00|[\x80-\xff])"
    rb"|\x02\x01[\x00\x01]\x30[\x05-\x20]\x06[\x03-\x09].{3,30}?\x04[\x20-\x82]"
    rb"|\x02\x01\x01\x04[\x1c-\x42]"
    rb"|\x30[\x0e-\x7f]\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05|\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01)"
)
# pkcs8ShroudedKeyBag of RFC 7292: a store of certificates alone has none.
_SHROUDED = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02"
_PKCS12 = re.compile(rb"(?s)\A\x30(?:\x80|\x82..)\x02\x01\x03\x30")
_JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
_KEEPASS = b"\x03\xd9\xa2\x9a"


def in_binary(head: bytes, size: int) -> Secret | None:
    """The kind of secret that a file is. head: its beginning, whole where it is small; size: of the file."""
    if head[:1] == b"\x30":
        if _PKCS12.match(head):
            return STORE if _SHROUDED in head else None
        length, begin = _der_length(head)
        if begin and length + begin == size <= _MOST_DER and _DER.match(head, begin):
            return DER_KEY
    elif (head.startswith(_JAVA) and _java_key(head)) or head.startswith(_KEEPASS):
        return STORE
    return None


def _der_length(head: bytes) -> tuple[int, int]:
    """(bytes of the content of an outermost SEQUENCE, where it begins), by the rules of DER."""
    first = head[1] if len(head) > 1 else 0
    if first < 0x80:
        return first, 2
    count = first & 0x7F
    if count not in (1, 2, 3) or len(head) < 2 + count:
        return 0, 0
    return int.from_bytes(head[2 : 2 + count]), 2 + count


def _java_key(head: bytes) -> bool:
    """Whether a store of Java has an entry of a private or a secret key, not only certificates to trust."""
    at, count = 12, int.from_bytes(head[8:12])
    for _ in range(min(count, 10_000)):
        kind = int.from_bytes(head[at : at + 4])
        if kind in (1, 3):
            return True
        at += 4
        at += 2 + int.from_bytes(head[at : at + 2]) + 8
        at += 2 + int.from_bytes(head[at : at + 2])
        at += 4 + int.from_bytes(head[at : at + 4])
        if kind != 2 or at >= len(head):
            return False
    return False


def only_certificates(head: bytes) -> bool:
    """Whether a file is a store that holds certificates and surely no key."""
    if head.startswith(_JAVA):
        return int.from_bytes(head[8:12]) > 0 and not _java_key(head)
    return bool(_PKCS12.match(head)) and len(head) > 64 and _SHROUDED not in head
