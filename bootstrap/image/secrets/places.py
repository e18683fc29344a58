"""Which files are searched, and for what, by their paths: libraries and their samples, settings, scripts."""

from __future__ import annotations

import re

# Files below these are not searched: they are programs, or come from packages, or anybody may download them.
UNSEARCHED = (
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/dev", "/proc", "/sys", "/boot/grub",
    "/etc/ssl/certs", "/etc/ca-certificates", "/etc/pki/ca-trust", "/etc/alternatives",
    "/var/lib/dpkg", "/var/lib/apt", "/var/lib/rpm", "/var/lib/dnf", "/var/lib/pacman", "/var/lib/aptitude",
    "/var/cache", "/var/lib/selinux", "/var/lib/flatpak", "/lost+found",
)  # fmt: skip
SEARCHED = ("/usr/local",)
# Programs of packages: searched where a package database tells which files belong to none.
OF_PACKAGES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr")
# Only so much of a file is searched: a larger text is a log or a dump.
MOST_BYTES = 8 << 20

# Packages of these languages bring keys for their own tests.
_LIBRARY = re.compile(
    r"/(?:lib/python[0-9.]+|lib/python3|node_modules|gems|pkg/mod|share/(?:doc|perl5?|php|nodejs|javascript|ri)"
    r"|vendor/(?:bundle|[a-z0-9_-]+/[a-z0-9_-]+)|site-packages|dist-packages)/"
)
_SAMPLES = re.compile(
    r"/(?:tests?|__tests__|testdata|testing|fixtures?|examples?|samples?|docs?|spec|demos?|e2e|mocks?|[^/]*-info"
    r"|bench(?:mark)?s?|conformance|botocore/data)(?:/|$)"
    r"|/[^/]*(?:\.(?:md|markdown|rst|adoc|html?|map|d\.ts|po|mo|pyc)|\.(?:test|spec)\.[a-z]+|_test\.[a-z]+)$"
    r"|/(?:test_[^/]*|(?:readme|changelog|changes|history|news)(?:\.[^/]*)?|package(?:-lock)?\.json)$",
    re.IGNORECASE,
)
_MANUAL = re.compile(r"/usr/(?:local/)?share/(?:doc|man|info|locale|gtk-doc|help)/")
_SETTINGS = re.compile(
    r"/etc/.*"
    r"|.*\.(?:conf|cnf|cfg|config|ini|env|ya?ml|toml|json|properties|props|xml|tfvars|settings|secrets?|credentials?"
    r"|service|socket|timer|container|pod|kube|network|netdev|list|sh|bash|zsh|ksh|hcl|tf|nomad|ks|preseed|desktop)"
    r"|.*/(?:\.[a-z][a-z0-9_-]*(?:rc|profile|login|_aliases|env(?:\..*)?)|environment|profile|credentials?|secrets?|passwords?"
    r"|Dockerfile.*|Containerfile.*|Jenkinsfile|Vagrantfile|Makefile|settings(?:_[a-z]+)?\.py|local_settings\.py"
    r"|[^/]*\.inc\.php|config(?:uration)?\.(?:php|py|js|rb)|(?:wp-config|settings|LocalSettings|database|parameters|env)\.php"
    r"|(?:env|environment|secrets?|password)(?:\.(?:txt|py|js))?|[^./]+)",
    re.IGNORECASE,
)
_SOURCES = (
    ".py", ".js", ".mjs", ".ts", ".rb", ".php", ".txt", ".md", ".html", ".css", ".c", ".h", ".go", ".java", ".log",
)  # fmt: skip
# The most of what _SETTINGS tells, at less cost.
_USUAL = (".conf", ".json", ".yml", ".yaml", ".ini", ".cfg", ".toml", ".env", ".sh", ".service", ".xml", ".properties")
_SETTINGS_SOURCE = re.compile(
    r"/(?:[^/]*settings|config(?:uration)?|wp-config|database|parameters|env|environment|secrets?|passwords?|[^/]*\.inc)"
    r"\.[a-z]+$",
    re.IGNORECASE,
)
# Texts for people, in which "password" is a word; lists that name kinds, not passwords; the sources of an account.
_NO_SETTINGS = re.compile(
    r"/etc/(?:pam\.d|apparmor\.d|bash_completion\.d|init\.d|logcheck|services|nsswitch\.conf|login\.defs|mime.*|ssl/.*"
    r"|java.*/security|X11|fonts|selinux|insserv.*|dictionaries-common|lynx|debconf\.conf|alternatives)(?:/.*)?"
    r"|.*/(?:locales?|i18n|l10n|lang(?:uages?)?|translations?|messages|_locales|schemas?|swagger|openapi)(?:/.*|[._-][^/]*)"
    r"|.*/(?:[^/]*(?:\.|-|_)(?:schema|openapi|swagger|lock|sample|example|template|tmpl|dist|in|erb|j2|tpl)(?:\.[a-z]+)?)"
    r"|.*/(?:package(?:-lock)?|composer|tsconfig|manifest|npm-shrinkwrap)\.(?:json|lock)|.*/(?:README|LICENSE|COPYING)[^/]*",
    re.IGNORECASE,
)


def is_library(path: str) -> bool:
    """Whether a file belongs to an installed library of a language."""
    return _LIBRARY.search(path) is not None


def is_sample(path: str) -> bool:
    """Whether a file belongs to the tests or the manual of an installed library."""
    if _MANUAL.match(path):
        return True
    # The word must stand below the library: /srv/tests is no sample.
    library = _LIBRARY.search(path)
    return bool(library and _SAMPLES.search(path, library.end() - 1))


def is_settings(path: str) -> bool:
    """Whether a file is one of settings or a script, where a word before `=` or `:` names what follows it."""
    # A program's source is settings by its whole name alone, which the pattern of sources tells at less cost.
    if path.endswith(_SOURCES) and not path.startswith("/etc/") and not _SETTINGS_SOURCE.search(path):
        return False
    of_settings = path.endswith(_USUAL) or _SETTINGS.fullmatch(path)
    return bool(of_settings and not _NO_SETTINGS.fullmatch(path) and not is_library(path))
