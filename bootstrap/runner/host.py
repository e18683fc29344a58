"""The one door to the machine: clock, disk, processes. All else in the runner takes a Host and patches nothing."""

import errno
import fcntl
import os
import signal
import stat
import time

STATE = "/var/lib/initialrunner"
LOCK = "/run/initialrunner.lock"
BUNDLE = "/etc/initialrunner/bundle"
STUB = "/etc/initialrunner/stub"  # what fetches a bundle too large to be injected
TRIGGER = "/etc/cron.d/initialrunner"
COMMAND = "/usr/local/sbin/initialrunner"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def plain(text):
    """The text without what a terminal would obey: unprintable characters are shown as their numbers."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\\x%02x" % ord(c) for c in text)


class Host:
    """Effects on one machine. Paths are absolute; data is bytes; times are seconds."""

    locked = None

    def __init__(self):
        self.boot_id = (self.text("/proc/sys/kernel/random/boot_id") or "none").strip()

    def now(self):
        return time.time()

    def uptime(self):
        """Seconds since boot, not counting suspension; never goes back, whatever the clock does."""
        return time.monotonic()

    def folder(self, path, make=False):
        """A descriptor of the folder `path`.

        Walked name by name. A link on the way is followed only where it and its folder are root's and nobody
        else can write there (merged /usr, /etc/rc.local on RHEL). Raises OSError.
        """
        here, names, links = os.open("/", FOLDER), path.split("/"), 0
        try:
            while names:
                name = names.pop(0)
                if name in ("", "."):
                    continue
                try:
                    link = stat.S_ISLNK(os.lstat(name, dir_fd=here).st_mode)
                except FileNotFoundError:
                    if not make:
                        raise
                    os.mkdir(name, 0o755, dir_fd=here)
                    os.fsync(here)
                    link = False
                if link:
                    self.trust_link(here, name, path)
                    links += 1
                    target = os.readlink(name, dir_fd=here)
                    names = target.split("/") + names
                    if links > 40:
                        raise OSError(errno.ELOOP, "too many links", path)
                    name = "/" if target.startswith("/") else "."
                beneath = os.open(name, FOLDER, dir_fd=here)
                os.close(here)
                here = beneath
        except OSError:
            os.close(here)
            raise
        return here

    def trust_link(self, here, name, path):
        folder, link = os.fstat(here), os.lstat(name, dir_fd=here)
        if folder.st_uid or link.st_uid or folder.st_mode & 0o022:
            raise PermissionError(errno.EPERM, "a link that others could have made", path)

    def open(self, path, flags=os.O_RDONLY, mode=0o600, make=False):
        """A descriptor of a regular file; its last name is never followed. Raises OSError."""
        folder, name = os.path.split(path)
        here = self.folder(folder, make)
        try:
            # Without O_NONBLOCK a FIFO planted under the name would hold the runner for ever.
            fd = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, mode, dir_fd=here)
        finally:
            os.close(here)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", path)
        return fd

    def read(self, path):
        """(bytes, stat result) of a regular file, read through one descriptor; None when it is not there."""
        try:
            fd = self.open(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            raise
        with os.fdopen(fd, "rb") as file:
            return file.read(), os.fstat(fd)

    def look(self, path):
        """The stat result of a regular file; None when it is not there."""
        try:
            fd = self.open(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            raise
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def text(self, path):
        """The text of a small file of the system, "" when unreadable. Follows links, of which /proc is full."""
        try:
            with open(path, "rb") as file:
                return file.read(1 << 20).decode("utf-8", "replace")
        except OSError:
            return ""

    def ids(self):
        """(product_uuid, machine-id) of this host, each "" where it is none."""
        uuid = self.text("/sys/class/dmi/id/product_uuid").strip().lower()
        if len(set(uuid.replace("-", ""))) < 3 or uuid.startswith("03000200-0400-0500"):
            uuid = ""  # zeros, ff, and the placeholder of unset firmware
        machine = self.text("/etc/machine-id").strip()
        return uuid, machine if len(machine) == 32 else ""

    def save(self, path, data, mode=0o600, uid=0, gid=0, durable=True):
        """Put a whole file in place: temporary name, owner and mode before the first byte, fsync, rename, fsync."""
        folder, name = os.path.split(path)
        here = self.folder(folder, True)
        temporary = ".%s.initialrunner" % name
        try:
            try:
                os.unlink(temporary, dir_fd=here)
            except FileNotFoundError:
                pass
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=here)
            with os.fdopen(fd, "wb") as file:
                os.fchown(fd, uid, gid)
                os.fchmod(fd, mode)
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(fd)
            os.rename(temporary, name, src_dir_fd=here, dst_dir_fd=here)
            if durable:
                os.fsync(here)
        finally:
            os.close(here)

    def settle(self, path):
        """Make a file of another hand last, and the way to it: agents that bring files sync nothing."""
        fd = self.open(path)
        os.fsync(fd)
        os.close(fd)
        while path != "/":
            path = os.path.dirname(path)
            here = self.folder(path)
            os.fsync(here)
            os.close(here)

    def remove(self, path):
        """Unlink a file, durably; gone already is fine."""
        folder, name = os.path.split(path)
        try:
            here = self.folder(folder)
        except OSError:
            return
        try:
            os.unlink(name, dir_fd=here)
            os.fsync(here)
        except FileNotFoundError:
            pass
        finally:
            os.close(here)

    def list(self, path):
        try:
            return sorted(os.listdir(path))
        except OSError:
            return []

    def lock(self, patience_s=0.3):
        """Take the one lock; None when another has it. The trigger tries it for an instant, hence the patience."""
        fd = self.open(LOCK, os.O_RDWR | os.O_CREAT)
        os.fchmod(fd, 0o600)
        end = self.uptime() + patience_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(fd, 0)
                os.write(fd, b"%d" % os.getpid())
                self.locked = fd
                return fd
            except BlockingIOError:
                if self.uptime() > end:
                    os.close(fd)
                    return None
                time.sleep(0.02)

    def say(self, line):
        """One plain line where people look: console, motd, system log; each once."""
        line = "initialrunner: %s\n" % line
        if line in self.text("/etc/motd"):
            return
        for path in "/dev/console", "/etc/motd":
            try:
                fd = os.open(
                    path,
                    os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | (path == "/etc/motd" and os.O_CREAT),
                    0o644,
                )
                os.write(fd, line.encode())
                os.close(fd)
            except OSError:
                pass
        self.run(["logger", "-t", "initialrunner", line[15:].strip()], 5)

    def fork(self):
        """A child in a session of its own, with default signals and nothing of our standard files but /dev/null."""
        pid = os.fork()
        if pid == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.setsid()
            if self.locked is not None:
                os.close(self.locked)  # a child that outlives us must not hold the lock
            null = os.open(os.devnull, os.O_RDWR)
            for fd in 0, 1, 2:
                os.dup2(null, fd)
        return pid

    def join(self, group):
        """Put this process into a control group, made when it is not there; where that is forbidden, do without."""
        try:
            os.mkdir(group)
        except OSError:
            pass
        try:
            with open(group + "/cgroup.procs", "w") as file:
                file.write("0")
        except OSError:
            pass

    def part(self, group):
        """Remove a control group, unless something lives on in it."""
        for _ in range(50):
            try:
                return os.rmdir(group)
            except OSError as error:
                # What has just been killed is listed no more, yet counts until the kernel has put it away.
                if error.errno != errno.EBUSY or self.text(group + "/cgroup.procs"):
                    return None
            time.sleep(0.002)
        return None

    def pause(self, seconds):
        """Sleep, but wake when a child ends (SIGCHLD is blocked from the start on)."""
        signal.sigtimedwait([signal.SIGCHLD], max(0.0, seconds))

    def ask(self, question, timeout_s):
        """Bytes that question() returns, from a child that is killed at timeout_s; None then, or when it failed.

        DNS, connects and slow answers have no other bound that holds on every libc.
        """
        child = Question(self, question, timeout_s)
        while child.running():
            self.pause(0.2)
        return child.answer

    def run(self, argv, timeout_s=30):
        """Exit code of a small helper program, output thrown away; 127 when it is not there, 124 when out of time."""

        def question():
            code = os.spawnvp(os.P_WAIT, argv[0], argv)
            return b"%d" % code

        answer = self.ask(question, timeout_s)
        return 124 if answer is None else int(answer)

    def kill(self, pid, number):
        try:
            os.kill(pid, number)
        except OSError:
            pass


class Question:
    """A function at work in a child: running() until it has answered, failed, or run out of time."""

    def __init__(self, host, question, timeout_s):
        self.host, self.answer = host, None
        self.end = host.uptime() + timeout_s
        self.pipe, there = os.pipe()
        os.set_blocking(self.pipe, False)
        self.read = b""
        self.pid = host.fork()
        if self.pid == 0:
            try:
                os.write(there, question() + b"\n")
            finally:
                os._exit(0)
        os.close(there)

    def running(self):
        if self.pid is None:
            return False
        try:
            self.read += os.read(self.pipe, 1 << 16)
        except BlockingIOError:
            pass
        pid = os.waitpid(self.pid, os.WNOHANG)[0]
        if not pid and self.host.uptime() < self.end:
            return True
        if not pid:
            # Its session is its own: helper programs it started go with it.
            self.kill_group()
            os.waitpid(self.pid, 0)
        try:
            self.read += os.read(self.pipe, 1 << 16)
        except BlockingIOError:
            pass
        os.close(self.pipe)
        self.pid = None
        self.answer = self.read[:-1] if self.read.endswith(b"\n") else None
        return False

    def kill_group(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            self.host.kill(self.pid, signal.SIGKILL)
