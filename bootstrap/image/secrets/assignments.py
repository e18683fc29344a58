"""Passwords and keys that a setting is given, and passwords in URLs: judged by the word before them and by their value.

Only settings and scripts are searched for these. In a program's source `password = form.password` is no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.image.secrets.pattern import Secret

_NEVER = re.compile(rb"(?!)")
ASSIGNED = Secret(
    "secret.assigned", (), _NEVER, "a password or a key in a setting", "every clone has it",
    "remove the value; a payload can bring it to each server",
)  # fmt: skip
IN_URL = Secret(
    "secret.url", (), _NEVER, "a password in a URL", "every clone could use it",
    "remove the password; a payload can bring it to each server",
)  # fmt: skip

# The beginnings of the words are looked for first, in small letters.
_WORDS = (b"pass", b"pwd", b"secret", b"token", b"key", b"auth", b"psk")
_BETWEEN = rb"[\"'\])]{0,3}[ \t]{0,20}(?:=>|:=|[:=]|,(?=[ \t]{0,4}[\"']))[ \t]{0,20}"
# A word ends a name: PASSWORD_FILE and TOKEN_URL tell where a secret is, not what it is.
_PASSWORD = re.compile(rb"pass(?:word|wd|phrase|wort)?\d?" + _BETWEEN)
_OTHER = re.compile(rb"(?:secret(?:_?key(?:_?base)?)?|token|(?<=[_.-])psk|(?<=[_.-])auth|(?<=[_.-])pwd|key)\d?" + _BETWEEN)
_KEY_BEFORE = re.compile(
    rb"(?:api|access|secret|private|auth|encryption|encrypt|signing|master|account|storage|shared|app|crypt|session"
    rb"|cookie|hmac|jwt|client|service|license|deploy|webhook|admin|write|ingest|integration|cluster|gossip|consumer)"
    rb"[_.-]?\Z"
)
_ELEMENT = re.compile(
    rb"(?i)<[\w:.-]{0,30}(?:password|passwd|passphrase|secret|token|apikey)>\s{0,9}([^<>\s]{1,200})\s{0,9}</"
)
_OPTION = re.compile(rb"(?i)(?<![\w])--[\w-]{0,30}(?:password|passwd|passphrase|token|secret)[ =]([^\s\"'-][^\s\"']{2,200})")
_VALUE = re.compile(rb"\"([^\"\r\n]{1,500})\"|'([^'\r\n]{1,500})'|([^\s\"'#;,<>(){}\[\]][^\s\"',;)}\]]{0,500})")
_COMMENT = re.compile(rb"^[ \t]*(?:#|;|//|/\*|\*|--[ \t]|!|<!--|rem[ \t])", re.IGNORECASE)
_URL = re.compile(rb"[a-z][a-z0-9+.-]{1,20}://[^/\s:@'\"<>$(){}*%\[\]]{0,64}:([^/\s:@'\"<>]{1,128})@[A-Za-z0-9\[_$-]")
_REFERENCE = re.compile(
    rb"(?i)[$%{<@&*!\[(|]|\S*(?:\$\{|\$\(|\{\{|%\(|<[a-z]|env\[|getenv|process\.env|os\.environ|::|->)"
    rb"|(?:env|file|vault|secret|arn|ref|ssm|op|gcp|aws|https?|kms|keyring|unix|tcp|var|data|local|module)[:.]\S*"
    rb"|(?:\.{0,2}|~)/\S*|\S+\.(?:pem|key|crt|txt|json|ya?ml|conf|py|php|sh|html?|env)|\S*\(\)?"
)
_WORDLESS = re.compile(
    rb"(?i)(?:change|replace|insert|enter|fill|put|set|your|my|the|a|some|this)[\s_.-]?\S*"
    rb"(?:me|this|here|it|password|passwd|pass|secret|token|key|in)"
    rb"|x+|\*+|\.+|-+|_+|#+|0+|1?2?3?4?5?6?7?8?9?0?|n/?a|null|nil|none|empty|true|false|yes|no|on|off|undefined|unset"
    rb"|\S*(?:example|placeholder|redacted|changeme|change[_-]me|changeit|dummy|sample|fixme|todo|tbd|xxxx|must-be)\S*"
    rb"|(?:plain|clear|text|string|str|bytes?|int|bool|boolean|optional|required|requisite|sufficient|include|prompt|ask"
    rb"|md5|sha\d+|crypt|bcrypt|yescrypt|hash(?:ed)?|scram-sha-256|trust|peer|ident|reject|gss|ldap|pam|files?|compat"
    rb"|systemd|winbind|sss|nis|db|default|disabled?|enabled?|auto|always|never|any|all|basic|bearer|digest|write|read"
    rb"|hidden|secret|secrets|password|passwd|passphrase|pass|pwd|token|key|user|username|login|admin[_-]password"
    rb"|value|name|id|self|input|object|array|number|type|field|label|title|description|return|function|var|let|const"
    rb"|stdin|keychain|keyring|interactive|manual|random|generate[d]?|session|cookie|header|query|body|bearer_token)"
)


def assigned(text: bytes) -> bool:
    """Whether a setting in a text is given a password, or a key that looks random."""
    small = text.lower()
    return any(
        _is_secret(value, is_password) for word in _WORDS for value, is_password in _values(text, small, word)
    ) or any(_is_secret(match[1], True) for pattern in (_ELEMENT, _OPTION) for match in _written(pattern, text))


def in_url(text: bytes) -> bool:
    """Whether a URL in a text has a password that is no placeholder."""
    return b"@" in text and any(_is_secret(match[1], True) for match in _written(_URL, text))


def _written(pattern: re.Pattern[bytes], text: bytes) -> Iterator[re.Match[bytes]]:
    """The matches that stand in no comment."""
    for match in pattern.finditer(text):
        if not _COMMENT.match(_line_before(text, match.start())):
            yield match


def _values(text: bytes, small: bytes, word: bytes) -> Iterator[tuple[bytes, bool]]:
    """The values behind a word, and whether it names a password, which people choose, or a key, which is random."""
    at = -1
    while (at := small.find(word, at + 1)) >= 0:
        is_password = word in (b"pass", b"pwd")
        head = (_PASSWORD if word == b"pass" else _OTHER).match(small, at)
        if head is None or (word == b"key" and not _KEY_BEFORE.search(small, max(0, at - 16), at)):
            continue
        before = _line_before(text, at)
        # `bypass: x` and `compass = x` are no passwords; `dbpass` and `DB_PASS` are.
        if word == b"pass" and _other_word(small, at, head[0]):
            continue
        match = _VALUE.match(text, head.end())
        if match and not _COMMENT.match(before):
            yield match[1] or match[2] or match[3] or b"", is_password


def _other_word(small: bytes, at: int, head: bytes) -> bool:
    return head[4:5] not in (b"w", b"p") and small[at - 1 : at].isalpha() and small[at - 2 : at] not in (b"db", b"tp")


def _line_before(text: bytes, at: int) -> bytes:
    """The beginning of the line up to a place, at most 200 bytes of it."""
    begin = max(text.rfind(b"\n", max(0, at - 200), at) + 1, at - 200)
    return text[max(begin, 0) : at]


def _is_secret(value: bytes, is_password: bool) -> bool:
    """Whether a value is a real one: no placeholder, no reference, no word; a key must look random as well."""
    value = value.strip().removesuffix(b"\\n")
    if len(value) < 3 or b" " in value or _REFERENCE.match(value) or _WORDLESS.fullmatch(value):
        return False
    return is_password or _looks_random(value)


def _looks_random(value: bytes) -> bool:
    """Whether a value has letters and digits without an order, as keys do and words do not."""
    kinds = [any(byte in kind for byte in value) for kind in (_DIGITS, _SMALL, _LARGE)]
    return len(value) >= 8 and kinds[0] and sum(kinds) >= 2 and len(set(value)) >= 6 and b"." not in value[:3]


_DIGITS, _SMALL, _LARGE = b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
