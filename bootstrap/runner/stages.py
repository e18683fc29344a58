"""Runs one stage: intent on disk, the stage in a session of its own, the result on disk."""

import os
import pwd
import signal
import time

from bootstrap.runner.checks import SHELL, need_missing
from bootstrap.runner.contract import EXIT_AGAIN
from bootstrap.runner.host import STATE, plain
from bootstrap.runner.machine import StageFacts, backoff

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GRACE_S = 10  # between TERM and KILL
READERS_S = 3  # for what reads the last words of a failed text from a pipe
LOG_BYTES, TAIL_BYTES, OUTPUT_BYTES = 1 << 20, 2048, 4096
APT = """DPkg::Lock::Timeout "600";
DPkg::Options { "--force-confdef"; "--force-confold"; };
APT::Get::Assume-Yes "true";
"""


class Failed(Exception):
    """A stage that failed for good: (stage name, cause, one line for people)."""


class Again(Exception):
    """Not yet: the next tick goes on."""


class Superseded(Exception):
    """A newer trigger names another bundle: stop, and leave the machine to it."""


def account(name):
    """The passwd entry of a user, by name or number; None when this host has no such user. Any number will do."""
    try:
        return pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return pwd.struct_passwd((name, "x", int(name), int(name), "", "/", "/bin/sh")) if name.isdigit() else None


class Shell:
    """Starts programs on behalf of one journal: the mark in their environment tells ours from all others."""

    def __init__(self, host, plan, journal, meanwhile):
        self.host, self.plan, self.journal, self.meanwhile = host, plan, journal, meanwhile

    def environment(self, stage, label, user):
        plan, proxy = self.plan, self.plan.get("proxy", {})
        env = {
            "PATH": PATH, "LANG": "C.UTF-8", "SHELL": "/bin/sh", "TERM": "dumb",
            "HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name,
            "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "a", "UCF_FORCE_CONFFOLD": "1",
            "APT_LISTCHANGES_FRONTEND": "none", "APT_CONFIG": STATE + "/apt.conf",
            # For a plain dpkg, which reads no APT_CONFIG; its own defaults first, since this takes their place.
            "DPKG_FORCE": "security-mac,downgrade,confdef,confold",
            "INITIALRUNNER_SERVER": plan["server"], "INITIALRUNNER_DEPLOY_ID": plan["deploy_id"],
            "INITIALRUNNER_REVISION": plan["revision"], "INITIALRUNNER_STAGE": stage["name"],
            "INITIALRUNNER_OUTPUT": output_of(label),
            "INITIALRUNNER_MARK": self.mark(label),
        }  # fmt: skip
        for scheme in "http", "https":
            if proxy.get(scheme):
                env[scheme + "_proxy"] = env[scheme.upper() + "_PROXY"] = proxy[scheme]
        if proxy:
            env["no_proxy"] = env["NO_PROXY"] = ",".join(
                filter(None, [proxy.get("no_proxy"), "localhost,127.0.0.1,169.254.169.254"])
            )
        env.update(stage.get("environment", {}))
        return env

    def mark(self, label):
        return "%s:%s" % (self.journal.id, label)

    def group(self, mark):
        """The folder of the control group of what carries this mark; "" where cgroup v2 is not at hand.

        It holds also what has left its session and emptied its environment.
        """
        for top in "/sys/fs/cgroup", "/sys/fs/cgroup/unified":
            if os.path.exists(top + "/cgroup.procs"):
                return "%s/initialrunner.%s" % (top, mark.replace("/", "."))
        return ""

    def start(self, stage, label, text, log, group=None):
        """(pid, go): a child that waits until go() before it execs, and ends by itself when we die before that.

        group: of an attempt, "" where there are none; None for a text beside one, which has no outputs either.
        """
        user = account(stage.get("user", "root"))
        if not user:
            raise OSError(2, no_user(stage))
        env = self.environment(stage, label, user)
        folder = STATE + "/stages"
        os.close(self.host.folder(folder, True))
        os.chmod(folder, 0o711)
        script = "%s/%s" % (folder, label.replace("/", "."))
        # A file, not an argument: nothing shows in a process list, and an interpreter reads it where exec is forbidden.
        self.host.save(script, text.encode(), 0o700, user.pw_uid, user.pw_gid, False)
        if group is not None:
            self.host.save(env["INITIALRUNNER_OUTPUT"], b"", 0o600, user.pw_uid, user.pw_gid, False)
        argv = text[2:].split("\n")[0].split(None, 1) if text.startswith("#!") else SHELL
        argv = [word.strip() for word in argv] + [script]
        ready, ours = os.pipe()
        pid = self.host.fork()
        if pid == 0:
            try:
                os.close(ours)
                if group:
                    # Here, not in the parent: the kernel takes 10 ms over it, and the parent has an fsync to wait for.
                    self.host.join(group)
                if os.read(ready, 1):
                    os.dup2(log, 1)
                    os.dup2(log, 2)
                    os.chdir("/")
                    os.umask(0o022)
                    # What Python ignores (`yes | head` must end in silence) or whoever started us by hand (nohup) does.
                    for number in range(1, 32):
                        if number not in (signal.SIGKILL, signal.SIGSTOP):
                            signal.signal(number, signal.SIG_DFL)
                    # Where root is the only user there is, even root may not set its groups.
                    if user.pw_uid != os.getuid():
                        os.initgroups(user.pw_name, user.pw_gid)
                        os.setgid(user.pw_gid)
                        os.setuid(user.pw_uid)
                    os.execve(argv[0], argv, env)
            except OSError as error:
                os.write(2, ("initialrunner: %s: %s\n" % (argv[0], error)).encode())
            finally:
                os._exit(127)
        os.close(ready)

        def go():
            try:
                os.write(ours, b"x")
            except OSError:
                pass
            os.close(ours)

        return pid, go

    def wait(self, pid, timeout_s, log):
        """(status, usage, timed out) of a child; at its time limit TERM, then KILL, to everything it started."""
        end, nap = self.host.uptime() + timeout_s, 0.02
        while True:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                return status, usage, False
            left = end - self.host.uptime()
            if left <= 0:
                break
            # Who fills a log by the gigabyte is looked at often, who is quiet once a second.
            nap = 0.02 if bound_log(log) else min(1.0, nap * 2)
            self.meanwhile()
            self.host.pause(min(left, nap))
        self.kill_session(pid, None)
        status, usage = os.wait4(pid, 0)[1:]
        return status, usage, True

    def started_at(self, pid):
        """The start time of a process in clock ticks since boot, "" when there is none: with the pid, its identity."""
        return "".join(self.host.text("/proc/%d/stat" % pid).rsplit(")", 1)[-1].split()[19:20])

    def members(self, leader, mark):
        """Living processes of a session, or with the mark. Name a leader only while it is known to be ours."""
        found, held = [], mark and self.host.text(self.group(mark) + "/cgroup.procs").split()
        for name in self.host.list("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                fields = self.host.text("/proc/%s/stat" % name).rsplit(")", 1)[-1].split()
                if len(fields) > 19 and fields[0] != "Z":
                    marked = mark and (
                        name in held
                        or ("INITIALRUNNER_MARK=%s\0" % mark) in self.host.text("/proc/%s/environ" % name) + "\0"
                    )
                    if marked or (leader and fields[3] == str(leader)):
                        found.append(int(name))
        return found

    def kill_session(self, leader, mark):
        """TERM, then KILL, until none is left. The pids that were there.

        What reads from a pipe (`exec > >(tee log)`) gets a moment first, once its leader has ended: the last words of a
        failure are on their way, and it ends by itself when it has read them.
        """
        end = self.host.uptime() + READERS_S * bool(mark and leader and not self.started_at(leader))
        while self.host.uptime() < end and any(map(has_pipe, self.members(leader, mark))):
            time.sleep(0.02)
        hit, end = set(), self.host.uptime() + GRACE_S
        while True:
            left = self.members(leader, mark)
            if not left:
                return sorted(hit)
            late = self.host.uptime() > end
            if self.host.uptime() > end + GRACE_S:
                raise Again("processes %s do not die" % left)
            for pid in left:
                if late or pid not in hit:
                    self.host.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
            hit.update(left)
            # The leader is our own child: a zombie is not waited for, it only must not be left running.
            time.sleep(0.02)

    def run(self, stage, label, text, timeout_s=60):
        """(exit code, last lines) of a short text that belongs to a stage: verify, skip_if, a check."""
        if not account(stage.get("user", "root")):
            return 127, no_user(stage)
        if "/" not in label:
            # An undo or every_boot entry whose runner was killed has no settle(): it must not work beside this one.
            self.kill_session(None, self.mark(label))
        log = open_log(self.host, label.split("/")[0])
        start = os.fstat(log).st_size
        pid, go = self.start(stage, label, text, log)
        go()
        status, _, late = self.wait(pid, timeout_s, log)
        if late or status:
            self.kill_session(pid, self.mark(label))
        saw = tail(log, self.plan, start)
        os.close(log)
        return (124 if late else exit_code(status)), saw


def no_user(stage):
    return "no user %s on this host" % stage["user"]


def output_of(label):
    """Where a stage may write key=value lines; by attempt, so that none is in the way of the next."""
    return "%s/stages/%s.output" % (STATE, label.replace("/", "."))


def has_pipe(pid):
    """Whether a process holds a pipe. Not only as its input: one that was just forked has it under another number."""
    try:
        fds = "/proc/%d/fd/" % pid
        return any(os.readlink(fds + fd).startswith("pipe:") for fd in os.listdir(fds))
    except OSError:
        return False


def exit_code(status):
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def open_log(host, name):
    os.close(host.folder(STATE + "/logs", True))
    os.chmod(STATE + "/logs", 0o700)
    log = host.open("%s/logs/%s.log" % (STATE, name), os.O_RDWR | os.O_APPEND | os.O_CREAT)
    bound_log(log, LOG_BYTES)
    return log


def bound_log(log, limit=2 * LOG_BYTES):
    """Keep a log's two ends, never blocking the writer: it appends, so cutting the file is safe. True when cut.

    Half of the limit is left as its head, and no attempt begins behind that: what follows its beginning is its own.
    """
    size = os.fstat(log).st_size
    if size > limit:
        # O_APPEND descriptors write at the end whatever the offset: another one is needed to write in place.
        fd = os.open("/proc/self/fd/%d" % log, os.O_WRONLY)
        # Again while the writer adds: what comes between the last look and the cut is lost, its last words perhaps.
        for _ in range(20):
            size = os.fstat(log).st_size
            end = b"\n[cut: the log was too long]\n" + os.pread(log, limit // 4 - 64, size - limit // 4 + 64)
            os.pwrite(fd, end, limit // 2)
            if os.fstat(log).st_size == size:
                break
        os.ftruncate(log, limit // 2 + len(end))
        os.close(fd)
    return size > limit


def tail(log, plan, start=0):
    """The last lines of a log as text. Secrets are blotted out in the file itself first, at the same length."""
    bound_log(log)
    data = os.pread(log, 2 * LOG_BYTES, 0)
    for secret in map(str.encode, plan.get("secrets", [])):
        at = data.find(secret)
        while at >= 0:
            # In place, as above.
            fd = os.open("/proc/self/fd/%d" % log, os.O_WRONLY)
            os.pwrite(fd, b"*" * len(secret), at)
            os.close(fd)
            data = data[:at] + b"*" * len(secret) + data[at + len(secret) :]
            at = data.find(secret)
    return plain(data[start:][-TAIL_BYTES:].decode("utf-8", "backslashreplace"))[-TAIL_BYTES:]


def outputs(host, plan, label):
    """{"outputs": key=value lines that an attempt wrote to $INITIALRUNNER_OUTPUT}, secrets blotted out; {} without any.

    The file goes: it may hold a secret as it is. It is the stage's, who may have made anything of it: no more is read
    than counts. Raises OSError where it is no regular file.
    """
    path = output_of(label)
    try:
        with os.fdopen(host.open(path), "rb") as file:
            text = file.read(OUTPUT_BYTES).decode("utf-8", "replace")
    finally:
        host.remove(path)
    for secret in plan.get("secrets", []):
        text = text.replace(secret, "*" * len(secret))
    pairs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {"outputs": pairs} if pairs else {}


def killed_for_memory(host):
    """How many processes the kernel has killed since boot because memory ran out."""
    return host.text("/proc/vmstat").partition("\noom_kill ")[2].split("\n")[0]


def looked(look, *words):
    """What a look after a stage gives, {} where it fails: its exit code is to be recorded whatever else there is."""
    try:
        return look(*words)
    except (OSError, ValueError, MemoryError):
        return {}


def disk_full():
    """Whether a file system that stages write to has no space or no inodes left."""
    for path in filter(os.path.exists, ("/", "/var/lib", "/tmp")):
        info = os.statvfs(path)
        if info.f_bfree * info.f_frsize < 1 << 16 or (info.f_files and not info.f_ffree):
            return True
    return False


class Stages:
    """The stages of one run, in order, each once."""

    def __init__(self, run):
        self.host, self.plan, self.journal = run.host, run.plan, run.journal
        self.deadline, self.shell, self.run = run.deadline, run.shell, run

    def facts(self, stage):
        return StageFacts(self.journal.events, stage["name"])

    def end(self, stage, result, attempt, took_s=0.0, **more):
        """Journal a stage.ended; raises Failed when it is final."""
        event = self.journal.add(
            "stage.ended", stage=stage["name"], result=result, attempt=attempt, took_s=round(took_s, 3), **more
        )
        if event.get("final"):
            how = "exit %d" % event["exit_code"] if "exit_code" in event else "cause: %s" % event.get("cause")
            how = event["tail"] if event.get("cause") in ("needs", "reboot") else how
            raise Failed(stage["name"], event.get("cause"), "stage %s failed (%s)" % (stage["name"], how))

    def kill_left(self, began):
        """End what an attempt without an end has left running. The pids."""
        if began["boot_id"] != self.host.boot_id:
            return []
        # The pid of its leader may long belong to somebody else: only with the same start time is it ours.
        known = self.shell.started_at(began["pid"]) == began["start"]
        mark = self.shell.mark("%s/%d" % (began["stage"], began["attempt"]))
        return self.shell.kill_session(began["pid"] if known else None, mark)

    def settle(self, stage, facts):
        """An attempt without an end: kill what is left of it, then let verify or on_interrupt decide."""
        began, name = facts.open, stage["name"]
        policy = stage.get("on_interrupt", "retry")
        if facts.state == "running":
            rebooted = began["boot_id"] != self.host.boot_id
            more = {"killed": self.kill_left(began), "policy": policy, "rebooted": rebooted}
            self.journal.add("interrupted", stage=name, attempt=began["attempt"], **more)
        if stage.get("verify") and self.shell.run(stage, name + "/verify", stage["verify"], 300)[0] == 0:
            more = looked(outputs, self.host, self.plan, "%s/%d" % (name, began["attempt"]))
            return self.end(stage, "done", began["attempt"], cause="interrupted", **more)
        if policy == "fail" or self.facts(stage).too_often:
            return self.end(
                stage, "failed", began["attempt"], cause="interrupted", final=True, tail=self.last_lines(name)
            )
        return None

    def last_lines(self, name):
        log = open_log(self.host, name)
        text = tail(log, self.plan)
        os.close(log)
        return text

    def needs(self, stage):
        """Wait until all the stage needs is there; a wait that outlives the whole deadline fails the stage."""
        reported, attempt = None, self.facts(stage).attempt
        for need in [{"user": stage.get("user", "root")}] + stage.get("needs", []):
            while True:
                if "user" in need:
                    missing = None if account(need["user"]) else no_user(stage)
                else:
                    missing = need_missing(self.host, self.plan, need)
                if not missing:
                    break
                if missing != reported:
                    reported = missing
                    self.journal.add("waiting", missing=[{"path": stage["name"], "why": "needs"}], **{"for": missing})
                if self.deadline() <= 0:
                    self.end(stage, "failed", attempt, cause="needs", tail=missing, final=True)
                self.run.meanwhile()
                self.host.pause(1.0)

    def work(self, stage):
        """Bring one stage to its end. Raises Failed, Again or Superseded."""
        facts = self.facts(stage)
        if facts.open:
            self.settle(stage, facts)
        while True:
            facts = self.facts(stage)
            if facts.state in ("done", "skipped"):
                return self.reboot(stage)
            if facts.state == "failed":
                raise Failed(stage["name"], facts.end.get("cause"), "stage %s failed" % stage["name"])
            if self.deadline() <= 0:
                self.end(stage, "failed", facts.attempt, cause="deadline", final=True)
            self.rest(stage, facts)
            self.needs(stage)
            if (
                stage.get("skip_if")
                and not facts.attempt
                and self.shell.run(stage, stage["name"] + "/skip_if", stage["skip_if"], 300)[0] == 0
            ):
                self.end(stage, "skipped", 0)
            else:
                self.attempt(stage, facts)

    def rest(self, stage, facts):
        """The pause before another attempt."""
        if facts.failed and facts.end and facts.end["result"] == "failed":
            end = facts.end["uptime_s"] + backoff(stage.get("delay_s", 10), stage.get("max_delay_s", 300), facts.failed)
            # A second more than the limit: the journal rounds, and a capped pause must not be taken for another boot's.
            if end - self.host.uptime() > stage.get("max_delay_s", 300) + 1:
                end = self.host.uptime()  # the failure was in another boot
            while self.host.uptime() < end:
                self.run.meanwhile()
                self.host.pause(min(1.0, end - self.host.uptime()))

    def attempt(self, stage, facts):
        name, number = stage["name"], facts.attempt + 1
        label = "%s/%d" % (name, number)
        if self.host.list("/var/lib/dpkg/updates"):
            self.run.cold("mend_dpkg")(self.run, name)
        log = open_log(self.host, name)
        began_at = os.fstat(log).st_size
        group, oom = self.shell.group(self.shell.mark(label)), killed_for_memory(self.host)
        pid, go = self.shell.start(stage, label, stage["text"], log, group)
        more = {"pid": pid, "start": self.shell.started_at(pid), "boot_id": self.host.boot_id}
        self.journal.add("stage.started", stage=name, attempt=number, **more)
        begun = self.host.uptime()
        go()
        try:
            status, usage, late = self.shell.wait(pid, stage.get("timeout_s", 900), log)
        except Superseded:
            self.shell.kill_session(pid, self.shell.mark(label))
            raise
        code = exit_code(status)
        if late or code not in (0, EXIT_AGAIN):
            self.shell.kill_session(pid, self.shell.mark(label))
        more = {"cpu_s": round(usage.ru_utime + usage.ru_stime, 3), "peak_kib": usage.ru_maxrss}
        more.update({"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit_code": code})
        more["tail"] = looked(tail, log, self.plan, began_at) or ""
        os.close(log)
        if self.journal.moved():
            # The stage mounted something over our folder: its outputs are there, and its log follows without secrets.
            looked(self.journal.follow)
        self.host.part(group)
        more.update(looked(outputs, self.host, self.plan, label))
        result, cause = "failed", "timeout" if late else "signal" if "signal" in more else "exit"
        kills = killed_for_memory(self.host)
        if oom and kills and kills != oom:  # "" when the stage has unmounted /proc
            cause = "oom"
        elif disk_full():
            cause = "disk"
        if not late and code == EXIT_AGAIN:
            result = "again"
        elif not late and code == 0:
            result, cause = "done", None
            if stage.get("verify"):
                check, saw = self.shell.run(stage, name + "/verify", stage["verify"], 300)
                if check:
                    result, cause, more["tail"] = "failed", "verify", "verify exit %d\n%s" % (check, saw)
        if result == "failed":
            more["cause"] = cause
            if facts.failed + 1 >= stage.get("attempts", 1):
                more["final"] = True
        self.end(stage, result, number, self.host.uptime() - begun, **more)
        if result == "again":
            raise Again("stage %s says: not yet" % name)

    def reboot(self, stage):
        if stage.get("reboot", "never") != "never":
            self.run.cold("reboot_after")(self.run, stage)
