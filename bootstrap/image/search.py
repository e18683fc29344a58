"""Searches a whole root by name and by content, each file once, in one walk."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from bootstrap.image.finding import Finding
from bootstrap.image.packages import Packaged
from bootstrap.image.secrets import archives, binaries
from bootstrap.image.secrets.names import named
from bootstrap.image.secrets.pattern import Secret
from bootstrap.image.secrets.places import (
    MOST_BYTES,
    OF_PACKAGES,
    SEARCHED,
    UNSEARCHED,
    is_library,
    is_sample,
    is_settings,
)  # fmt: skip
from bootstrap.image.secrets.texts import in_text
from bootstrap.image.tree import Tree

T = TypeVar("T")
_BLOCK = 1 << 18
# Blocks overlap by this much, so that a key or a token that lies across two of them is seen whole in one.
_OVERLAP = 1 << 13
_HEAD = 4096
# Byte code is made from a text that is searched itself.
_COMPILED = "/__pycache__"
_SOURCE = re.compile(r"\.(?:[cm]?[jt]s|py|rb|php|p[lm]|go)$")


def searched(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
    """Search everything but what packages bring, by name and by content."""
    tops = [("/", False), *((top, False) for top in SEARCHED)]
    # Without a list of what packages own nobody could tell a builder's file from theirs.
    if packaged.is_known:
        tops += [(top, True) for top in OF_PACKAGES if (entry := tree.look(top)) and entry.is_folder]
    for top, is_of_packages in tops:
        into = partial(_into, top)
        for folder, name, fd in tree.files(top, into):
            path = f"{folder}/{name}"
            if is_of_packages and packaged.owns(path):
                continue
            yield from _by_name(tree, folder, name, fd)
            yield from _by_content(tree, folder, name, fd)


def _into(top: str, path: str) -> bool:
    """Whether to go on into a folder. The tests of a library are left out whole."""
    if path.endswith(_COMPILED) or (is_library(path + "/") and is_sample(path)):
        return False
    return path in SEARCHED or path not in UNSEARCHED if top == "/" else path not in SEARCHED


def _by_name(tree: Tree, folder: str, name: str, fd: int) -> Iterator[Finding]:
    path = f"{folder}/{name}"
    for rule in named(name):
        head = _read(tree, folder, name, fd, lambda file, size: os.read(file, 1 << 16))
        # An empty file is nothing.
        if not head or (rule.begins and not re.search(rule.begins, head)) or is_sample(path):
            continue
        if rule.code != "key.store" or not binaries.only_certificates(head):
            yield Finding(rule.code, path, rule.subject, rule.reason, rule.fix, rule.clean)


def _by_content(tree: Tree, folder: str, name: str, fd: int) -> Iterator[Finding]:
    path = f"{folder}/{name}"
    kinds = _read(tree, folder, name, fd, partial(_kinds, path))
    # Hardly a file has a secret, so its path is judged last.
    if kinds and not is_sample(path):
        for secret in kinds:
            # A key in a library's source is one that everybody has: of an example, or of a test that runs at load.
            if secret.code == "key.private" and is_library(path) and _SOURCE.search(name):
                continue
            yield Finding(secret.code, path, secret.subject, secret.reason, secret.fix)


def _read(tree: Tree, folder: str, name: str, fd: int, reader: Callable[[int, int], T]) -> T | None:
    """The answer of a reader, which takes a descriptor and a size; None for a file that is empty or cannot be read."""
    file, size = tree.open_in(folder, name, fd)
    if file < 0:
        return None
    try:
        return reader(file, size) if size else None
    except OSError as error:
        tree.unread(f"{folder}/{name}", error)
        return None
    finally:
        os.close(file)


def _kinds(path: str, file: int, size: int) -> list[Secret]:
    """The kinds of secret that an open file holds."""
    # Not more than the file has: a buffer of 256 kB for each of many small files would cost more than their reading.
    block = os.read(file, min(_BLOCK, size + 1))
    if archives.is_archive(path):
        return archives.in_archive(path, block + _rest(file, size, len(block)))
    if b"\0" not in block[:_HEAD]:
        # A zero byte near the start is the mark of a binary file, as for grep.
        secret = binaries.in_binary(block, size) if block[:1] == b"\x30" else None
        return [secret] if secret else _in_blocks(path, file, size, block)
    wide = _wide_text(block)
    if wide:
        text = (block + _rest(file, size, len(block))).decode(wide, "replace").encode("utf-8", "replace")
        return in_text(text, settings=is_settings(path))
    secret = binaries.in_binary(block, size)
    return [secret] if secret else []


def _in_blocks(path: str, file: int, size: int, block: bytes) -> list[Secret]:
    """Search a text in pieces that overlap."""
    settings = is_settings(path)
    kinds = in_text(block, settings=settings)
    count = len(block)
    if count >= size:
        return kinds
    while count < min(size, MOST_BYTES):
        tail, block = block[-_OVERLAP:], os.read(file, _BLOCK)
        if not block:
            break
        count += len(block)
        kinds += in_text(tail + block, settings=settings)
    return list({secret.code: secret for secret in kinds}.values())


def _rest(file: int, size: int, count: int) -> bytes:
    """What follows the first block, as far as a file is searched."""
    parts = []
    while count < min(size, MOST_BYTES) and (block := os.read(file, _BLOCK)):
        parts.append(block)
        count += len(block)
    return b"".join(parts)


def _wide_text(block: bytes) -> str:
    """The encoding of a text with two bytes a letter, as Windows writes it; "" for anything else."""
    if block[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    head = block[:512]
    half = len(head) // 2
    for encoding, zeros, letters in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if half > 8 and zeros.count(0) > half * 0.9 and 0 not in letters:
            return encoding
    return ""
