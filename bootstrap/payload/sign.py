"""Signs bundles with ssh-keygen, by a key in a file, in an agent or on a security key, and checks signatures.

The format and the rules are the host's own: runner/baked/signed.py.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.errors import PayloadError, UsageError
from bootstrap.runner.baked import signed

# Somebody may have to touch a security key, to consent at an agent, or to type a passphrase.
PATIENCE_S = 60.0
_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"
# Bytes of a signature itself, its length-prefixed type and text; two numbers of an ECDSA key may be a byte shorter.
_MOST = {
    "ssh-ed25519": 83,
    "ecdsa-sha2-nistp256": 4 + 19 + 4 + 2 * 37,
    "ecdsa-sha2-nistp384": 4 + 19 + 4 + 2 * 53,
    "ecdsa-sha2-nistp521": 4 + 19 + 4 + 2 * 71,
    "sk-ssh-ed25519": 4 + 26 + 4 + 64 + 5,
    "sk-ecdsa-sha2-nistp256": 4 + 34 + 4 + 2 * 37 + 5,
}


class SignError(PayloadError):
    """A bundle that cannot be signed."""

    code = "payload.sign"


class SignatureError(PayloadError):
    """A bundle without the signature that it should have. kind: one of KINDS in runner/baked/signed.py."""

    code = "payload.signature"

    def __init__(self, kind: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


@dataclass
class Signer:
    """One key. file: private, or public with its private half beside it, in an agent or on a security key.

    public: the key as SSH writes it; say: gets a line when somebody has to act; made: signatures, by the SHA-256 of the
    signed bytes, so that nothing is signed twice. Some keys sign differently each time, yet the payload stays the same.
    """

    file: Path
    public: bytes = field(repr=False)
    say: Callable[[str], None] = field(default=lambda line: None, repr=False)
    patience_s: float = PATIENCE_S
    made: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA256:… as `ssh-keygen -l` prints it."""
        return str(signed.fingerprint(self.public))

    @property
    def kind(self) -> str:
        """ssh-ed25519 and the like, without the suffix of a certificate."""
        return _kind(self.public)

    def sign(self, bundle: bytes) -> str:
        """Return the signature of an unsigned bundle: base64 text. Raises SignError."""
        digest = hashlib.sha256(bundle).hexdigest()
        if digest not in self.made:
            self.made[digest] = self._signed(bundle)
        return self.made[digest]

    def stand_in(self, bundle: bytes) -> str:
        """Return the signature if there is one already, else a text of about its length, never shorter, to measure."""
        digest = hashlib.sha256(bundle).hexdigest()
        if digest in self.made:
            return self.made[digest]
        size = 10 + 4 + len(self.public) + 4 + len(signed.NAMESPACE) + 4 + 4 + len("sha512") + 4 + _most(self.public)
        # Random bytes, since gzip must not pack the stand-in better than a signature.
        return str(signed.wrapped(hashlib.shake_256(digest.encode()).digest(size)))

    def settle(self, bundle: bytes) -> bool:
        """Return whether a bundle carries its true signature; if not, make that, for stand_in() to return later."""
        unsigned, signature = signed.split(bundle)
        if signature == self.made.get(hashlib.sha256(unsigned).hexdigest()):
            return True
        self.sign(unsigned)
        return False

    def _signed(self, bundle: bytes) -> str:
        if self.kind.startswith("sk-"):
            self.say(f"touch the security key to sign ({self.fingerprint})")
        try:
            process = subprocess.run(
                ["ssh-keygen", "-Y", "sign", "-n", signed.NAMESPACE, "-f", str(self.file)],
                input=bundle, capture_output=True, check=False, timeout=self.patience_s, env=_environment(),
            )  # fmt: skip
        except FileNotFoundError as error:
            raise _missing() from error
        except subprocess.TimeoutExpired as error:
            on_security_key = self.kind.startswith("sk-")
            cause = "the security key was not touched" if on_security_key else "ssh-keygen did not sign"
            raise SignError(
                f"{self.file}: {cause} within {self.patience_s:g} s", hint="touch it, or answer the question, in time"
            ) from error
        output = process.stderr.decode(errors="replace").strip()
        if process.returncode < 0:
            raise SignError(f"ssh-keygen was killed ({signal.Signals(-process.returncode).name})", hint="try again")
        if process.returncode:
            raise self._failed(output)
        # The lines of armor are left out, since every bundle would carry them.
        text = "\n".join(line for line in process.stdout.decode("ascii").splitlines() if not line.startswith("-----"))
        # ssh-keygen takes the public half from a .pub file beside a private key, which may be another key's.
        if signed.opened(text) != (self.public, signed.NAMESPACE):
            raise SignError(f"ssh-keygen signed with another key than {self.file}", hint=f"remove {self.file}.pub")
        return text

    def _failed(self, output: str) -> SignError:
        """Return the error for a failure of ssh-keygen, with a hint. output: its stderr."""
        last = output.splitlines()[-1] if output else "it gives no reason"
        # ssh-keygen takes a .pub file too, and looks for the private half beside it and in the agent.
        beside = self.file.with_suffix("") if self.file.suffix == ".pub" else None
        private = self.file if beside is None else beside if beside.is_file() else None
        if "agent refused" in output:
            return SignError(f"the agent refuses to sign with {self.file}", hint="consent when asked, or unlock it")
        if "device not found" in output:
            return SignError(f"{self.file} is on a security key that is not plugged in", hint="plug it in")
        if "UNPROTECTED" in output or "bad permissions" in output:
            return SignError(f"others may read {private}, so that ssh-keygen refuses it", hint=f"chmod 0600 {private}")
        if private is None and "SSH_AUTH_SOCK" not in os.environ:
            return SignError(
                f"{self.file} is a public key, its private half is not beside it, and no agent runs",
                hint="start an agent and ssh-add the private key, or name the private key",
            )
        if private is None:
            message = f"the agent does not hold {self.file} ({self.fingerprint})"
            return SignError(message, hint="ssh-add it; ssh-add -l lists the agent's keys")
        if _is_encrypted(private) and not _has_terminal():
            return SignError(
                f"{private} needs a passphrase, there is no terminal to ask at, and no agent holds the key",
                hint=f"ssh-add {private}",
            )
        if _is_encrypted(private):
            return SignError(f"{private}: the passphrase is wrong", hint=f"try again, or ssh-add {private}")
        return SignError(f"ssh-keygen cannot sign with {self.file}: {last}", hint=f"run: ssh-keygen -y -f {self.file}")


def signer(file: str | Path, say: Callable[[str], None] = lambda line: None) -> Signer:
    """Return the key in a file. Raises UsageError for a file that is no key, SignError for a key that cannot sign."""
    path = Path(file).expanduser()
    public = _public(path)
    # A key that cannot sign is refused now, before anything is rendered.
    _most(public)
    return Signer(path, public, say)


def key_of(signature: str) -> tuple[str, str]:
    """Return (fingerprint, kind) of the key that a signature names. Raises SignatureError."""
    try:
        public = signed.opened(signature)[0]
        return signed.fingerprint(public), _kind(public)
    except signed.Unsigned as error:
        raise SignatureError(error.kind, error.reason, hint=error.hint) from error


def verify(bundle: bytes, signers: Path) -> str:
    """Return the signer of a bundle, by a file of allowed signers: "PRINCIPAL SHA256:…". Raises SignatureError."""
    try:
        allowed = signers.read_text(encoding="latin-1")
    except OSError as error:
        raise UsageError(f"{signers} cannot be read: {error.strerror}") from error
    try:
        unsigned, signature = signed.split(bundle)
        with tempfile.TemporaryDirectory(prefix="initialrunner-") as folder:
            return str(signed.verify(_Here(), unsigned, signature, allowed, str(signers), f"{folder}/signed"))
    except signed.Unsigned as error:
        if error.kind == "ssh-keygen":
            raise _missing() from error
        raise SignatureError(error.kind, error.reason, hint=error.hint) from error


class _Here:
    """This machine, for runner/baked/signed.py: a Host that needs no root and starts no children of its own."""

    def save(self, path: str, data: bytes, mode: int, durable: bool) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)

    def remove(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)

    def ask(self, question: Callable[[], bytes], timeout_s: float) -> bytes:
        return question()  # it has a time limit of its own

    def now(self) -> float:
        return time.time()


def _public(path: Path) -> bytes:
    """Return the public half of a key. An encrypted private key of OpenSSH holds it in clear text."""
    text = _read(path)
    try:
        if text.startswith(_OPENSSH):
            return bytes(signed.strings(_opened(text)[1], 1)[0])
        if text.startswith(b"-----BEGIN"):
            beside = path.with_name(f"{path.name}.pub")
            if not beside.is_file():
                raise SignError(
                    f"{path} does not show its public half, and {beside.name} is not beside it",
                    hint=f"ssh-keygen -y -f {path} > {beside}",
                )
            text = _read(beside)
        kind, key = text.split(None, 2)[:2]
        public = base64.b64decode(key, validate=True)
        if signed.strings(public, 1)[0] == kind:
            return public
    except (ValueError, binascii.Error):
        pass
    raise UsageError(f"{path} is not a key that ssh-keygen made", hint="ssh-keygen -t ed25519 -f KEY makes one")


def _opened(text: bytes) -> tuple[list[bytes], bytes]:
    """Return (cipher, its key derivation and options; the bytes from the public key on) of a private key of OpenSSH."""
    magic = b"openssh-key-v1\0"
    blob = base64.b64decode(b"".join(text.split(b"-----")[2].split()), validate=True)
    if not blob.startswith(magic):
        raise ValueError("not a private key of OpenSSH")
    header = signed.strings(blob[len(magic) :], 3)
    # The number of keys stands between, in four bytes.
    return header, blob[len(magic) + sum(4 + len(field) for field in header) + 4 :]


def _is_encrypted(path: Path) -> bool:
    text = _read(path)
    if text.startswith(_OPENSSH):
        return _opened(text)[0][0] != b"none"
    return b"ENCRYPTED" in text


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(1 << 16)
    except OSError as error:
        raise UsageError(f"the key {path} cannot be read: {error.strerror}", hint="name the file of a key") from error


def _kind(public: bytes) -> str:
    name = signed.strings(public, 1)[0].decode("latin-1")
    return str(name.removesuffix(signed.CERTIFIED).removesuffix("@openssh.com"))


def _most(public: bytes) -> int:
    """Return the largest size of a signature by this key, in bytes. Raises SignError for keys that cannot sign."""
    kind = _kind(public)
    # A signature of RSA is as long as its modulus; a certificate has a nonce before that.
    if kind == "ssh-rsa":
        is_certificate = signed.CERTIFIED.encode() in public[:64]
        modulus = signed.strings(public, 4)[3] if is_certificate else signed.strings(public, 3)[2]
        return 4 + len("rsa-sha2-512") + 4 + len(modulus.lstrip(b"\0"))
    if kind not in _MOST:
        raise SignError(f"a key of type {kind} cannot sign payloads", hint="ssh-keygen -t ed25519 -f KEY makes one")
    return _MOST[kind]


def _has_terminal() -> bool:
    # ssh-keygen asks at the terminal, wherever stdin and stdout go.
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _environment() -> dict[str, str]:
    # _failed() goes by the words of ssh-keygen.
    return {**os.environ, "LC_ALL": "C"}


def _missing() -> SignError:
    return SignError("this machine has no ssh-keygen that can sign", hint="install openssh-client, 8.2 or newer")
