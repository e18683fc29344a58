"""Lines of an allowed_signers file by which no host of the image would take a bundle, for `bake` and for `seal`.

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
# A blank or a comma in it divides nothing.
_QUOTED = r'"(?:\\.|[^"\\])*"'
# Blanks to the host, which reads bytes; the last two are parts of letters in UTF-8.
_BLANKS = re.compile("[\x0b\x0c\x1c-\x1f\x85\xa0]")


@dataclass(frozen=True)
class Wrong:
    """One line that is of no use. line, column: from 1, in characters; mend: what to write instead.

    elsewhere: it is right, for other things than bundles.
    """

    line: int
    column: int
    why: str
    mend: str
    elsewhere: bool = False


def wrong(text: bytes) -> tuple[int, list[Wrong]]:
    """(how many lines are to name a key, those of them that are of no use).

    A line for other things only is one of those where no line is for bundles: the list may be the one that git takes.
    """
    keys, found, good = 0, list[Wrong](), False
    # In Latin-1, as the host reads it.
    for number, line in enumerate(text.decode("latin-1").split("\n"), 1):
        read, unread = signed.signers_in(line)
        keys += len(read) + len(unread)
        indent = len(line) - len(line.lstrip())
        first = 1 + len(_text(line[:indent]))
        for allowed in read:
            if not _is_key(allowed.kind, allowed.key):
                found.append(Wrong(number, first, *_damaged(allowed.kind)))
            elif not _is_for_bundles(allowed):
                found.append(Wrong(number, first, *_for_others(allowed), elsewhere=True))
            else:
                good = True
        for _ in unread:
            at, why, mend = _unread(line)
            found.append(Wrong(number, 1 + len(_text(line[: max(at, indent)])), why, mend))
    return keys, [one for one in found if not (good and one.elsewhere)]


def over(text: bytes, now: float) -> str:
    """That no key is left whose time is not over, or comes; "" where there is one. now: seconds since 1970.

    No refusal: the clock that counts is that of a host.
    """
    read, _ = signed.signers_in(text.decode("latin-1"))
    ends = [one.options.get("valid-before", "29991231z") for one in read]
    last = max(ends, key=signed.seconds, default="29991231z")
    return f"the time of every key is over, of the last one since {last}" if signed.seconds(last) < now else ""


def _is_for_bundles(allowed: signed.Allowed) -> bool:
    spaces = signed.namespaces(allowed)
    # As ssh-keygen has it, what a pattern with ! excludes is not allowed by another one.
    excluded = any(one[:1] == "!" and fnmatchcase(signed.NAMESPACE, one[1:]) for one in spaces)
    return not excluded and any(fnmatchcase(signed.NAMESPACE, one) for one in spaces)


def _for_others(allowed: signed.Allowed) -> tuple[str, str]:
    """(why, mend) of a key that is for other things."""
    spaces = _word(",".join(signed.namespaces(allowed))) or "nothing"
    why = f"it is for {spaces}, and bundles are signed for {signed.NAMESPACE}"
    return why, f'write namespaces="{signed.NAMESPACE}", or leave the line out'


def _damaged(kind: str) -> tuple[str, str]:
    """(why, mend) of a key that is not whole."""
    why = f"its key is no {_word(kind)} key: it is cut off or damaged"
    return why, "copy type and key whole from the .pub file"


def _is_key(kind: str, blob: bytes) -> bool:
    """Whether it is a key of that type, as whole as its own lengths say; of a certificate, whether it begins as one."""
    try:
        name = signed.strings(blob, 1)[0]
        rest, fields = blob[4 + len(name) :], 0
        while rest and not kind.endswith(signed.CERTIFIED):
            rest, fields = rest[4 + len(signed.strings(rest, 1)[0]) :], fields + 1
    except ValueError:
        return False
    return bool(name.decode("latin-1") == kind and (fields or rest))


def _unread(line: str) -> tuple[int, str, str]:
    """(column from 0, why, mend) of a line that the host cannot read."""
    blank = _BLANKS.search(line)
    if blank:
        return blank.start(), "there is a character that the host takes for a blank", "write the name in ASCII"
    if line.replace('\\"', "").count('"') % 2:
        return line.rindex('"'), "a quote is not closed", SHAPE
    words = list(re.finditer(rf"(?:{_QUOTED}|[^\s\"])+", line))
    at = next((n for n, word in enumerate(words) if _KIND.fullmatch(word[0])), None)
    if at is None:
        return 0, "there is no type of key in it, such as ssh-ed25519", SHAPE
    if at == 0:
        return 0, "it does not begin with the name of who signs", SHAPE
    if at > 2 or len(words) < at + 2:
        return 0, "it is not NAME [OPTIONS] TYPE KEY", SHAPE
    for start, why, mend in _options(words[1][0]) if at == 2 else ():
        return words[1].start() + start, why, mend
    key = words[at + 1]
    if not re.fullmatch("[A-Za-z0-9+/]+={0,2}", key[0]) or len(key[0]) % 4:
        return (key.start(), *_damaged(words[at][0]))
    return 0, "the host cannot read it", SHAPE


def _options(text: str) -> Iterator[tuple[int, str, str]]:
    """What is wrong in the word of options, each with its place there."""
    seen = set()
    for option in re.finditer(rf'(?:{_QUOTED}|[^,"])+', text):
        name, equals, value = option[0].partition("=")
        if not re.fullmatch(signed.OPTION, option[0], re.IGNORECASE):
            known = 'cert-authority, namespaces="…", valid-after="…", valid-before="…"'
            yield option.start(), f"{_word(option[0])} is no option that the host reads", f"there are {known}"
        elif name.lower() in seen:
            yield option.start(), f"it has {name} twice", "leave one of them"
        elif equals and name.lower() != "namespaces" and not _is_time(value.strip('"')):
            why = f"{_word(option[0])} is no time"
            yield option.start(), why, f'{name}="20301231Z": YYYYMMDD[HHMM[SS]], with Z in UTC'
        seen.add(name.lower())


def _is_time(text: str) -> bool:
    try:
        signed.seconds(text)
    except (ValueError, OverflowError):
        return False
    return True


def _text(text: str) -> str:
    """A part of a line as people see it, whose file is UTF-8."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def _word(text: str) -> str:
    return shown(_text(text))
