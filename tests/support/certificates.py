"""A certificate that signs itself, for the TLS of a test's own server."""

from __future__ import annotations

import subprocess
from pathlib import Path


def self_signed(folder: Path, name: str = "web", *, address: str | None = "127.0.0.1") -> tuple[Path, Path]:
    """Make folder/cert.pem and folder/key.pem with openssl, good for two days, and return them.

    name: its common name. address: the IP address that it is for; None: none, as old certificates have it.
    """
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = ["-addext", f"subjectAltName=IP:{address}"] if address else []
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", *names, "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key
