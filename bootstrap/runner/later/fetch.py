"""Fetches a file that the plan pins by digest: piece by piece, resumed after a cut, in place only when whole."""

import errno
import fcntl
import os
import stat
import time

from bootstrap.runner.bundle import sha256
from bootstrap.runner.jsontext import dumps, loads
from bootstrap.runner.processes import Question
from bootstrap.runner.tick.files import ids
from bootstrap.runner.tick.signals import Again, Failed
from bootstrap.runner.tick.web import LOCAL, UNKNOWN, exchange

PIECE, SILENCE_S, REDIRECTS, RESERVE = 1 << 16, 60, 5, 1 << 26
PAUSES = [1, 2, 4, 8, 16]  # seconds, after attempts in a row that brought nothing; then it is the next tick's turn


class Refused(Exception):
    """Another attempt would end the same way. cause: a word; text: one line for people."""

    def __init__(self, cause, text):
        self.cause, self.text = cause, text


def fetch(run, entry):
    """Have a file fetched and put in place. Raises Again if that has to wait, Failed if another try is of no use."""
    # The query of a URL may be what gives the right to read it: it is never shown.
    host, label = run.host, "%s: %s" % (entry["path"], entry["fetch"]["url"].split("?")[0])
    runner_pid, since, announced = os.getpid(), host.uptime(), False
    child = Question(host, lambda: verdict(run, entry, runner_pid), max(1, run.deadline()))
    try:
        while child.running():
            run.meanwhile()
            if not announced and host.uptime() - since > 5:
                announced = say(run, entry, "is being fetched from " + label.split(": ")[1])
            host.pause(0.2)
    finally:
        if child.pid:
            child.kill_group()
    is_final, cause, fault = loads((child.answer or b'[false, "missing", "no end in time"]').decode())
    if fault is None:
        return
    if run.deadline() <= 0:
        is_final, cause = True, "deadline" if cause == "missing" else cause
    if is_final:
        # No later tick goes on with what has come, of this file or of another.
        for other in run.plan["files"]:
            try:
                if "fetch" in other:
                    host.remove(part_of(other["path"]))
            except OSError:
                pass  # a file system that cannot be written holds no part either
        raise Failed(None, cause, "%s: %s" % (label, fault))
    say(run, entry, "%s: %s" % (label, fault))
    raise Again(fault)


def say(run, entry, reason):
    """Journal once why the run waits, in the form that a late file has."""
    last = (run.journal.find("state") or [{}])[-1]
    if last.get("reason") != reason:
        run.journal.add("waiting", missing=[{"path": entry["path"], "why": "not fetched"}])
        run.state("waiting", reason=reason)
    return True


def part_of(path):
    """The path at which a file lies until it is whole."""
    return "%s/.%s.initialrunner" % os.path.split(path)


def verdict(run, entry, parent):
    """Try to get the file, in a child: [final, cause, fault] as JSON; without a fault it is in place."""
    import ctypes

    # PR_SET_PDEATHSIG, SIGKILL: when the runner is killed, its child must not go on writing beside the next runner.
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != parent:
        os._exit(1)  # it was killed before the call above
    try:
        is_final, cause, fault = False, "missing", Fetch(run.host, run.plan, entry).work()
    except Refused as refused:
        is_final, cause, fault = True, refused.cause, refused.text
    except (OSError, ValueError) as error:
        # ValueError: the place to which a server redirects need not be a URL.
        is_final, cause, fault = False, "disk" if is_full(error) else "missing", str(error)
    # Status lines and locations come from the server and may have any length: their beginning is enough.
    return dumps([is_final, cause, fault and fault[:400]]).encode()


def is_full(error):
    """Whether the disk or the quota takes no more."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


class Fetch:
    """One file on its way: beside its place under a hidden name, with its final owner and mode from the first byte."""

    def __init__(self, host, plan, entry):
        self.host, self.plan, self.entry = host, plan, entry
        folder, self.name = os.path.split(entry["path"])
        self.folder, self.part = host.folder(folder, True), os.path.basename(part_of(entry["path"]))
        # Without a limit in the plan only the free room on the disk ends it.
        self.most = entry["fetch"].get("max_size", 1 << 60)
        # mark: the ETag of what has come; pieced: it came in several answers; restarts: how often all was dropped.
        self.mark, self.pieced, self.restarts = None, True, 0

    def work(self):
        """Get the file and return the fault: None when it is in place. Raises Refused and OSError."""
        self.open()
        try:
            return self.pull()
        except Refused:
            self.drop()
            raise
        finally:
            os.close(self.fd)
            os.close(self.folder)

    def pull(self):
        """Ask until all is there, or nothing more comes; then put it in place."""
        # The child of a runner that was killed a moment ago may still hold the part.
        fcntl.flock(self.fd, fcntl.LOCK_EX)
        self.total, self.have = sha256(), 0
        for block in iter(lambda: os.read(self.fd, PIECE), b""):
            self.keep(block)
        tries = 0
        if not self.have:
            self.copy()
        while not self.whole():
            before, fault = self.have, "other bytes than before"
            try:
                self.attempt()
            except (OSError, ValueError) as error:
                # Another attempt does not help against a full disk.
                if is_full(error):
                    raise
                fault = str(error) or type(error).__name__
            tries = 0 if self.have > before else tries + 1
            if tries > len(PAUSES):
                return fault
            if not self.whole():
                # Half to one and a half times the pause, so that a fleet does not ask at the same moment.
                self.host.pause(([0.2] + PAUSES)[tries] * (0.5 + ord(os.urandom(1)) / 256.0))
        os.fsync(self.fd)
        os.rename(self.part, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        os.fsync(self.folder)
        return None

    def open(self):
        """Open the part that a killed runner left, if nobody but root can have made it; else an empty one."""
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
        expected = (self.entry["mode"] | stat.S_IFREG, 1) + (ids(self.entry) or (0, 0))
        try:
            self.fd = os.open(self.part, flags, dir_fd=self.folder)
            info = os.fstat(self.fd)
            if (info.st_mode, info.st_nlink, info.st_uid, info.st_gid) == expected:
                return
            os.close(self.fd)
        except OSError:
            pass
        self.drop()
        self.fd = os.open(self.part, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self.folder)
        os.fchown(self.fd, *expected[2:])
        os.fchmod(self.fd, self.entry["mode"])

    def drop(self):
        try:
            os.unlink(self.part, dir_fd=self.folder)
        except FileNotFoundError:
            pass

    def keep(self, block):
        self.total.update(block)
        self.have += len(block)

    def again(self):
        """Forget what is there."""
        if self.have:
            self.restarts += 1
        if self.restarts > 3:
            raise Refused("digest", "it changes while it is read, or never matches the SHA-256 that the plan pins")
        os.ftruncate(self.fd, 0)
        self.total, self.have = sha256(), 0

    def whole(self):
        return self.total.hexdigest() == self.entry["sha256"]

    def copy(self):
        """Copy a file that is in place with the right bytes: it need not be fetched, and nobody can change the copy."""
        try:
            present = self.host.open(self.entry["path"])
        except OSError:
            return
        if os.fstat(present).st_size <= self.most:
            for block in iter(lambda: os.read(present, PIECE), b""):
                self.total.update(block)
            if self.whole():
                os.lseek(present, 0, 0)
                self.again()
                for block in iter(lambda: os.read(present, PIECE), b""):
                    self.write(block)
            if not self.whole():
                self.again()
        os.close(present)

    def write(self, block):
        at = self.have
        self.keep(block)
        if self.have > self.most:
            raise Refused("digest", "larger than the %d bytes that are allowed" % self.most)
        if self.spare() < len(block):
            raise OSError(errno.ENOSPC, "no space left: %d bytes arrived; the rest of the disk is reserved" % at)
        while block:
            done = os.pwrite(self.fd, block, at)
            block, at = block[done:], at + done

    def attempt(self):
        """Ask for the missing bytes and take them. Raises OSError if cut off, Refused if they are of no use."""
        headers = {}
        if self.have:
            headers["range"] = "bytes=%d-" % self.have
            if self.mark:
                headers["if-range"] = self.mark
        answer = self.follow(headers)
        try:
            return self.take(answer)
        finally:
            answer.close()

    def take(self, answer):
        begins = "bytes %d-" % self.have
        mark = answer.headers.get("etag")
        goes_on = answer.status == 206 and answer.headers.get("content-range", "").startswith(begins)
        # A server that ignores If-Range would send the rest of another version of the file.
        if self.have and answer.status in (206, 416) and (not goes_on or self.mark not in (None, mark)):
            return self.again()
        if not goes_on and answer.status != 200:
            self.judge(answer)
        if not goes_on:
            self.again()
        self.mark, self.pieced = mark, goes_on
        if answer.length < UNKNOWN:
            self.room(self.have + answer.length)
        for block in answer.blocks():
            self.write(block)
        if not self.whole():
            other = "other bytes than the plan pins: SHA-256 %s of %d bytes, not %s" % (
                self.total.hexdigest(), self.have, self.entry["sha256"],
            )  # fmt: skip
            if not self.pieced:
                raise Refused("digest", other)
            self.again()
        return None

    def follow(self, headers):
        """Return the answer after redirects: a pinned digest makes them harmless, but none may lead out of https."""
        from urllib.parse import urljoin, urlsplit

        url, ca = self.entry["fetch"]["url"], self.plan.get("report", {}).get("ca")
        for _ in range(REDIRECTS + 1):
            answer = exchange(url, self.plan, SILENCE_S, ca, headers, public=True)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            answer.close()
            target = urljoin(url, answer.headers.get("location", ""))
            near = url.startswith("http://") and urlsplit(target).hostname in LOCAL
            if not target.startswith("https://") and not near:
                raise Refused("missing", "redirected to %s: only https is followed" % target.split("?")[0])
            url = target
        raise Refused("missing", "redirected more than %d times" % REDIRECTS)

    def judge(self, answer):
        """Judge a status other than 200. Raises OSError if waiting may help, else Refused."""
        status, reason = answer.status, "answer %d %s" % (answer.status, answer.reason)
        end = self.entry["fetch"]["url"].partition("temp_url_expires=")[2].split("&")[0]
        if end.isdigit() and int(end) < self.host.now():
            reason += ": the URL expired at " + time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(int(end)))
        elif status in (401, 403):
            reason += ": the service refuses this URL: wrong key, missing rights, or expired"
        elif status == 404:
            # The file may be published late; the service answers the same for a bucket of another region.
            raise OSError(reason + ": not published (yet), removed, or in another region")
        if status in (408, 425, 429) or status >= 500:
            raise OSError(reason)
        raise Refused("missing", reason)

    def room(self, size):
        """Refuse early a file that is too large for the plan or for the disk."""
        if size > self.most:
            raise Refused("digest", "%d bytes, but only %d are allowed" % (size, self.most))
        if self.spare() < size - self.have:
            raise OSError(
                errno.ENOSPC, "no space left: %d more bytes are needed, %d are free" % (size - self.have, self.spare())
            )

    def spare(self):
        """The bytes that a fetched file may take from the disk: others keep a twentieth of it, at most 64 MiB."""
        info = os.fstatvfs(self.fd)
        return max(0, info.f_bavail - min(info.f_blocks // 20, RESERVE // info.f_frsize)) * info.f_frsize
