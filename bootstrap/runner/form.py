"""The form of a bundle, said once, for all that write one, read one, or look for one among other bytes.

`docs/reference/bundle.md` describes it byte by byte. One other place repeats a part of it, since it unpacks the code
that this module belongs to: `files/bundle/stub.py`, the reader in each bundle. Tests compare the two.
"""

import re
import zlib

# The beginning tells a bundle from every other script. Whoever looks for a bundle goes by it alone, so that the words
# behind it may change from version to version.
MAGIC = "#!/bin/sh\n# initialrunner: sets "
PURPOSE = "this server up once. What is inside: sh THIS_FILE source"
# The fixed text around PURPOSE and three quoted texts: the Python program that reads the bundle, the sh program that
# starts it, and the packed parts. None of the three may hold a quote, which would end the string that carries it.
GLUE = MAGIC + "%s\n_bundle() {\nP='%s'\nH='%s'\nD='%s'\neval \"$H\"\n}\n"
# All before it only defines a function and this line calls it, so that a bundle which is cut off runs nothing. It
# carries the SHA-256, in hex, of all the lines before it.
LAST_LINE = '_bundle %s "$@"\n'
# Between the packed parts: code, plan, file contents and perhaps a signature. No packed part has a line like it: each
# of their lines has a multiple of four letters.
SEPARATOR = "\n-\n"
# Within the code, between the modules that each tick compiles and the rest.
PARTING = b"\v"
# Within the code, before each module. Modules are compiled one by one, because the syntax tree of all at once would
# take 5 MiB more, and because a traceback can then name the module, which begins with a comment that holds its name.
SEAM = b"\f"
# The letters of packed parts: "!" to "~" without three. A quote would end the string that holds it, a backslash is
# rewritten by dash's echo, through which the trigger hashes the bundle, and a brace begins what templates of others
# replace. Sixteen letters of 91 hold thirteen bytes, since 91 ** 16 is just above 256 ** 13.
LETTERS = "".join(chr(code) for code in range(33, 127) if chr(code) not in "'\\{")
# Letters of a line. Mail allows 998 characters, and a cloud-config indents them by four.
WIDTH = 992


def encode(data):
    """Write bytes as lines of letters, sixteen for thirteen bytes. Zeros fill up the last thirteen."""
    text = []
    for at in range(0, len(data), 13):
        number = int.from_bytes((data[at : at + 13] + bytes(12))[:13], "big")
        text += [LETTERS[number // 91**power % 91] for power in range(15, -1, -1)]
    return "\n".join("".join(text[at : at + WIDTH]) for at in range(0, len(text), WIDTH))


def deflated(data, dictionary):
    """Pack bytes with a dictionary, which is the code of the bundle: the plan and the files use its words too."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return packer.compress(data) + packer.flush()


def decode(text):
    """Return the bytes behind lines of letters, and the zeros that filled them up. Raises ValueError, OverflowError."""
    digits = [LETTERS.index(letter) for letter in text.replace("\n", "")]
    if len(digits) % 16:
        raise ValueError("it is cut off")
    # Four digits become one, twice: numbers of Python's own size in the first round, which is fast.
    for base in 91, 91**4:
        digits = [((a * base + b) * base + c) * base + d for a, b, c, d in zip(*[iter(digits)] * 4)]
    return b"".join([number.to_bytes(13, "big") for number in digits])


def unpacked_code(part, most=-1):
    """Return the code of a bundle, what a tick needs and the rest, from its packed part.

    most: bytes that it may have, for a part that anybody may have made. Raises the errors of bz2 and decode().
    """
    import bz2

    return bz2.BZ2Decompressor().decompress(decode(part), most).split(PARTING)


def pattern(template, *groups):
    """Return the regular expression, as bytes, of one of the templates above; groups: patterns for each %s."""
    texts = [re.escape(text) for text in template.split("%s")]
    return "".join(text + group for text, group in zip(texts, groups + ("",))).encode()


# A whole bundle of any version. Its groups: all before the packed parts, these, all from them to the last line, and the
# digest on that line.
WHOLE = re.compile(
    b"(%s)%s" % (pattern(GLUE, "[^'\n]*", "[^']*", "[^']*", ")([^']*)("), pattern(LAST_LINE, "([0-9a-f]{64})"))
)
# A carrier: a bundle without the runner's text, which a host takes by its SHA-256 from elsewhere (payload/split.py). It
# is a sh script, too. Its groups, as text: the SHA-256 of the runner's text, that of the whole bundle, the URLs of the
# text, and the rest of the bundle.
CARRIER_MAGIC = "#!/bin/sh\n# initialrunner: sets this server up once, with a runner"
CARRIER = re.compile(
    "(?s)%s.*?\nr=([0-9a-f]{64}) b=([0-9a-f]{64})\n(?:.*?\ndone <<\"E\"\n(.*?)\nE\n)?"
    ".*?\n{ cat [$]t; cat <<\"E\"\n(.*?\n)E\n.*\nc=[$]\\(_carrier\\) d=[0-9a-f]{64}\n.*exit 4\n"
    % re.escape(CARRIER_MAGIC)
)
# The text lies in this folder of an image, under the name of its SHA-256.
RUNNERS = "/usr/lib/initialrunner"
# The last line of a carrier, and the SHA-256 of its program, which is the first group.
CARRIER_END = "};exit 4"
# A carrier that waits leaves its program alone on the disk. This makes a carrier of it again, with its SHA-256.
CARRIER_FRAME = CARRIER_MAGIC + '\n{\n_carrier() {\ncat <<"__"\n%s__\n}\nc=$(_carrier) d=%s\n};exit 4\n'
CARRIER_PROGRAM = re.compile('(?s).*?\ncat <<"__"\n(.*)\n__\n}\nc=[$]\\(_carrier\\) d=([0-9a-f]{64})\n')
