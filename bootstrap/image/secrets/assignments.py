"""Passwords and keys that a setting is given, and passwords in URLs: judged by the word before them and by their value.

Only settings and scripts are searched for these. In a program's source `password = form.password` is no secret.
"""

from __future__ import annotations

import re

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
_WORDS = (b"pass", b"pwd", b"secret", b"token", b"key")
# Behind the word: `=` and the like; `, ` in PHP's define(); `>` in XML, where the next tag closes.
_BETWEEN = rb"(?:[\"'\])]{0,3}[ \t]{0,20}(?:=>|:=|[:=]|,(?=[ \t]{0,4}[\"']))|>(?=[^<>\s]{1,200}</))[ \t]{0,20}"
# A word ends a name: PASSWORD_FILE and TOKEN_URL tell where a secret is, not what it is.
_PASSWORD = re.compile(rb"pass(?:word|wd|phrase|wort)?\d?" + _BETWEEN)
_OTHER = re.compile(rb"(?:secret(?:_?key(?:_?base)?)?|token|(?<=[_.-])pwd|key)\d?" + _BETWEEN)
_KEY_BEFORE = re.compile(
    rb"(?:api|des|aes|blowfish|fernet|hash|access|secret|private|auth|encryption|encrypt|signing|master|account|storage|shared|app|crypt|session"
    rb"|cookie|hmac|jwt|client|service|license|deploy|webhook|admin|write|ingest|integration|cluster|gossip|consumer)"
    rb"[_.-]?\Z"
)
# `--password VALUE`, where a blank stands between.
_OPTION = re.compile(rb"(?:password|passwd|passphrase|token|secret)[ \t](?=[^\s-])")
_DASHES = re.compile(rb"(?<![\w-])--[\w-]{0,30}\Z")
_VALUE = re.compile(rb"\"([^\"\r\n]{1,500})\"|'([^'\r\n]{1,500})'|([^\s\"'#;,<>(){}\[\]][^\s\"',;)}\]]{0,500})")
_DEFINE = re.compile(rb"(?i)define\s{0,4}\(\s{0,4}[\"'][\w.-]{0,60}\Z")
_SENTENCE = re.compile(rb"[ \t]+[A-Za-z0-9(]")
_KEY_START = re.compile(rb"(?:\A|[\n,{;])[ \t]*(?:-[ \t]+)?[\w.-]{0,60}[\"']?\Z")
_COMMENT = re.compile(rb"[ \t]*(?:#|;|//(?![\w.-]+/)|/\*|\*|--[ \t]|!|<!--|rem[ \t])", re.IGNORECASE)
_URL = re.compile(rb"://[^/\s:@'\"<>$(){}*%\[\]]{0,64}:([^/\s:@'\"<>]{1,128})@[A-Za-z0-9\[_$-]")
_REFERENCE = re.compile(
    rb"(?i)[$%{<@&*!\[(|`+?-]|\S*(?:\$\{|\$\(|\{\{|%\(|<[a-z]|env\[|getenv|process\.env|os\.environ|::|->)"
    rb"|(?:env|file|vault|secret|arn|ref|ssm|op|gcp|aws|https?|kms|keyring|unix|tcp|var|data|local|module)[:.]\S*"
    rb"|(?:self|cls|this|args|opts|options|settings|config|cfg|request|kwargs)\.[a-z_][\w.]*"
    rb"|(?:\.{0,2}|~)/\S*|\S*:\Z|\S+\.(?:pem|key|crt|txt|json|ya?ml|conf|py|php|sh|html?|env)|\S*\(\)?"
)
_WORDLESS = re.compile(
    rb"(?i)(?:change|replace|insert|enter|fill|put|set|your|my|the|a|some|this)[\s_.-]?\S*"
    rb"(?:me|this|here|it|password|passwd|pass|secret|token|key|in)"
    rb"|[a-z_.]+_(?:password|passwd|passphrase|secret|token|key)"
    rb"|x+|\*+|\.+|-+|_+|#+|0+|1?2?3?4?5?6?7?8?9?0?|n/?a|null|nil|none|empty|true|false|yes|no|on|off|undefined|unset"
    rb"|\S*(?:example|placeholder|redacted|changeme|change[_-]me|changeit|dummy|sample|xxxx|must-be)\S*|todo|tbd|fixme|testing\d*|whatever|my(?:pass(?:word)?|secret)|foo|bar|baz|foobar(?:ed)?|new"
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
    return any(_is_assigned(text, small, word) for word in _WORDS)


def in_url(text: bytes) -> bool:
    """Whether a URL in a text has a password that is no placeholder."""
    return b"@" in text and any(
        _is_secret(match[1]) and not _is_comment(text, match.start()) for match in _URL.finditer(text)
    )


def _is_assigned(text: bytes, small: bytes, word: bytes) -> bool:
    """Whether one of the words is followed by a secret. small: the text in small letters."""
    head_of = _PASSWORD if word == b"pass" else _OTHER
    # People choose passwords; a key is random.
    is_password = word in (b"pass", b"pwd")
    at = small.find(word)
    while at >= 0:
        head = head_of.match(small, at) or _option(small, at)
        if head is not None and _is_name(small, at, word, head[0]):
            match = _VALUE.match(text, head.end())
            value = (match[1] or match[2] or match[3]).strip() if match else b""
            is_meant = (is_password or _looks_random(value)) and _is_secret(value) and not _is_comment(text, at)
            if match and is_meant and _is_value(text, at, head[0], match):
                return True
        at = small.find(word, at + 1)
    return False


def _option(small: bytes, at: int) -> re.Match[bytes] | None:
    """The word at a place, where it ends the name of an option."""
    head = _OPTION.match(small, at)
    return head if head and _DASHES.search(small, max(0, at - 34), at) else None


def _is_value(text: bytes, at: int, head: bytes, match: re.Match[bytes]) -> bool:
    """Whether what stands around a word and its value is a setting. head: the word and what is between the two."""
    sign = head.rstrip()[-1:]
    if sign == b",":
        return _DEFINE.search(text, max(0, at - 80), at) is not None
    if sign == b":" and match[3]:
        # `passwd: a sentence`, and `pass:` in the middle of a value, as in `-passin pass:x` and `spf = pass:fail`.
        is_sentence = _SENTENCE.match(text, match.end()) is not None
        return not is_sentence and (head[:5] != b"pass:" or _KEY_START.search(text, max(0, at - 80), at) is not None)
    return True


def _is_name(small: bytes, at: int, word: bytes, head: bytes) -> bool:
    """Whether the word at a place ends the name of a secret."""
    if word == b"key":
        return _KEY_BEFORE.search(small, max(0, at - 16), at) is not None
    return word != b"pass" or not _other_word(small, at, head)


def _other_word(small: bytes, at: int, head: bytes) -> bool:
    """Whether `pass` is the end of another word: `bypass: x` and `compass = x`, but not `dbpass` and `DB_PASS`."""
    return head[4:5] not in (b"w", b"p") and small[at - 1 : at].isalpha() and small[at - 2 : at] not in (b"db", b"tp")


def _is_comment(text: bytes, at: int) -> bool:
    """Whether a place is in a comment, by the beginning of its line."""
    begin = text.rfind(b"\n", max(0, at - 200), at) + 1
    return _COMMENT.match(text, begin or max(0, at - 200), at) is not None


def _is_secret(value: bytes) -> bool:
    """Whether a value is a real one: no placeholder, no reference, no word."""
    value = value.removesuffix(b"\\n")
    return len(value) > 2 and b" " not in value and not _REFERENCE.match(value) and not _WORDLESS.fullmatch(value)


def _looks_random(value: bytes) -> bool:
    """Whether a value has letters and digits without an order, as keys do and words do not."""
    return len(value) >= 8 and len(set(value)) >= 6 and bool(_DIGIT.search(value) and _LETTER.search(value))


_DIGIT, _LETTER = re.compile(rb"\d"), re.compile(rb"[A-Za-z]")
