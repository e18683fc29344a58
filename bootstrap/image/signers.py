"""Lines of an allowed_signers file that no host of the image could use, for `bake` and for `seal`.

The host's own reader, runner/baked/signed.py, decides which those are. This module adds the reason and the fix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bootstrap.image.root import shown
from bootstrap.runner.baked import signed

SHAPE = 'NAME namespaces="initialrunner" ssh-ed25519 AAAA…'
_KIND = re.compile(r"(?:ssh|ecdsa|sk)-\S+", re.IGNORECASE)
# A blank or a comma between quotes separates nothing.
_QUOTED = r'"(?:\\.|[^"\\])*"'
# The host reads bytes, and takes each of these for a blank. The last two occur within letters of UTF-8.
_BLANKS = re.compile("[\x0b\x0c\x1c-\x1f\x85\xa0]")


@dataclass(frozen=True)
class Fault:
    """One line that no host could use. line, column: from 1, in characters; fix: the text to write instead.

    is_for_others: the line is right, but its key signs other things than bundles.
    """

    line: int
    column: int
    message: str
    fix: str
    is_for_others: bool = False


def faults(text: bytes) -> tuple[int, list[Fault]]:
    """(number of lines that shall name a key, the faults of those that no host could use).

    A line for other things is a fault only if no line is for bundles: the file may be the one that git uses as well.
    """
    keys, collected, has_good_line = 0, list[Fault](), False
    # The host reads Latin-1.
    for number, line in enumerate(text.decode("latin-1").split("\n"), 1):
        read, unread = signed.signers_in(line)
        keys += len(read) + len(unread)
        indent = len(line) - len(line.lstrip())
        first = 1 + len(_text(line[:indent]))
        for allowed in read:
            if not _is_key(allowed.kind, allowed.key):
                collected.append(Fault(number, first, *_damaged(allowed.kind)))
            elif not _is_for_bundles(allowed):
                collected.append(Fault(number, first, *_for_others(allowed), is_for_others=True))
            else:
                has_good_line = True
        for _ in unread:
            at, message, fix = _unread(line)
            collected.append(Fault(number, 1 + len(_text(line[: max(at, indent)])), message, fix))
    return keys, [fault for fault in collected if not (has_good_line and fault.is_for_others)]


def expired(text: bytes, now: float) -> str:
    """A sentence when every key has expired; "" while one is valid or will be. now: seconds since 1970.

    This is a warning only, since the clock of the host decides.
    """
    read, _ = signed.signers_in(text.decode("latin-1"))
    ends = [allowed.options.get("valid-before", "29991231z") for allowed in read]
    # A key without an end counts as one with an end far away.
    last = max(ends, key=signed.seconds, default="29991231z")
    return f"every key has expired, the last one at {last}" if signed.seconds(last) < now else ""


def _is_for_bundles(allowed: signed.Allowed) -> bool:
    spaces = signed.namespaces(allowed)
    # To ssh-keygen a pattern with ! forbids a namespace, even if another pattern allows it.
    excluded = any(pattern[:1] == "!" and fnmatchcase(signed.NAMESPACE, pattern[1:]) for pattern in spaces)
    return not excluded and any(fnmatchcase(signed.NAMESPACE, pattern) for pattern in spaces)


def _for_others(allowed: signed.Allowed) -> tuple[str, str]:
    """(message, fix) for a key that signs other things than bundles."""
    spaces = _word(",".join(signed.namespaces(allowed))) or "nothing"
    message = f"the key is for {spaces}, and bundles are signed for {signed.NAMESPACE}"
    return message, f'write namespaces="{signed.NAMESPACE}", or leave the line out'


def _damaged(kind: str) -> tuple[str, str]:
    """(message, fix) for a key that is not whole."""
    message = f"the key is no {_word(kind)} key: it is cut off or damaged"
    return message, "copy the type and the whole key from the .pub file"


def _is_key(kind: str, blob: bytes) -> bool:
    """Whether a blob is a whole key of its type, by the lengths in it. Of a certificate only the start is judged."""
    try:
        name = signed.strings(blob, 1)[0]
        # Each field has its length before it (RFC 4253, section 6.6); the last one must end with the blob.
        tail, fields = blob[4 + len(name) :], 0
        while tail and not kind.endswith(signed.CERTIFIED):
            tail, fields = tail[4 + len(signed.strings(tail, 1)[0]) :], fields + 1
    except ValueError:
        return False
    return bool(name.decode("latin-1") == kind and (fields or tail))


def _unread(line: str) -> tuple[int, str, str]:
    """(column from 0, message, fix) for a line that the host cannot read."""
    blank = _BLANKS.search(line)
    if blank:
        return blank.start(), "the host takes this character for a blank", "write the name in ASCII"
    if line.replace('\\"', "").count('"') % 2:
        return line.rindex('"'), "this quote is not closed", SHAPE
    words = list(re.finditer(rf"(?:{_QUOTED}|[^\s\"])+", line))
    at = next((n for n, word in enumerate(words) if _KIND.fullmatch(word[0])), None)
    if at is None:
        return 0, "the line has no type of key, such as ssh-ed25519", SHAPE
    if at == 0:
        return 0, "the line does not begin with the name of the signer", SHAPE
    # Before the type stand the name and at most one word of options; after it stands the key.
    if at > 2 or len(words) < at + 2:
        return 0, "the line is not NAME [OPTIONS] TYPE KEY", SHAPE
    for start, message, fix in _options(words[1][0]) if at == 2 else ():
        return words[1].start() + start, message, fix
    # Base64 comes in groups of four characters, so that most cut-off keys are recognised by their length.
    key = words[at + 1]
    if not re.fullmatch("[A-Za-z0-9+/]+={0,2}", key[0]) or len(key[0]) % 4:
        return (key.start(), *_damaged(words[at][0]))
    return 0, "the host cannot read this line", SHAPE


def _options(text: str) -> Iterator[tuple[int, str, str]]:
    """The faults of an OPTIONS word, each with its place there: (column from 0, message, fix)."""
    names = set()
    for option in re.finditer(rf'(?:{_QUOTED}|[^,"])+', text):
        name, equals, value = option[0].partition("=")
        if not re.fullmatch(signed.OPTION, option[0], re.IGNORECASE):
            options = 'cert-authority, namespaces="…", valid-after="…", valid-before="…"'
            yield option.start(), f"{_word(option[0])} is no option that the host reads", f"the options are {options}"
        elif name.lower() in names:
            yield option.start(), f"the line has {name} twice", "leave one of them out"
        elif equals and name.lower() != "namespaces" and not _is_time(value.strip('"')):
            message = f"{_word(option[0])} is no time"
            yield option.start(), message, f'{name}="20301231Z": YYYYMMDD[HHMM[SS]], with Z in UTC'
        names.add(name.lower())


def _is_time(text: str) -> bool:
    try:
        signed.seconds(text)
    except (ValueError, OverflowError):
        return False
    return True


def _text(text: str) -> str:
    """A part of a line as people see it: the file is UTF-8, and was read as Latin-1."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def _word(text: str) -> str:
    return shown(_text(text))
