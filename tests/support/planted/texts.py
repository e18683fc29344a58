"""Contents that look like keys, dumps and identities."""

from __future__ import annotations

BODY = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7\n" * 3
KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY}-----END PRIVATE KEY-----\n"
CORE = b"\x7fELF" + b"\x02\x01\x01" + b"\0" * 9 + b"\x04\x00" + b"\0" * 100
SWAP = b"\0" * 4086 + b"SWAPSPACE2"
FORTY = "0123456789abcdefghijABCDEFGHIJ0123456789"
BOOT_ID = "1e1f2a3b-0000-4000-8000-000000000001"
