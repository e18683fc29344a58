"""Checks that a bundle is signed by a key that this image allows: takes the signature off and has ssh-keygen judge it.

The signature covers the bundle without it: three packed parts and a last line of their own. It is an SSHSIG
(PROTOCOL.sshsig of OpenSSH) in base64, the fourth part. It can hold no quote and comes last in the text that the shell
reads as one quoted word, so exactly the signed text runs, whatever the signature holds.
"""

import binascii
import calendar
import fnmatch
import hashlib
import os
import re
import time
from collections import namedtuple

from bootstrap.runner.form import LAST_LINE, SEPARATOR, WHOLE

NAMESPACE = "initialrunner"
SCRATCH = "/run/initialrunner.signed"
KEYGEN_S = 20  # for a step of ssh-keygen's; it takes milliseconds

# A line of allowed_signers, in the form of ssh-keygen(1). A line that does not match, for a backslash or anything else,
# allows nobody: a wrong guess at its meaning could let somebody in.
OPTION = r'(?:cert-authority|(?:namespaces|valid-after|valid-before)="[^"\\]*")'
LINE = re.compile(
    r'[ \t]*("[^"]*"|[^\s"#]\S*)[ \t]+(?:(%s(?:,%s)*)[ \t]+)?((?:ssh|ecdsa|sk)-\S+)[ \t]+([A-Za-z0-9+/=]+)(?:\s|$)'
    % (OPTION, OPTION),
    re.IGNORECASE,
)
# The number of strings in a certificate that belong to its key, after its type and its nonce.
CERTIFIED = "-cert-v01@openssh.com"
FIELDS = {"ssh-ed25519": 1, "ssh-rsa": 2, "sk-ssh-ed25519": 2, "sk-ecdsa-sha2-nistp256": 3}


class Unsigned(Exception):
    """A bundle must not run. reason: one sentence; hint: what to do; kind: one of KINDS; key: the signer's, if any."""

    def __init__(self, kind, reason, hint, key=None):
        Exception.__init__(self, reason)
        self.kind, self.reason, self.hint, self.key = kind, reason, hint, key


KINDS = ("damaged", "unsigned", "signers", "namespace", "unknown", "expired", "early", "altered", "ssh-keygen")


# A line of allowed_signers. options: text by lower-case name; key: as in a .pub file, decoded.
Allowed = namedtuple("Allowed", "principals options kind key")


def split(bundle):
    """(the bundle without its signature, the signature's base64 text or None), of the bytes of a bundle.

    Raises Unsigned (damaged) for anything that is not a whole bundle.
    """
    match = WHOLE.fullmatch(bundle)
    parts = match.group(2).split(SEPARATOR.encode()) if match else ()
    if len(parts) not in (3, 4):
        raise Unsigned("damaged", "the bundle is not whole", "render it again, or copy all of it again")
    body = b"".join(match.groups()[:3])
    if hashlib.sha256(body).hexdigest() != match.group(4).decode():
        raise Unsigned("damaged", "the bundle is cut off or altered: it differs from the digest on its last line",
                       "render it again, or copy all of it again")  # fmt: skip
    if len(parts) == 3:
        return bundle, None
    unsigned = match.group(1) + SEPARATOR.encode().join(parts[:3]) + match.group(3)
    return unsigned + (LAST_LINE % hashlib.sha256(unsigned).hexdigest()).encode(), parts[3].decode("latin-1")


def check(host, bundle, signers, scratch=SCRATCH):
    """Return the signer of a bundle, "PRINCIPAL SHA256:…", by the image's own allowed_signers file.

    host: a Host; scratch: as for verify(). Raises Unsigned.
    """
    unsigned, signature = split(bundle)
    key = fingerprint(opened(signature)[0]) if signature else None
    try:
        signers_file = host.read(signers)
    except OSError as error:
        raise Unsigned("signers", "%s cannot be read: %s" % (signers, error), "bake the image again", key)
    if signers_file is None:
        raise Unsigned("signers", "%s is missing: no signature can be accepted" % signers, "bake the image again", key)
    if signers_file[1].st_uid or signers_file[1].st_mode & 0o022:
        raise Unsigned("signers", "%s can be written by users other than root, so it cannot be trusted" % signers,
                       "check its content, then make root its owner and 0644 its mode", key)  # fmt: skip
    return verify(host, unsigned, signature, signers_file[0].decode("latin-1"), signers, scratch)


def verify(host, unsigned, signature, allowed, name, scratch):
    """Like check(), for the two values of split(). allowed: the text of allowed_signers, in Latin-1; name: its name.

    scratch: where two private files may lie for the moment. host: save, remove, ask and now of a Host.
    """
    if signature is None:
        raise Unsigned("unsigned", "the bundle is not signed, but a signature by a key in %s is required" % name,
                       "sign it: bootstrap render --sign KEY")  # fmt: skip
    blob, namespace = opened(signature)
    key = fingerprint(blob)
    if namespace != NAMESPACE:
        raise Unsigned("namespace", "the signature by %s was made for %r, not for %r" % (key, namespace, NAMESPACE),
                       "sign it: bootstrap render --sign KEY", key)  # fmt: skip
    lines, unread = signers_in(allowed)
    matches = [line for line in lines if is_of(line, blob)]
    if not matches:
        bad = "" if not unread else "; line %s of it cannot be read" % ", ".join(map(str, unread))
        raise Unsigned("unknown", "the bundle is signed by %s, which %s does not allow%s" % (key, name, bad),
                       "sign it with an allowed key, or add this key to the image", key)  # fmt: skip
    valid = in_time(matches, host.now(), key, name)
    # find-principals takes the first line of a key, even if that line is for another namespace.
    fitting = [line for line in valid if any(fnmatch.fnmatchcase(NAMESPACE, word) for word in namespaces(line))]
    # ssh-keygen reads only the lines that count now, without their times: Debian 11's knows no times, those before 9.1
    # know no Z, and none of them distinguishes "too early" from "too late" except in its wording.
    text = "".join("%s %s%s %s\n" % (s.principals, passed_on(s), s.kind, base64_of(s.key)) for s in fitting or valid)
    armored = "-----BEGIN SSH SIGNATURE-----\n%s\n-----END SSH SIGNATURE-----\n" % signature
    try:
        host.save(scratch + ".list", text.encode("latin-1"), 0o600, durable=False)
        host.save(scratch + ".sig", armored.encode(), 0o600, durable=False)
        files = ["-f", scratch + ".list", "-s", scratch + ".sig"]
        code, output = keygen(host, ["find-principals"] + files, unsigned, key)
        principal = output.split("\n")[0]
        if code or not principal:
            raise Unsigned("unknown", "ssh-keygen finds %s in %s but refuses it: %s" % (key, name, output.strip()),
                           "check that line; for a certificate, also its principals and its validity", key)  # fmt: skip
        code, output = keygen(host, ["verify", "-n", NAMESPACE, "-I", principal] + files, unsigned, key)
    finally:
        for end in ".list", ".sig":
            host.remove(scratch + end)
    if code:
        if not fitting:
            raise Unsigned("namespace", "%s allows %s to sign for %s only" % (name, key, namespaces(valid[0])[0]),
                           'write namespaces="%s" there' % NAMESPACE, key)  # fmt: skip
        raise Unsigned("altered", "the bundle is not the one that %s has signed: it was altered later, or the "
                       "signature belongs to another bundle" % key, "render and sign it again", key)  # fmt: skip
    return "%s %s" % (principal, key)


def keygen(host, arguments, data, key):
    """(exit code, what was printed) of `ssh-keygen -Y`. Raises Unsigned where there is none that can."""

    def question():
        import subprocess  # here, in the child: it is slow to import, and the runner itself does without

        try:
            done = subprocess.run(
                ["ssh-keygen", "-Y"] + arguments, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=dict(os.environ, LC_ALL="C"), timeout=KEYGEN_S,
            )  # fmt: skip
        except OSError:
            return b"127\n"
        except subprocess.TimeoutExpired:
            return b"124\n"
        return b"%d\n" % done.returncode + done.stdout + (done.stderr if done.returncode else b"")

    answer = host.ask(question, KEYGEN_S + 5)
    code, _, output = os.fsdecode(answer or b"124\n").partition("\n")
    if code == "127":
        raise Unsigned("ssh-keygen", "the bundle is signed, but this host has no ssh-keygen to check it with",
                       "install openssh-client (openssh on RHEL) in the image", key)  # fmt: skip
    if code == "124":
        raise Unsigned("ssh-keygen", "ssh-keygen did not answer within %g s" % KEYGEN_S, "try again", key)
    if "unknown option" in output or "illegal option" in output or "Unsupported operation" in output:
        raise Unsigned("ssh-keygen", "this host's ssh-keygen is too old to check signatures",
                       "install OpenSSH 8.2 or newer", key)  # fmt: skip
    return int(code), output


def opened(signature):
    """(the public key, the namespace) that an SSHSIG names. Raises Unsigned (altered) when it is none."""
    try:
        blob = binascii.a2b_base64(signature)
        if blob[:10] != b"SSHSIG\0\0\0\1" or wrapped(blob) != signature:
            raise ValueError
        public, namespace, _, _, _ = strings(blob[10:], 5)
        return public, namespace.decode("utf-8")
    except ValueError:
        raise Unsigned("altered", "the bundle's signature cannot be read", "render and sign it again")


def strings(blob, count):
    """The first strings of one of SSH's blobs, each behind its length. Raises ValueError when there are fewer."""
    values = []
    for _ in range(count):
        size = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + size:
            raise ValueError("cut off")
        values.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return values


def base64_of(data):
    return binascii.b2a_base64(data).decode().strip()


def wrapped(blob):
    """The base64 text that ssh-keygen writes between its armor: lines of 70 letters."""
    text = base64_of(blob)
    return "\n".join(text[at : at + 70] for at in range(0, len(text), 70))


def fingerprint(blob):
    """SHA256:… of a public key as `ssh-keygen -l` prints it, of a certificate that of its key."""
    try:
        kind = strings(blob, 1)[0].decode("latin-1")
        if kind.endswith(CERTIFIED):
            name = kind[: -len(CERTIFIED)]
            fields = strings(blob, 2 + FIELDS.get(name, 2))[2:]
            plain = name + "@openssh.com" if name.startswith("sk-") else name
            blob = b"".join(len(field).to_bytes(4, "big") + field for field in [plain.encode("latin-1")] + fields)
    except ValueError:
        pass  # the digest of the bytes as they are still names the key
    return "SHA256:" + base64_of(hashlib.sha256(blob).digest()).rstrip("=")


def signers_in(text):
    """([Allowed], [numbers of lines that cannot be read]) of the text of an allowed_signers file."""
    lines, unread = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.match(line)
        pairs = re.findall('([A-Za-z-]+)(?:="([^"]*)")?', match.group(2) or "") if match else []
        options = {option.lower(): value for option, value in pairs}
        try:
            if not match or len(options) != len(pairs):
                raise ValueError
            for option in "valid-after", "valid-before":
                seconds(options.get(option, "19700101z"))
            lines.append(Allowed(match.group(1), options, match.group(3), binascii.a2b_base64(match.group(4))))
        except (ValueError, OverflowError):
            unread.append(number)
    return lines, unread


def is_of(line, blob):
    """Whether a line is for this public key, or for the authority that has certified it."""
    if "cert-authority" in line.options:
        # A certificate holds the key of its authority; ssh-keygen checks all the rest.
        return CERTIFIED.encode() in blob[:64] and line.key in blob
    return line.key == blob


def seconds(text):
    """A time of allowed_signers (YYYYMMDD[HHMM[SS]], with Z in UTC, else in this host's zone) since 1970."""
    utc = text[-1:] in "zZ"
    shape = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(text) - utc)
    if not shape or not text[: len(text) - utc].isdigit():
        raise ValueError("no time")
    return (calendar.timegm if utc else time.mktime)(time.strptime(text[: len(text) - utc], shape))


def in_time(lines, now, key, name):
    """The lines that count now. Raises Unsigned (expired, early) when none does."""
    good = [
        line
        for line in lines
        if seconds(line.options.get("valid-after", "19700101z")) <= now
        and now <= seconds(line.options.get("valid-before", "29991231z"))
    ]
    if good:
        return good
    limits = lines[-1].options
    is_early = seconds(limits.get("valid-after", "19700101z")) > now
    clock = "this host's clock says %s" % time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now))
    times = " and ".join("%s %s" % limit for limit in sorted(limits.items()) if limit[0].startswith("valid-"))
    raise Unsigned(
        "early" if is_early else "expired",
        "the key %s, which signed the bundle, is %s: %s has %s, and %s"
        % (key, "not valid yet" if is_early else "no longer valid", name, times, clock),
        "if the clock is right, sign with a key that is valid; else set the clock", key,
    )  # fmt: skip


def passed_on(line):
    """The options of a line that ssh-keygen still has to judge."""
    options = ["cert-authority"] if "cert-authority" in line.options else []
    options += ['namespaces="%s"' % line.options["namespaces"]] if "namespaces" in line.options else []
    return ",".join(options) + " " if options else ""


def namespaces(line):
    return line.options.get("namespaces", "*").split(",")
