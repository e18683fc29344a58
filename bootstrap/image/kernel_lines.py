"""The kernel command lines of an image: what its boot loader passes, and what the next kernel's entry is made from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootstrap.image.settings_files import read_all, shell_value
from bootstrap.image.tree import Tree

# Variables of shell files, in which every loader's tool keeps the command line under a name of its own.
_SHELL = {
    "/etc/default/grub": r"GRUB_CMDLINE_\w+",
    "/etc/default/grub.d/*.cfg": r"GRUB_CMDLINE_\w+",
    "/etc/sysconfig/grub": r"GRUB_CMDLINE_\w+",
    "/etc/default/u-boot": "U_BOOT_(?:PARAMETERS|ROOT)",
    "/etc/default/extlinux": "EXTLINUX_(?:PARAMETERS|ROOT)",
    "/etc/default/zipl": r"\w*CMDLINE\w*",
}
# The whole file is one command line.
_PLAIN = (
    "/etc/kernel/cmdline", "/etc/cmdline", "/etc/cmdline.d/*.conf", "/etc/kernel/cmdline.d/*.conf",
    "/usr/lib/kernel/cmdline", "/boot/cmdline.txt", "/boot/firmware/cmdline.txt",
)  # fmt: skip
# Lines that begin with one of these words, in the menus of boot loaders.
_MENUS = (
    "/boot/loader/entries/*.conf", "/boot/efi/loader/entries/*.conf", "/efi/loader/entries/*.conf",
    "/boot/grub*/grub.cfg", "/boot/efi/EFI/*/grub.cfg", "/boot/grub/menu.lst", "/boot/extlinux/extlinux.conf",
    "/boot/syslinux/*.cfg", "/etc/zipl.conf", "/boot/grub*/grubenv", "/boot/efi/EFI/*/grubenv",
)  # fmt: skip
_MENU_LINE = re.compile(
    r"(?m)^[ \t]*(?:options|linux(?:16|efi)?|kernel|append|parameters|kernelopts)\b[ \t=]*(\S.*)", re.I
)


@dataclass(frozen=True)
class KernelLine:
    """The words of all command lines of one file. path: the real one."""

    path: str
    words: tuple[str, ...]

    def values(self, *names: str) -> list[str]:
        """The values of some parameters, each once."""
        pairs = (word.partition("=") for word in self.words)
        return list(dict.fromkeys(value for name, _, value in pairs if name in names and value))

    def has(self, word: str) -> bool:
        """Whether a word stands there just so."""
        return word in self.words


def kernel_lines(tree: Tree) -> list[KernelLine]:
    """The command lines of every file that has one."""
    parts = [(file, shell_value(file.text, name)) for place, name in _SHELL.items() for file in read_all(tree, place)]
    parts += [(file, " ".join(file.lines)) for file in read_all(tree, *_PLAIN)]
    parts += [(file, " ".join(_MENU_LINE.findall(file.text))) for file in read_all(tree, *_MENUS)]
    return [KernelLine(file.path, words) for file, text in parts if (words := _words(text))]


def _words(text: str) -> tuple[str, ...]:
    # A variable of the loader, as $root, is known only at boot.
    return tuple(dict.fromkeys(word for word in text.replace('"', " ").split() if "$" not in word))
