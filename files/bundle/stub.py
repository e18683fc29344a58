"""The reader in each bundle: it checks that the bundle is whole, unpacks the runner's code and starts it.

A bundle carries it in clear text, between two quotes of sh, as one of the three texts that the running Python is given
(head.sh, beside this file, does that). payload/pack.py leaves out comments, docstrings and spare spaces first. Outside of
them it must hold no single quote and no backslash, and it must stay ASCII and run with Python 3.6.

docs/reference/bundle.md describes the form that it reads, bootstrap/runner/form.py writes that form. The names in
capitals, `undo` and `sha256` are there for the runner, as bootstrap/runner/bundle.py lists them.

Exit codes of its own: 69, this Python cannot run the runner, so head.sh tries the next one; 4, the bundle is damaged.
"""

import os
import sys

try:
    # python3-minimal of Debian lacks some of these.
    import _bz2, _json, zlib

    # hashlib would load OpenSSL, which takes 3 MiB; it serves where Python has no SHA-256 of its own.
    for module in "_sha2", "_sha256", "hashlib":
        try:
            sha256 = __import__(module).sha256
            break
        except ImportError:
            pass
    assert sys.version_info >= (3, 6)
except Exception:
    sys.exit(69)

# The text of this very bundle, put together again from its three quoted texts. The backquotes stand for quotes. What the
# shell has handed over is thus all that can run, and the digest on the last line covers each byte of it.
data = sys.stdin.read()[:-1]
body = """#!/bin/sh
# initialrunner: sets this server up once. What is inside: sh THIS_FILE source
_bundle() {
P=`%s`
H=`%s`
D=`%s`
eval "$H"
}
""".replace("`", chr(39)) % (os.environ.pop("P"), os.environ.pop("H"), data)
expected = sys.argv.pop(1)
if sha256(body.encode()).hexdigest() != expected:
    print("initialrunner: this bundle is cut off or altered; nothing was run", file=sys.stderr)
    sys.exit(4)
TEXT = (body + """_bundle %s "$@"
""" % expected).encode()
# Code, plan, contents of files and, in a signed bundle, the signature.
PARTS = data.split("""
-
""")


def undo(text):
    """The bytes that a packed part stands for: sixteen letters, each a digit from 0 to 90, make thirteen bytes."""
    # The letters are the characters from "!" on (33), without the quote (39), the backslash (92) and the brace (123).
    digits = "".join(text.split()).encode().translate(
        bytes((c - 33 - (c > 39) - (c > 92) - (c > 123)) % 256 for c in range(256))
    )
    # Four digits become one, twice: the numbers of the first round are small, which is fast.
    for base in 91, 91**4:
        digits = [((a * base + b) * base + c) * base + d for a, b, c, d in zip(*[iter(digits)] * 4)]
    return b"".join([number.to_bytes(13, "big") for number in digits])


# A vertical tab (11) stands between the modules that are needed at once and those that are compiled later. A form feed
# (12) stands between modules; the first line of each is a comment with its name, under which tracebacks know it.
SEAM = b"%c" % 12
HOT, COLD = _bz2.BZ2Decompressor().decompress(undo(PARTS[0])).split(b"%c" % 11)
for module in HOT.split(SEAM):
    exec(compile(module, module.split(None, 1)[0][1:], "exec"))
main(sys.argv[1:])
