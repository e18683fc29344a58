"""Private keys in DER and stores of keys are known by their bytes; certificates and lists of them are none."""

from __future__ import annotations

import struct

import pytest
from planted.texts import DER

from bootstrap.image.secrets.binaries import in_binary, only_certificates


def der(tag: int, *parts: bytes) -> bytes:
    """One value of ASN.1."""
    body = b"".join(parts)
    length = bytes([len(body)]) if len(body) < 0x80 else b"\x82" + len(body).to_bytes(2)
    return bytes([tag]) + length + body


def number(count: int) -> bytes:
    return der(0x02, b"\x00" + b"\xc3" * count)


RSA_ID = bytes.fromhex("300d06092a864886f70d0101010500")
PKCS1 = der(0x30, b"\x02\x01\x00", number(256), b"\x02\x03\x01\x00\x01", *(number(128) for _ in range(5)))
PKCS8 = der(0x30, b"\x02\x01\x00", RSA_ID, der(0x04, PKCS1))
SEC1 = der(0x30, b"\x02\x01\x01", der(0x04, bytes(range(32))), bytes.fromhex("a00a06082a8648ce3d030107"))
PBES2 = der(0x30, der(0x30, bytes.fromhex("06092a864886f70d01050d"), der(0x30, bytes(40))), der(0x04, bytes(1200)))
CERTIFICATE = der(0x30, der(0x30, bytes.fromhex("a003020102"), number(16), RSA_ID, bytes(700)), RSA_ID, bytes(260))
PUBLIC = der(0x30, RSA_ID, der(0x03, b"\x00", der(0x30, number(256), b"\x02\x03\x01\x00\x01")))


def code(content: bytes) -> str:
    secret = in_binary(content, len(content))
    return secret.code if secret else ""


@pytest.mark.parametrize(
    "key", [PKCS1, PKCS8, SEC1, PBES2, DER], ids=["pkcs1", "pkcs8", "sec1", "encrypted", "ed25519"]
)
def test_a_key_in_der_is_found(key: bytes) -> None:
    assert code(key) == "key.der"
    # A length that is not the file's is another format.
    assert code(key + b"\n") == ""
    assert code(key[:-1]) == ""


def test_certificates_and_public_keys_are_none() -> None:
    assert code(CERTIFICATE) == ""
    assert code(PUBLIC) == ""
    assert code(b"0") == code(b"0\x82") == code(b"") == code(bytes(100)) == ""


def java(*kinds: int) -> bytes:
    """A store of Java with entries: 1 is a private key, 2 a certificate to trust."""
    content = b"\xfe\xed\xfe\xed" + struct.pack(">II", 2, len(kinds))
    for kind in kinds:
        content += struct.pack(">IH", kind, 2) + b"ca" + bytes(8)
        content += struct.pack(">H", 5) + b"X.509" + struct.pack(">I", 90) + bytes(90)
    return content + bytes(20)


SHROUDED = bytes.fromhex("060b2a864886f70d010c0a0102")


def test_stores_with_a_key_are_told_from_those_of_certificates_alone() -> None:
    assert code(java(2, 2, 1)) == "key.store"
    assert code(java(2, 2)) == ""
    assert only_certificates(java(2, 2))
    assert not only_certificates(java(2, 1))
    store = der(0x30, b"\x02\x01\x03", der(0x30, bytes(200), SHROUDED, bytes(900)))
    assert code(store) == "key.store"
    assert not only_certificates(store)
    trusted = der(0x30, b"\x02\x01\x03", der(0x30, bytes(900)))
    assert code(trusted) == ""
    assert only_certificates(trusted)
    assert code(b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5") == "key.store"
