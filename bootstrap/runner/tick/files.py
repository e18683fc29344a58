"""Waits for files brought by another hand, and puts every file of the plan in place with its final owner and mode."""

import grp
import os
import pwd
import select
import stat
import zlib

from bootstrap.runner.bundle import HOT, PARTS, sha256, undo
from bootstrap.runner.contract import EXIT_AGAIN
from bootstrap.runner.host import BUNDLE, STATE, TRIGGER

CRONS = "/usr/sbin/cron", "/usr/sbin/crond"
EVENTS = 0x2 | 0x4 | 0x8 | 0x80 | 0x100  # IN_MODIFY ATTRIB CLOSE_WRITE MOVED_TO CREATE


def part(number):
    """Section `number` of this bundle, unpacked: 1 plan, 2 file contents."""
    return zlib.decompressobj(zdict=HOT).decompress(undo(PARTS[number]))


def digest(data):
    return sha256(data).hexdigest()


def digest_of(file):
    """SHA-256 of an open file, read piece by piece: it may be larger than memory."""
    total = sha256()
    for block in iter(lambda: file.read(1 << 20), b""):
        total.update(block)
    return total.hexdigest()


def ids(entry):
    """(uid, gid) of a file entry; None when the host has no such user or group yet: a stage may make it."""
    user, group = entry["user"], entry["group"]
    try:
        uid = int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
        return uid, int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def own_late(host, plan):
    """Give files to users that stages have made meanwhile. The entries whose user is still missing."""
    left = []
    for entry in plan["files"] + plan.get("wait_for", []):
        if {entry.get("user", "root"), entry.get("group", "root")} != {"root"}:
            owner, found = ids(entry), host.look(entry["path"])
            if not owner:
                left.append(entry)
            elif found and (found.st_uid, found.st_gid) == (0, 0):
                give(host, entry, owner)
    return left


def give(host, entry, owner):
    """Give a file that is there the owner, and the mode that its entry names, if any. How it was, and how it is."""
    fd = host.open(entry["path"])
    try:
        before = os.fstat(fd)
        if before.st_nlink > 1:
            raise PermissionError(1, "a hard link that others could have made", entry["path"])
        os.fchown(fd, *owner)
        os.fchmod(fd, entry.get("mode", before.st_mode & 0o7777))  # chown takes set-id bits away
        os.fsync(fd)
        return before, os.fstat(fd)
    finally:
        os.close(fd)


def awaited(plan):
    """The files that another hand brings: injected ones, and those of `wait_for`."""
    return [f for f in plan["files"] if f.get("deliver") == "inject"] + plan.get("wait_for", [])


class Waiting:
    """The files this run waits for: injected ones by digest, those of `wait_for` by digest or by size and rest."""

    def __init__(self, host, plan):
        self.host, self.wanted = host, awaited(plan)
        self.seen, self.fd = {}, None

    def missing(self):
        """What is not yet whole: [{"path", "why", "have", "want"}]."""
        found = [(entry, self.look(entry)) for entry in self.wanted]
        return [dict(why, path=entry["path"]) for entry, why in found if why]

    def look(self, entry):
        path, want = entry["path"], entry.get("size", entry.get("min_size"))
        try:
            fd = self.host.open(path)
        except FileNotFoundError:
            self.seen.pop(path, None)
            return {"why": "absent", "want": want}
        except OSError as error:
            if os.path.islink(path):
                return {"why": "a link", "saw": "is a link to %s, which is not followed" % os.readlink(path)}
            return {"why": "differs", "saw": "cannot be read: %s" % error}
        with os.fdopen(fd, "rb") as file:
            info = os.fstat(fd)
            mark = info.st_size, info.st_mtime_ns, info.st_ino
            if self.seen.get(path, (None,))[0] != mark:
                self.seen[path] = mark, self.host.uptime(), self.judge(entry, file, info.st_size, want)
        since, why = self.seen[path][1:]
        # What others may write has an agent that sets the mode last, by path: it must not do so to our copy.
        rest = 2 if info.st_mode & 0o022 else 0
        if not why and self.host.uptime() - since < max(rest, entry.get("settle_s", 0)):
            why = "unsettled"
        return {"why": why, "have": info.st_size, "want": want} if why else None

    def judge(self, entry, file, have, want):
        """None when the bytes are the wanted ones, else empty, short or differs (another file, not a late one)."""
        if "sha256" in entry:
            if digest_of(file) == entry["sha256"]:
                return None
            return "empty" if not have else "short" if have < (want or 0) else "differs"
        return None if have >= max(1, want or 0) else "short" if have else "empty"

    def watch(self, known, seconds):
        """Sleep until something happens in the folders of the files, at most `seconds`; without inotify, look often."""
        import ctypes

        libc = ctypes.CDLL(None)
        if self.fd is None:
            # One for the whole wait: closing it costs the kernel 5 ms, just when the last byte has come.
            self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        folders = {os.path.dirname(entry["path"]) for entry in self.wanted}
        watched = [libc.inotify_add_watch(self.fd, folder.encode(), EVENTS) >= 0 for folder in folders]
        # A file that came between the look and the watch wakes nobody: look again before sleeping.
        if self.missing() == known:
            if self.fd < 0:
                return self.host.pause(0.05)
            select.select([self.fd], [], [], seconds if all(watched) else min(seconds, 0.05))
        try:
            return os.read(self.fd, 1 << 16)
        except OSError:
            return None


def lacks(late):
    """One line for people: what a file lacks that is waited for."""
    return "%s %s" % (late["path"], late.get("saw") or ("is " + late["why"]).replace("is differs", "differs"))


def whole(host, files, sha256):
    """Whether these pieces are on disk and are, together, the bundle of this digest."""
    pieces = [host.read(path) for path in files]
    return all(pieces) and digest(b"".join(data for data, _ in pieces)) == sha256


def ended_mark(sha256):
    """The file beside which the trigger of this bundle starts nothing; with .healthy: what it asks first."""
    return "%s/ended.%s" % (STATE, sha256[:12])


def trigger_text(plan, sha256, files):
    """The cron entry that names a bundle: the text of the plan with its placeholders filled in."""
    text = plan["cron"].replace("@FILES@", " ".join(files)).replace("@SHA256@", sha256)
    return text.replace("@MARK@", ended_mark(sha256)).encode()


def own_trigger(host, plan, journal, sha256, files):
    """See to the trigger: ours, root's, and not writable by others. False when it names a newer bundle.

    It is never chmod-ed into trust: what others could have written is put aside and written again from the plan.
    """
    wanted = trigger_text(plan, sha256, files)
    try:
        found = host.read(TRIGGER)
    except OSError:
        found = b"", os.lstat(TRIGGER)
    if found:
        data, info = found
        if data != wanted and sha256.encode() not in data and b"sha256sum" in data:
            return False
        trusted = info.st_uid == 0 and not info.st_mode & 0o022 and stat.S_ISREG(info.st_mode)
        if data == wanted and trusted:
            host.settle(TRIGGER)
            return True
        aside = "%s/quarantine/%s.%d" % (STATE, os.path.basename(TRIGGER), len(host.list(STATE + "/quarantine")))
        os.close(host.folder(STATE + "/quarantine", True))
        os.chmod(STATE + "/quarantine", 0o700)
        host.save(aside, data)
        journal.add("fixed", path=TRIGGER, quarantined=aside, was=looks(info), now={"mode": "0644", "owner": "0:0"})
    if os.path.isdir(os.path.dirname(TRIGGER)) or units_wanted(plan):
        host.save(TRIGGER, wanted, 0o644)
    return True


def units_wanted(plan):
    """Whether systemd shall start us: where the spec says so, where units were injected, and where there is no cron."""
    units = plan.get("units", [])
    chosen = plan["trigger"] != "auto" or any(map(os.path.exists, units)) or not any(map(os.path.exists, CRONS))
    return units and chosen and os.path.isdir("/run/systemd/system")


def looks(info):
    return {"mode": "%04o" % (info.st_mode & 0o7777), "owner": "%d:%d" % (info.st_uid, info.st_gid)}


def own_bundle(host, files):
    """Close the bundle to other users (the channel may have brought it 0644, and it holds the report key); keep it."""
    for path in files:
        found = host.read(path)
        if found and (found[1].st_mode & 0o7777 != 0o600 or found[1].st_uid):
            host.save(path, found[0])
        if found:
            host.settle(path)


def tidy_leftovers(host):
    """Remove what injection agents leave beside our own files: under cronie an old `.bak` entry would go on running."""
    for path in TRIGGER, BUNDLE:
        folder, name = os.path.split(path)
        for other in host.list(folder):
            if other.startswith(name + ".") and (".bak." in other or ".tmp." in other):
                host.remove(os.path.join(folder, other))


def contents(plan):
    """{path: bytes} of the files that ride in this bundle."""
    data, found, start = part(2), {}, 0
    for entry in plan["files"]:
        if entry.get("deliver", "bundle") == "bundle":
            found[entry["path"]] = data[start : start + entry["size"]]
            start += entry["size"]
    return found


def place(host, plan, journal, stage=None):
    """Put the files in place that come after this stage (None: before all), and look at each again.

    What is fetched is there already. Raises OSError with the path.
    """
    inside = contents(plan)
    entries = [entry for entry in plan["files"] if entry.get("after") == stage]
    late = [] if stage else plan.get("wait_for", [])
    for entry in entries:
        path = entry["path"]
        if "fetch" in entry:
            continue
        before = host.read(path)
        data = inside[path] if path in inside else before[0]
        if digest(data) != entry["sha256"]:
            raise OSError(EXIT_AGAIN, "changed after it was looked at", path)
        # Written again even where bytes and mode are right: the old inode may still be open for writing
        # ("Text file busy"), and whoever holds it could change what was checked.
        host.save(path, data, entry["mode"], *ids(entry) or (0, 0))
        after = host.read(path)
        # None: whoever owns the folder has taken the file away again.
        if not after or after[0] != data:
            raise OSError(EXIT_AGAIN, "changed under our hands", path)
        tell_fixed(journal, path, before and before[1], after[1])
    for entry in late:
        if "mode" in entry or "user" in entry:
            owner = ids(entry) or (0, 0) if "user" in entry else (-1, -1)
            tell_fixed(journal, entry["path"], *give(host, entry, owner))
    # The journal will say that they are there: they must be, after a power cut too.
    for entry in entries + late:
        host.settle(entry["path"])
    if os.path.exists("/sys/fs/selinux/enforce"):
        host.run(["restorecon"] + [entry["path"] for entry in entries])


def tell_fixed(journal, path, before, after):
    if before and looks(before) != looks(after):
        journal.add("fixed", path=path, was=looks(before), now=looks(after))
