"""Takes the state along when a stage mounts a file system over its folder, unmounts one, or removes the folder."""

import os
import stat

from bootstrap.runner.disk import FOLDER
from bootstrap.runner.host import STATE
from bootstrap.runner.tick.journal import JOURNAL, seal


def follow(journal):
    """Bring the state to the folder that has its name now, and end the journal that was left with a last record.

    A newer file that is there already stays, except a journal: it is either the first part of ours, from a copy of
    /var, or from an earlier life of that disk. Ours comes last, so that the next runner finds all or nothing of it if
    this one is killed. Raises OSError if the new place takes no files; the old journal then stays open.
    """
    host = journal.host
    # It is O_APPEND: what is written goes to its end, wherever the last read has ended.
    os.lseek(journal.fd, 0, os.SEEK_SET)
    data = b"".join(iter(lambda: os.read(journal.fd, 1 << 20), b""))
    os.close(host.folder(STATE, True))
    present = host.read(JOURNAL)
    if present and not data.startswith(present[0]):
        os.rename(JOURNAL, "%s.old.%04d" % (JOURNAL, len(host.list(STATE))))
    bring(host, journal.folder, STATE)
    host.save(JOURNAL, data)
    # The old place may come back, at a boot that does not mount the new one: this record keeps a run from starting
    # anew there.
    os.write(journal.fd, seal({"type": "moved", "seq": len(journal.events) + 1}).encode())
    os.fsync(journal.fd)
    journal.close()
    journal.open()
    journal.write("fixed", {"path": STATE, "was": {"place": "hidden or removed"}, "now": {"place": "brought along"}})


def bring(host, folder, path):
    """Copy the content of an open folder, the journal left out, into the folder `path`; a newer file there stays."""
    for name in os.listdir(folder):
        info, target = os.stat(name, dir_fd=folder, follow_symlinks=False), path + "/" + name
        if stat.S_ISDIR(info.st_mode):
            beneath = os.open(name, FOLDER, dir_fd=folder)
            os.close(host.folder(target, True))
            os.chmod(target, info.st_mode & 0o7777)
            bring(host, beneath, target)
            os.close(beneath)
        elif stat.S_ISREG(info.st_mode) and target != JOURNAL and not newer(target, info):
            with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder), "rb") as file:
                host.save(target, file.read(), info.st_mode & 0o7777, info.st_uid, info.st_gid)


def newer(path, info):
    """Whether the file at `path` was written later than the one with the stat result `info`; a link always counts."""
    # A stage goes on writing to its log between the copy of /var and the mount, so the copy is the older one.
    return os.path.lexists(path) and (os.path.islink(path) or os.lstat(path).st_mtime >= info.st_mtime)


def covered_at_boot(host):
    """The mount point of /etc/fstab that the next boot would lay over the state, None when there is none."""
    for line in host.text("/etc/fstab").splitlines():
        words = line.split()
        if len(words) > 3 and not line.startswith("#") and "noauto" not in words[3].split(","):
            point = words[1].rstrip("/")
            if point and (STATE + "/").startswith(point + "/") and not os.path.ismount(point):
                return point
    return None
