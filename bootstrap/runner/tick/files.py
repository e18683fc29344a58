"""Waits for files that another hand brings, and puts every file of the plan in place with its final owner and mode."""

import errno
import grp
import os
import pwd
import select
import stat
import zlib

from bootstrap.runner.bundle import HOT, PARTS, later, sha256, undo
from bootstrap.runner.host import BUNDLE, STATE, TRIGGER

CRONS = "/usr/sbin/cron", "/usr/sbin/crond"
EVENTS = 0x2 | 0x4 | 0x8 | 0x80 | 0x100  # IN_MODIFY ATTRIB CLOSE_WRITE MOVED_TO CREATE


def section(number):
    """Return section `number` of this bundle, unpacked: 1 the plan, 2 the contents of files."""
    return zlib.decompressobj(zdict=HOT).decompress(undo(PARTS[number]))


def digest(data):
    """Return the SHA-256 of bytes in hex."""
    return sha256(data).hexdigest()


def digest_of(file):
    """Return the SHA-256 of an open file in hex. It is read piece by piece: the file may be larger than memory."""
    total = sha256()
    for block in iter(lambda: file.read(1 << 20), b""):
        total.update(block)
    return total.hexdigest()


def ids(entry):
    """Return (uid, gid) of a file entry; None when the host has no such user or group yet: a stage may make it."""
    user, group = entry["user"], entry["group"]
    try:
        uid = int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
        return uid, int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def give_to_late_users(host, plan):
    """Give files to users that stages have made meanwhile. Return the entries whose user is still missing.

    A file whose owner a stage has changed itself, so that it is not root's any more, stays as it is.
    """
    ownerless = []
    for entry in plan["files"] + plan.get("wait_for", []):
        if {entry.get("user", "root"), entry.get("group", "root")} != {"root"}:
            owner, info = ids(entry), host.look(entry["path"])
            if not owner:
                ownerless.append(entry)
            elif info and (info.st_uid, info.st_gid) == (0, 0):
                give(host, entry, owner)
    return ownerless


def give(host, entry, owner):
    """Give a file that is there this owner, and the mode of its entry if that has one.

    Return its stat results before and after.
    """
    fd = host.open(entry["path"])
    try:
        before = os.fstat(fd)
        # In a folder of theirs, other users can give a file of root's a second name: chown would hand it to them.
        if before.st_nlink > 1:
            raise PermissionError(errno.EPERM, "a hard link that others could have made", entry["path"])
        os.fchown(fd, *owner)
        # After chown, which takes set-id bits away.
        os.fchmod(fd, entry.get("mode", before.st_mode & 0o7777))
        os.fsync(fd)
        return before, os.fstat(fd)
    finally:
        os.close(fd)


def awaited(plan):
    """Return the entries of files that another hand brings: injected ones, and those of `wait_for`."""
    return [f for f in plan["files"] if f.get("deliver") == "inject"] + plan.get("wait_for", [])


class Waiting:
    """The files this run waits for: injected ones by digest, those of `wait_for` by digest or by size and rest."""

    def __init__(self, host, plan):
        self.host, self.entries = host, awaited(plan)
        # states: (version, since when, reason) by path; a file is read again only when its version has changed.
        self.states, self.fd = {}, None

    def missing(self):
        """Return the files that are not whole yet: [{"path", "why", "have", "want"}]."""
        lacks = [(entry, self.look(entry)) for entry in self.entries]
        return [dict(lack, path=entry["path"]) for entry, lack in lacks if lack]

    def look(self, entry):
        """Return in which way a file is not whole, {"why", ...}; None when it is, and nobody writes to it any more."""
        path, want = entry["path"], entry.get("size", entry.get("min_size"))
        try:
            fd = self.host.open(path)
        except FileNotFoundError:
            self.states.pop(path, None)
            return {"why": "absent", "want": want}
        except OSError as error:
            if os.path.islink(path):
                return {"why": "a link", "saw": "is a link to %s, which is not followed" % os.readlink(path)}
            return {"why": "differs", "saw": "cannot be read: %s" % error}
        with os.fdopen(fd, "rb") as file:
            info = os.fstat(fd)
            version = info.st_size, info.st_mtime_ns, info.st_ino
            if self.states.get(path, (None,))[0] != version:
                self.states[path] = version, self.host.uptime(), self.judge(entry, file, info.st_size, want)
        since, reason = self.states[path][1:]
        # A file that others may write comes from an agent that sets the mode last, by path. Once we have put our copy
        # in its place the agent would do so to that one: two seconds let it finish first.
        quiet_s = 2 if info.st_mode & 0o022 else 0
        if not reason and self.host.uptime() - since < max(quiet_s, entry.get("settle_s", 0)):
            reason = "unsettled"
        return {"why": reason, "have": info.st_size, "want": want} if reason else None

    def judge(self, entry, file, have, want):
        """Return None when the bytes are the plan's, else empty, short or differs (another file, not a late one)."""
        if "sha256" in entry:
            if digest_of(file) == entry["sha256"]:
                return None
            return "empty" if not have else "short" if have < (want or 0) else "differs"
        return None if have >= max(1, want or 0) else "short" if have else "empty"

    def watch(self, missing, seconds):
        """Sleep until something happens in the folders of the files, at most `seconds`; without inotify, look often.

        missing: as the last look found them.
        """
        import ctypes

        libc = ctypes.CDLL(None)
        if self.fd is None:
            # One for the whole wait: closing it costs the kernel 5 ms, just when the last byte has come.
            self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        folders = {os.path.dirname(entry["path"]) for entry in self.entries}
        watched = [libc.inotify_add_watch(self.fd, folder.encode(), EVENTS) >= 0 for folder in folders]
        # A file that came between the look and the watch wakes nobody: look again before sleeping.
        if self.missing() == missing:
            if self.fd < 0:
                return self.host.pause(0.05)
            # A folder that is not there yet cannot be watched, and its file may come with it at any time.
            select.select([self.fd], [], [], seconds if all(watched) else min(seconds, 0.05))
        try:
            return os.read(self.fd, 1 << 16)
        except OSError:
            return None


def lack_text(lack):
    """Return one line for people of a file that is not whole: an item of Waiting.missing(), or of a `waiting` event."""
    if "saw" in lack:
        return "%(path)s %(saw)s" % lack
    return "%s: %s, %s of %s bytes" % (lack["path"], lack["why"], lack.get("have", 0), lack.get("want") or "?")


def whole(host, files, sha256):
    """Whether these pieces are on disk and are, together, the bundle of this digest."""
    pieces = [host.read(path) for path in files]
    return all(pieces) and digest(b"".join(data for data, _ in pieces)) == sha256


def ended_mark(sha256):
    """Return the path of the file beside which the trigger of this bundle starts nothing.

    With .healthy behind it: of the commands that the trigger runs first.
    """
    return "%s/ended.%s" % (STATE, sha256[:12])


def trigger_text(plan, sha256, files):
    """Return the cron entry that names a bundle: the text of the plan with its placeholders filled in."""
    text = plan["cron"].replace("@FILES@", " ".join(files)).replace("@SHA256@", sha256)
    return text.replace("@MARK@", ended_mark(sha256)).encode()


def ensure_trigger(host, plan, journal, sha256, files):
    """Make the trigger ours, root's and not writable by others. False when it names a newer bundle.

    It is never chmod-ed into trust: what others could have written is put aside and written again from the plan.
    """
    text = trigger_text(plan, sha256, files)
    try:
        present = host.read(TRIGGER)
    except OSError:
        # A link, a folder or a pipe has its name: no trigger of anybody, and put aside as an empty one.
        present = b"", os.lstat(TRIGGER)
    if present:
        data, info = present
        if data != text and sha256.encode() not in data and b"sha256sum" in data:
            return False
        trusted = info.st_uid == 0 and not info.st_mode & 0o022 and stat.S_ISREG(info.st_mode)
        if data == text and trusted:
            host.settle(TRIGGER)
            return True
        later("quarantine")(journal, data, info)
    if os.path.isdir(os.path.dirname(TRIGGER)) or units_wanted(plan):
        host.save(TRIGGER, text, 0o644)
    return True


def units_wanted(plan):
    """Whether systemd shall start us: where the spec says so, where units were injected, and where there is no cron."""
    units = plan.get("units", [])
    chosen = plan["trigger"] != "auto" or any(map(os.path.exists, units)) or not any(map(os.path.exists, CRONS))
    return units and chosen and os.path.isdir("/run/systemd/system")


def mode_and_owner(info):
    """Return a stat result's mode and owner as the journal has them."""
    return {"mode": "%04o" % (info.st_mode & 0o7777), "owner": "%d:%d" % (info.st_uid, info.st_gid)}


def protect_bundle(host, files):
    """Close the bundle to other users, and sync it: the channel may have brought it 0644, and it holds the report key.

    A new file takes its place instead of another mode: a process that has the old one open then writes to nothing of
    ours.
    """
    for path in files:
        present = host.read(path)
        if present and (present[1].st_mode & 0o7777 != 0o600 or present[1].st_uid):
            host.save(path, present[0])
        if present:
            host.settle(path)


def tidy_leftovers(host):
    """Remove what injection agents leave beside our own files: under cronie an old `.bak` entry would go on running."""
    for path in TRIGGER, BUNDLE:
        folder, name = os.path.split(path)
        for other in host.list(folder):
            if other.startswith(name + ".") and (".bak." in other or ".tmp." in other):
                host.remove(os.path.join(folder, other))


def contents(plan):
    """Return {path: bytes} of the files that ride in this bundle, one behind the other in the order of the plan."""
    data, files, start = section(2), {}, 0
    for entry in plan["files"]:
        if entry.get("deliver", "bundle") == "bundle":
            files[entry["path"]] = data[start : start + entry["size"]]
            start += entry["size"]
    return files


def place(host, plan, journal, stage=None):
    """Put the files in place that come after this stage (None: before all), and look at each again.

    A file that is fetched is there already. Raises OSError with the path.
    """
    inside = contents(plan)
    entries = [entry for entry in plan["files"] if entry.get("after") == stage]
    brought = [] if stage else plan.get("wait_for", [])
    for entry in entries:
        path = entry["path"]
        if "fetch" in entry:  # for: fetch
            continue
        before = host.read(path)
        data = inside[path] if path in inside else before[0]
        if digest(data) != entry["sha256"]:
            raise OSError(errno.EAGAIN, "changed after it was looked at", path)
        # Written again even where bytes and mode are right: the old inode may still be open for writing
        # ("Text file busy"), and whoever holds it could change what was checked.
        host.save(path, data, entry["mode"], *ids(entry) or (0, 0))
        after = host.read(path)
        # None: whoever owns the folder has taken the file away again.
        if not after or after[0] != data:
            raise OSError(errno.EAGAIN, "changed under our hands", path)
        record_fix(journal, path, before and before[1], after[1])
    for entry in brought:  # for: late-files
        if "mode" in entry or "user" in entry:
            owner = ids(entry) or (0, 0) if "user" in entry else (-1, -1)
            record_fix(journal, entry["path"], *give(host, entry, owner))
    # The journal will say that they are there. They must be, after a power cut too.
    for entry in entries + brought:
        host.settle(entry["path"])
    if os.path.exists("/sys/fs/selinux/enforce"):
        host.run(["restorecon"] + [entry["path"] for entry in entries])


def record_fix(journal, path, before, after):
    """Journal that mode or owner of a file were others before. before, after: stat results; None: it was not there."""
    if before and mode_and_owner(before) != mode_and_owner(after):
        journal.add("fixed", path=path, was=mode_and_owner(before), now=mode_and_owner(after))
