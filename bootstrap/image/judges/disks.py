"""Clones that would not start, or would wait for disks that only the builder has: fstab, crypttab, RAID, resume."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.image import fstab
from bootstrap.image.finding import Finding, Severity
from bootstrap.image.fstab import Mount, id_of
from bootstrap.image.packages import Packaged
from bootstrap.image.settings_files import read_all
from bootstrap.image.tree import Tree

CODES = {
    "disk.hardware": "a disk by the name of its hardware, in fstab or crypttab; a warning where a boot goes on without",
    "disk.missing": "a mount that a clone may not have: of another disk, a network share, a shared folder (a warning)",
    "disk.key-file": "an encrypted disk whose key lies in the image",
    "disk.encrypted": "an encrypted disk by its id: its volume key would be the same on all clones (a warning)",
    "disk.array": "a RAID array by its id; a warning where the image itself is on one",
    "disk.array-host": "the builder's name as the owner of RAID arrays (a warning)",
    "disk.resume": "a swap space to resume from that fstab does not have (a warning)",
}

# Links of udev that are made from the hardware: its bus, its model, its serial number, its world-wide name. Those of
# device mapper, of RAID and of LVM are made from what is on the disk, and are the same on a clone.
HARDWARE = re.compile(r"/dev/disk/by-path/\S+|/dev/disk/by-id/(?!(?:dm|md|lvm)-)\S+")
_SHARES = re.compile(
    r"nfs4?|cifs|smb3?|smbfs|ceph|glusterfs|9p|virtiofs|vboxsf|vmhgfs|prl_fs|fuse\.(?:sshfs|vmhgfs-fuse)"
)
# Later disks than the first: sdb, vdc, xvdf, nvme1n1. The installer's lines for a CD or a floppy are `noauto`.
_OTHER_DISK = re.compile(r"/dev/(?:(?:sd|vd|hd|xvd)[b-z][a-z]?\d*|nvme[1-9]\d*n\d+(?:p\d+)?)")
# Mount points that an installer makes, and for which the file system is a part of the image.
_USUAL = re.compile(
    r"none|swap|/|/(?:boot|efi|usr|var|home|tmp|opt|srv|root|nix|gnu|afs|ostree|sysroot|proc|sys|dev|run|\.snapshots"
    r"|\.swap|media|etc)(?:/.*)?"
)
_NO_KEY_FILE = re.compile(r"none|-|/dev/.*|")


def find(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
    """The findings of a root."""
    mounts = fstab.mounts(tree)
    yield from _mounts(tree, mounts)
    yield from _encrypted(tree)
    yield from _arrays(tree, mounts)
    yield from _resume(tree, mounts)


def _finding(code: str, path: str, subject: str, reason: str, fix: str, *, warning: bool = False) -> Finding:
    severity = Severity.WARNING if warning else Severity.ERROR
    return Finding(f"disk.{code}", path, subject, reason, fix, severity=severity)


def _mounts(tree: Tree, mounts: list[Mount]) -> Iterator[Finding]:
    entry = tree.look(fstab.PATH, follow=True)
    path = entry.path if entry else fstab.PATH
    by_hardware = [mount for mount in mounts if HARDWARE.fullmatch(mount.source)]
    if by_hardware:
        yield _finding(
            "hardware", path, f"disks by the names of their hardware ({_places(by_hardware)})",
            "a clone's disks have other names: its boot would stop there",
            "name them by UUID= or LABEL=, or add nofail where a boot is to go on without",
            warning=all(mount.is_optional for mount in by_hardware),
        )  # fmt: skip
    root = next((mount for mount in mounts if mount.place == "/"), None)
    others = [
        mount for mount in mounts if not mount.is_optional and mount not in by_hardware and _is_other(mount, root)
    ]
    if others:
        yield _finding(
            "missing", path, f"mounts that a clone may not have ({_places(others)})",
            "a boot without them waits, and may end in the emergency shell",
            "remove the lines, or add nofail", warning=True,
        )  # fmt: skip


def _is_other(mount: Mount, root: Mount | None) -> bool:
    """Whether a mount needs more than the image's own disk."""
    # cloud-init's lines have a finding of their own, and carry nofail.
    if _SHARES.fullmatch(mount.kind) or re.match(r"//|[\w.-]+:/", mount.source):
        return True
    if root is None or root.source == mount.source:
        return False
    if _OTHER_DISK.fullmatch(mount.source):
        return _disk(mount.source) != _disk(root.source)
    return mount.id[0] != "" and not _USUAL.fullmatch(mount.place)


def _disk(source: str) -> str:
    return re.sub(r"(?<=\d)p\d+$|(?<=[a-z])\d+$", "", source)


def _places(mounts: list[Mount]) -> str:
    return ", ".join(mount.place if mount.place not in ("none", "swap") else mount.source for mount in mounts)


def _encrypted(tree: Tree) -> Iterator[Finding]:
    """Judge /etc/crypttab: NAME, SOURCE, KEY FILE, OPTIONS."""
    key_files, by_hardware, by_id, path = [], [], [], ""
    for file in read_all(tree, "/etc/crypttab"):
        path = file.path
        for fields in (line.split() for line in file.lines):
            name, source, key_file, options = [*fields, "", "", ""][:4]
            # systemd looks for a key under this name where none is given.
            key = f"/etc/cryptsetup-keys.d/{name}.key" if key_file in ("", "none", "-") else key_file.split(":")[0]
            entry = tree.look(key, follow=True) if not _NO_KEY_FILE.fullmatch(key) else None
            if entry is not None and entry.is_file:
                key_files.append(key)
            is_optional = bool({"nofail", "noauto"} & set(options.split(",")))
            if HARDWARE.fullmatch(source):
                by_hardware.append((name, is_optional))
            elif id_of(source)[0] in ("UUID", "PARTUUID") and key_file not in ("/dev/urandom", "/dev/random"):
                by_id.append(name)
    if key_files:
        yield _finding(
            "key-file", path, f"encrypted disks with keys that lie in the image ({', '.join(key_files)})",
            "whoever has the image, or one clone, could read the disks of all",
            "remove the key, and have clones make one",
        )  # fmt: skip
    if by_hardware:
        yield _finding(
            "hardware", path, f"encrypted disks by the names of their hardware ({_names(by_hardware)})",
            "a clone's disks have other names: its boot would wait for them",
            "name them by UUID= or LABEL=, or remove the lines", warning=all(optional for _, optional in by_hardware),
        )  # fmt: skip
    if by_id:
        yield _finding(
            "encrypted", path, f"encrypted disks by their ids ({', '.join(by_id)})",
            "if the disk is in the image, all clones share its volume key; if not, a boot waits for it",
            "remove the lines, or encrypt the disk anew on each clone", warning=True,
        )  # fmt: skip


def _names(pairs: list[tuple[str, bool]]) -> str:
    return ", ".join(name for name, _ in pairs)


def _arrays(tree: Tree, mounts: list[Mount]) -> Iterator[Finding]:
    """Judge mdadm.conf. An array of the image's own disks has the same id on a clone, any other is missing there."""
    is_on_array = any(mount.source.startswith(("/dev/md", "/dev/disk/by-id/md-")) for mount in mounts)
    places = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf", "/etc/mdadm/mdadm.conf.d/*", "/etc/mdadm.conf.d/*")
    for file in read_all(tree, *places):
        arrays = re.findall(r"(?mi)^ARRAY[ \t]+(\S+)[^\n]*\b(?:UUID|name|devices)=", file.text)
        if arrays:
            yield _finding(
                "array", file.path, f"RAID arrays by their ids ({', '.join(arrays)})",
                "a clone without them waits for disks that it does not have, and gives its own arrays other names",
                "remove the ARRAY lines, and run update-initramfs -u or dracut -f", warning=is_on_array,
            )  # fmt: skip
        host = re.search(r"(?mi)^HOMEHOST[ \t]+([^<\s]\S*)", file.text)
        if host:
            yield _finding(
                "array-host", file.path, f"arrays that belong to the host {host[1]}",
                "a clone would take the arrays of that host for its own, and its own for foreign",
                "write HOMEHOST <system>", warning=True,
            )  # fmt: skip


def _resume(tree: Tree, mounts: list[Mount]) -> Iterator[Finding]:
    for file in read_all(tree, "/etc/initramfs-tools/conf.d/*"):
        match = re.search(r"(?m)^[ \t]*RESUME=[\"']?([^\s\"'#]+)", file.text)
        if match and is_foreign_swap(match[1], mounts):
            yield _finding(
                "resume", file.path, f"a swap space to resume from ({match[1]}) that fstab does not have",
                "the initrd of a clone waits for it at every boot", "write RESUME=none, and run update-initramfs -u",
                warning=True,
            )  # fmt: skip


def is_foreign_swap(source: str, mounts: list[Mount]) -> bool:
    """Whether a swap space to resume from is none of the image's own."""
    if source in ("none", "auto", "noresume") or source.startswith("$"):
        return False
    own = [mount.id for mount in mounts if mount.kind == "swap"]
    return id_of(source) not in own
