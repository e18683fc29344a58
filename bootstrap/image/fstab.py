"""The mounts that an image's /etc/fstab asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootstrap.image.accounts import read_lines
from bootstrap.image.tree import Tree

PATH = "/etc/fstab"


@dataclass(frozen=True)
class Mount:
    """One line. The fields are those of fstab(5); octal escapes and quotes are taken out."""

    source: str
    place: str
    kind: str
    options: tuple[str, ...]

    @property
    def is_optional(self) -> bool:
        """Whether a boot goes on without it."""
        return bool({"nofail", "noauto"} & set(self.options))

    @property
    def id(self) -> tuple[str, str]:
        """(`UUID`, the id) of a source by an id or a label; ("", the source) of one by a path."""
        return id_of(self.source)


def mounts(tree: Tree) -> list[Mount]:
    """The lines of /etc/fstab; none where there is no such file."""
    parsed = []
    for line in read_lines(tree, PATH):
        fields = [_plain(field) for field in line.split()]
        # A line without a type is no mount; mount(8) takes `defaults` for missing options.
        if len(fields) >= 3 and not fields[0].startswith("#"):
            options = fields[3] if len(fields) > 3 else "defaults"
            parsed.append(Mount(fields[0], fields[1], fields[2], tuple(options.split(","))))
    return parsed


def id_of(source: str) -> tuple[str, str]:
    """(kind, value) of a disk's name: `UUID=a` and `/dev/disk/by-uuid/a` are both ("UUID", "a")."""
    match = re.fullmatch(r"(UUID|PARTUUID|LABEL|PARTLABEL)=\"?([^\"]*)\"?", source)
    if match is None and (link := re.fullmatch(r"/dev/disk/by-(uuid|partuuid|label|partlabel)/(.+)", source)):
        return link[1].upper(), _cased(link[1].upper(), link[2])
    return (match[1], _cased(match[1], match[2])) if match else ("", source)


def _cased(kind: str, value: str) -> str:
    return value.lower() if kind.endswith("UUID") else value


def _plain(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)
