"""Contents that look like keys, dumps and identities."""

from __future__ import annotations

BODY = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7\n" * 3
KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY}-----END PRIVATE KEY-----\n"
CORE = b"\x7fELF" + b"\x02\x01\x01" + b"\0" * 9 + b"\x04\x00" + b"\0" * 100
# PKCS#8 of RFC 8410: version 0, Ed25519, 32 bytes.
DER = bytes.fromhex("302e020100300506032b657004220420") + bytes(range(40, 72))
SWAP = b"\0" * 4086 + b"SWAPSPACE2"
FORTY = "0123456789abcdefghijABCDEFGHIJ0123456789"
BOOT_ID = "1e1f2a3b-0000-4000-8000-000000000001"

# Random letters, of which no issuer has made a token.
_MIXED = "q7RbT2mXw9LcV4nKz8JdF3hYs6GpB5tQk1WjN0vMx"


def letters(count: int, of: str = _MIXED) -> str:
    """So many letters and digits that look random, always the same."""
    return "".join(of[(7 * number + number // 5) % len(of)] for number in range(count))


def hexes(count: int) -> str:
    """So many hexadecimal digits that look random."""
    return letters(count, "3f9a0c7e5b1d8426")


PUTTY = f"""PuTTY-User-Key-File-3: ssh-ed25519
Encryption: none
Comment: site
Public-Lines: 2
AAAAC3NzaC1lZDI1NTE5AAAAI{letters(39)}
{letters(20)}
Private-Lines: 1
AAAAI{letters(39)}
Private-MAC: {hexes(64)}
"""
