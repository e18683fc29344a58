"""Fetches a file that the plan pins by digest: piece by piece, gone on with after a cut, in place only when whole."""

import fcntl
import json
import os
import stat

from bootstrap.runner.bundle import sha256
from bootstrap.runner.host import Question
from bootstrap.runner.tick.checks import LOCAL, exchange
from bootstrap.runner.tick.files import ids
from bootstrap.runner.tick.signals import Again, Failed

PIECE, SILENCE_S, REDIRECTS, RESERVE = 1 << 16, 60, 5, 1 << 26
PAUSES = [1, 2, 4, 8, 16]  # seconds, after attempts in a row that brought nothing; then it is the next tick's turn


class Refused(Exception):
    """Asking again would bring the same: (cause, one line)."""


def fetch(run, entry):
    """Have a file fetched and put in place. Raises Again when that has to wait, Failed when it is of no use."""
    host, shown = run.host, "%s: %s" % (entry["path"], entry["fetch"]["url"].split("?")[0])
    mine, since, told = os.getpid(), host.uptime(), False
    child = Question(host, lambda: verdict(run, entry, mine), max(1, run.deadline()))
    try:
        while child.running():
            run.meanwhile()
            if not told and host.uptime() - since > 5:
                told = say(run, entry, "is being fetched from " + shown.split(": ")[1])
            host.pause(0.2)
    finally:
        if child.pid:
            child.kill_group()
    is_final, cause, said = json.loads((child.answer or b'[false, "missing", "no end in time"]').decode())
    if not said:
        return
    if run.deadline() <= 0:
        is_final, cause = True, "deadline" if cause == "missing" else cause
    # The query of a URL may be what gives the right to read it: it is told to nobody.
    if is_final:
        # Nobody will go on with what has come, of this file or of another.
        for other in run.plan["files"]:
            try:
                if "fetch" in other:
                    host.remove(part_of(other["path"]))
            except OSError:
                pass  # where nothing can be written, there is no part either
        raise Failed(None, cause, "%s: %s" % (shown, said))
    say(run, entry, "%s: %s" % (shown, said))
    raise Again(said)


def say(run, entry, reason):
    """Journal why the run waits, once; the state is told of like that of a file that is late."""
    last = (run.journal.find("state") or [{}])[-1]
    if last.get("reason") != reason:
        run.journal.add("waiting", missing=[{"path": entry["path"], "why": "not fetched"}])
        run.state("waiting", reason=reason)
    return True


def part_of(path):
    """Where a file lies until it is whole."""
    return "%s/.%s.initialrunner" % os.path.split(path)


def verdict(run, entry, parent):
    """[final, cause, line] of an attempt to have the file, as JSON; an empty line says that it is in place."""
    import ctypes
    from http.client import HTTPException

    # PR_SET_PDEATHSIG: whoever kills the runner must not leave somebody who writes beside the next one.
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != parent:
        os._exit(1)
    try:
        found = False, "missing", Fetch(run.host, run.plan, entry).work()
    except Refused as refused:
        found = (True,) + refused.args
    except (OSError, HTTPException, ValueError) as error:
        # ValueError: what a server sends us on to need not be a URL.
        found = False, "disk" if getattr(error, "errno", None) in (28, 122) else "missing", str(error)
    # A line is enough: status lines and locations are of another's making, and may be of any length.
    return json.dumps(found[:2] + (found[2][:400],)).encode()


class Fetch:
    """One file on its way: beside its place under a hidden name, with its final owner and mode from the first byte."""

    def __init__(self, host, plan, entry):
        self.host, self.plan, self.entry = host, plan, entry
        folder, self.name = os.path.split(entry["path"])
        self.here, self.part = host.folder(folder, True), os.path.basename(part_of(entry["path"]))
        # Without a size in the plan it is the disk that says when to stop.
        self.most = entry["fetch"].get("max_size", 1 << 60)
        # mark: the ETag of what is there; pieced: it came in several answers; restarts: how often all was given up.
        self.mark, self.pieced, self.restarts = None, True, 0

    def work(self):
        """Nothing ("") when the file is in place, else why it is not yet. Raises Refused and OSError."""
        self.open()
        try:
            return self.pull()
        except Refused:
            self.drop()
            raise
        finally:
            os.close(self.fd)
            os.close(self.here)

    def pull(self):
        """Ask until all is there, or nothing more comes; then put it in place."""
        from http.client import HTTPException

        fcntl.flock(self.fd, fcntl.LOCK_EX)
        self.total, self.have = sha256(), 0
        for block in iter(lambda: os.read(self.fd, PIECE), b""):
            self.keep(block)
        tries = 0
        if not self.have:
            self.copy()
        while not self.whole():
            before, said = self.have, "other bytes than before"
            try:
                self.attempt()
            except (OSError, HTTPException) as error:
                # A full disk is nothing that another attempt would mend.
                if getattr(error, "errno", None) in (28, 122):
                    raise
                said = str(error) or type(error).__name__
            tries = 0 if self.have > before else tries + 1
            if tries > len(PAUSES):
                return said
            if not self.whole():
                self.host.pause(([0.2] + PAUSES)[tries] * (0.5 + ord(os.urandom(1)) / 256.0))
        os.fsync(self.fd)
        os.rename(self.part, self.name, src_dir_fd=self.here, dst_dir_fd=self.here)
        os.fsync(self.here)
        return ""

    def open(self):
        """The part that a killed runner left, if only we can have made it; else an empty one."""
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
        wanted = (self.entry["mode"] | stat.S_IFREG, 1) + (ids(self.entry) or (0, 0))
        try:
            self.fd = os.open(self.part, flags, dir_fd=self.here)
            info = os.fstat(self.fd)
            if (info.st_mode, info.st_nlink, info.st_uid, info.st_gid) == wanted:
                return
            os.close(self.fd)
        except OSError:
            pass
        self.drop()
        self.fd = os.open(self.part, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self.here)
        os.fchown(self.fd, *wanted[2:])
        os.fchmod(self.fd, self.entry["mode"])

    def drop(self):
        try:
            os.unlink(self.part, dir_fd=self.here)
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
            raise Refused("digest", "it changes while it is read, or never has the bytes that the plan pins")
        os.ftruncate(self.fd, 0)
        self.total, self.have = sha256(), 0

    def whole(self):
        return self.total.hexdigest() == self.entry["sha256"]

    def copy(self):
        """What lies in place with the right bytes need not come by the network; copied, nobody else can change it."""
        try:
            there = self.host.open(self.entry["path"])
        except OSError:
            return
        if os.fstat(there).st_size <= self.most:
            for block in iter(lambda: os.read(there, PIECE), b""):
                self.total.update(block)
            if self.whole():
                os.lseek(there, 0, 0)
                self.again()
                for block in iter(lambda: os.read(there, PIECE), b""):
                    self.write(block)
            if not self.whole():
                self.again()
        os.close(there)

    def write(self, block):
        at = self.have
        self.keep(block)
        if self.have > self.most:
            raise Refused("digest", "more than the %d bytes that it may have" % self.most)
        if self.spare() < len(block):
            raise OSError(28, "no space left: %d bytes have come, and what is free is needed by others" % at)
        while block:
            done = os.pwrite(self.fd, block, at)
            block, at = block[done:], at + done

    def attempt(self):
        """Ask for what is missing, and take it. Raises OSError when it is cut off, Refused when it is of no use."""
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
        # A server that knows no If-Range would give the rest of another file.
        if self.have and answer.status in (206, 416) and (not goes_on or self.mark not in (None, mark)):
            return self.again()
        if not goes_on and answer.status != 200:
            self.judge(answer)
        if not goes_on:
            self.again()
        self.mark, self.pieced = mark, goes_on
        if answer.length is not None:
            self.room(self.have + answer.length)
        for block in iter(lambda: answer.read(PIECE), b""):
            self.write(block)
        if answer.length:
            raise OSError("cut off after %d of %d bytes" % (self.have, self.have + answer.length))
        if not self.whole():
            other = "other bytes than the plan pins: SHA-256 %s of %d bytes, not %s" % (
                self.total.hexdigest(), self.have, self.entry["sha256"],
            )  # fmt: skip
            if not self.pieced:
                raise Refused("digest", other)
            self.again()
        return None

    def follow(self, headers):
        """The answer, after redirects: with a digest pinned they do no harm, but none may lead out of https."""
        from urllib.parse import urljoin, urlsplit

        url, ca = self.entry["fetch"]["url"], self.plan.get("report", {}).get("ca")
        for _ in range(REDIRECTS + 1):
            answer = exchange(url, self.plan, SILENCE_S, "GET", None, headers, ca, True)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            answer.close()
            there = urljoin(url, answer.headers.get("location", ""))
            near = url.startswith("http://") and urlsplit(there).hostname in LOCAL
            if not there.startswith("https://") and not near:
                raise Refused("missing", "redirected to %s: only https is followed" % there.split("?")[0])
            url = there
        raise Refused("missing", "redirected more than %d times" % REDIRECTS)

    def judge(self, answer):
        """What a status other than 200 means. Raises OSError where time may mend it, else Refused."""
        status, said = answer.status, "answer %d %s" % (answer.status, answer.reason)
        end = self.entry["fetch"]["url"].partition("temp_url_expires=")[2].split("&")[0]
        if end.isdigit() and int(end) < self.host.now():
            import time

            said += ": the URL expired at " + time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(int(end)))
        elif status in (401, 403):
            said += ": the service does not accept this URL: another key, other rights, or its time is over"
        elif status == 404:
            # It may be published late; the service says the same where it is of another region.
            raise OSError(said + ": not published (yet), removed, or in another region")
        if status in (408, 425, 429) or status >= 500:
            raise OSError(said)
        raise Refused("missing", said)

    def room(self, size):
        """Refuse early what is too large for the plan or for the disk."""
        if size > self.most:
            raise Refused("digest", "%d bytes, more than the %d that it may have" % (size, self.most))
        if self.spare() < size - self.have:
            raise OSError(28, "no space left: %d bytes are to come and %d are free" % (size - self.have, self.spare()))

    def spare(self):
        """The bytes that a fetched file may take from the disk: a twentieth of it, or 64 MiB, is left to the others."""
        info = os.fstatvfs(self.fd)
        return max(0, info.f_bavail - min(info.f_blocks // 20, RESERVE // info.f_frsize)) * info.f_frsize
