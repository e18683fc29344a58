"""The names, states, keys and signatures that generator, runner and collector agree on.

They live on the weaker side (old Python, standard library), because the strong side can import the weak one and never
the reverse. Names that the runner itself does not use stay out of its bundle.
"""

from bootstrap.runner.bundle import sha256

PYTHON_FLOOR = (3, 6)
PLAN_VERSION = 1
REPORT_VERSION = 1

# Server and deploy names are part of signed ids, file names and URLs: one narrow alphabet serves all three.
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"

STAGE_STATES = ("pending", "running", "done", "failed", "interrupted", "skipped")
SERVER_STATES = ("waiting", "running", "checking", "healthy", "failed")  # and overdue, worked out by the collector
EVENT_TYPES = (
    "started", "waiting", "fixed", "stage.started", "stage.ended", "health", "rebooting", "interrupted", "state",
)  # fmt: skip
CAUSES = (
    "exit", "timeout", "oom", "disk", "signal", "interrupted", "verify", "needs", "missing", "digest", "deadline",
    "reboot",
)  # fmt: skip

# The exit codes of `initialrunner tick`. 75 is EX_TEMPFAIL of sysexits.h; a stage may use it to say "not yet".
EXIT_DONE, EXIT_FAILED, EXIT_REFUSED, EXIT_AGAIN = 0, 5, 4, 75


def server_key(secret, server, deploy_id):
    """Return the 32-byte report key of one server in one roll-out: derived, so that no database is needed to render."""
    import hmac

    return hmac.new(secret, ("initialrunner/v1\n%s\n%s" % (server, deploy_id)).encode(), "sha256").digest()


def signature(key, webhook_id, timestamp, body):
    """Return `v1,` + base64 HMAC-SHA256 over "id.timestamp.body", as Standard Webhooks sign.

    key: 64 bytes at most; timestamp: str; body: bytes.
    """
    import binascii

    # HMAC, as RFC 2104 writes it down: the module of that name would load OpenSSL.
    inner, outer = [bytes(byte ^ pad for byte in key.ljust(64, b"\0")) for pad in (0x36, 0x5C)]
    signed = ("%s.%s." % (webhook_id, timestamp)).encode() + body
    digest = sha256(outer + sha256(inner + signed).digest()).digest()
    return "v1," + binascii.b2a_base64(digest).decode().strip()
