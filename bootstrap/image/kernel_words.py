"""Words of the kernel's command line, as the boot loaders of an image give it."""

from __future__ import annotations

import re

from bootstrap.image.tree import Tree

# grub (its settings, and what it made of them), systemd-boot, extlinux, the boards that have a file of their own.
_PLACES = (
    "/etc/kernel/cmdline", "/etc/default/grub", "/etc/default/grub.d/*.cfg", "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg", "/boot/loader/entries/*.conf", "/boot/extlinux/extlinux.conf", "/boot/cmdline.txt",
    "/boot/firmware/cmdline.txt",
)  # fmt: skip
_WORD = re.compile(r"[^\s\"']+")


def kernel_words(tree: Tree) -> set[str]:
    """Every word that some boot loader's settings may give to the kernel; comments are left out."""
    words: set[str] = set()
    for place in _PLACES:
        for entry in tree.glob(place):
            text = (tree.read(entry.path) or b"").decode("utf-8", "replace")
            for line in text.split("\n"):
                if not line.lstrip().startswith("#"):
                    words.update(_WORD.findall(line))
    return words
