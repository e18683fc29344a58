"""Starts the texts of stages as programs, waits for them, and ends what they leave behind."""

import _signal as signal
import errno
import os
import pwd
import time

from bootstrap.runner.host import STATE
from bootstrap.runner.tick.checks import SHELL
from bootstrap.runner.tick.logs import bound_log, open_log, output_of, tail
from bootstrap.runner.tick.signals import Again

# The settings of apt in all stages, for $APT_CONFIG below: it waits for its lock, and asks no questions.
APT = """DPkg::Lock::Timeout "600";
DPkg::Options { "--force-confdef"; "--force-confold"; };
APT::Get::Assume-Yes "true";
"""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GRACE_S = 10  # between TERM and KILL
READERS_S = 3  # for a process that reads the last words of a failed text from a pipe


def account(name):
    """Return the passwd entry of a user, None when this host has no such user. A number need not be in passwd."""
    try:
        return pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return pwd.struct_passwd((name, "x", int(name), int(name), "", "/", "/bin/sh")) if name.isdigit() else None


class Shell:
    """Starts programs on behalf of one journal: the mark in their environment tells ours from all others."""

    def __init__(self, host, plan, journal, meanwhile):
        self.host, self.plan, self.journal, self.meanwhile = host, plan, journal, meanwhile

    def environment(self, stage, label, user):
        """Return the environment of a stage's text; its own variables come last, and win."""
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
        if proxy:  # for: proxy
            for scheme in "http", "https":
                if proxy.get(scheme):
                    env[scheme + "_proxy"] = env[scheme.upper() + "_PROXY"] = proxy[scheme]
            env["no_proxy"] = env["NO_PROXY"] = ",".join(
                filter(None, [proxy.get("no_proxy"), "localhost,127.0.0.1,169.254.169.254"])
            )
        env.update(stage.get("environment", {}))
        return env

    def mark(self, label):
        """Return the word by which the processes of a label are found again: no other journal has the same."""
        return "%s:%s" % (self.journal.id, label)

    def group(self, mark):
        """Return the folder of the control group of the processes with this mark; "" where cgroup v2 is not at hand.

        It holds even a process that has left its session and emptied its environment.
        """
        for top in "/sys/fs/cgroup", "/sys/fs/cgroup/unified":
            if os.path.exists(top + "/cgroup.procs"):
                return "%s/initialrunner.%s" % (top, mark.replace("/", "."))
        return ""

    def start(self, stage, label, text, log, group=None):
        """Return (pid, go): a child that waits until go() before it execs, and ends by itself when we die before that.

        label: "stage/attempt", or another name of the text; log: its standard output and error. group: the control
        group of an attempt, "" where there are none; None for a text beside one, which has no outputs either.
        """
        user = account(stage.get("user", "root"))
        if not user:
            raise OSError(errno.ENOENT, no_user(stage))
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
        # The pipe holds the child back. When we die, its end of file wakes the child, which then must not exec.
        ready, writer = os.pipe()
        pid = self.host.fork()
        if pid == 0:
            try:
                # Else the child itself would keep its pipe open, and never see the end of file.
                os.close(writer)
                if group:
                    # Here, not in the parent: the kernel takes 10 ms over it, and the parent has an fsync to wait for.
                    self.host.enter_cgroup(group)
                if os.read(ready, 1):
                    os.dup2(log, 1)
                    os.dup2(log, 2)
                    os.chdir("/")
                    os.umask(0o022)
                    # Python ignores SIGPIPE (`yes | head` must end in silence), and nohup, by hand, SIGHUP: both would
                    # outlive exec. 31 is the last signal that is not a realtime one.
                    for number in range(1, 32):
                        if number not in (signal.SIGKILL, signal.SIGSTOP):
                            signal.signal(number, signal.SIG_DFL)
                    # In a user namespace where root is the only user, even root may not set its groups.
                    if user.pw_uid != os.getuid():  # for: user
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
                os.write(writer, b"x")
            except OSError:
                pass
            os.close(writer)

        return pid, go

    def wait(self, pid, timeout_s, log):
        """Return (status, usage, timed out) of a child; at its time limit TERM, then KILL, to everything it started."""
        end, nap = self.host.uptime() + timeout_s, 0.02
        while True:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                return status, usage, False
            left_s = end - self.host.uptime()
            if left_s <= 0:
                break
            # Look often while the stage floods its log, once a second while it is quiet.
            nap = 0.02 if bound_log(log) else min(1.0, nap * 2)
            self.meanwhile()
            self.host.pause(min(left_s, nap))
        self.kill_session(pid, None)
        status, usage = os.wait4(pid, 0)[1:]
        return status, usage, True

    def started_at(self, pid):
        """Return the start time of a process in clock ticks since boot, "" when there is none.

        Pids are used again; a pid and its start time together are one process.
        """
        return "".join(self.host.text("/proc/%d/stat" % pid).rsplit(")", 1)[-1].split()[19:20])

    def members(self, leader, mark):
        """Return the pids of living processes of a session, or with the mark.

        Name a leader only while it is known to be ours: once it is gone, its pid may lead somebody else's session.
        """
        pids, grouped = [], mark and self.host.text(self.group(mark) + "/cgroup.procs").split()
        for name in self.host.list("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                fields = self.host.text("/proc/%s/stat" % name).rsplit(")", 1)[-1].split()
                if len(fields) > 19 and fields[0] != "Z":
                    marked = mark and (
                        name in grouped
                        or ("INITIALRUNNER_MARK=%s\0" % mark) in self.host.text("/proc/%s/environ" % name) + "\0"
                    )
                    if marked or (leader and fields[3] == str(leader)):
                        pids.append(int(name))
        return pids

    def kill_session(self, leader, mark):
        """Send TERM, then KILL, until none is left. Return the pids that were there. Raises Again when some do not die.

        Once its leader has ended, a process that reads from a pipe (`exec > >(tee log)`) gets a moment first: the last
        words of a failure are on their way, and it ends by itself when it has read them.
        """
        end = self.host.uptime() + READERS_S * bool(mark and leader and not self.started_at(leader))
        while self.host.uptime() < end and any(map(has_pipe, self.members(leader, mark))):
            time.sleep(0.02)
        signalled, end = set(), self.host.uptime() + GRACE_S
        while True:
            # Each time anew: a dying process may have started another one since the last look.
            pids = self.members(leader, mark)
            if not pids:
                return sorted(signalled)
            overdue = self.host.uptime() > end
            if self.host.uptime() > end + GRACE_S:
                raise Again("processes %s do not die" % pids)
            for pid in pids:
                if overdue or pid not in signalled:
                    self.host.kill(pid, signal.SIGKILL if overdue else signal.SIGTERM)
            signalled.update(pids)
            # A leader that is our own child is a zombie until wait4() takes it; members() leaves zombies out, so that
            # nothing here waits for it.
            time.sleep(0.02)

    def run(self, stage, label, text, timeout_s=60):
        """Return (exit code, last lines) of a short text that belongs to a stage: verify, skip_if, a check."""
        if not account(stage.get("user", "root")):
            return 127, no_user(stage)
        if "/" not in label:
            # An undo or every_boot entry whose runner was killed is not settled as an attempt is: end it here, since it
            # must not work beside this one.
            self.kill_session(None, self.mark(label))
        log = open_log(self.host, label.split("/")[0])
        start = os.fstat(log).st_size
        pid, go = self.start(stage, label, text, log)
        go()
        status, _, timed_out = self.wait(pid, timeout_s, log)
        if timed_out or status:
            self.kill_session(pid, self.mark(label))
        last_lines = tail(log, self.plan, start)
        os.close(log)
        return (124 if timed_out else exit_code(status)), last_lines


def no_user(stage):
    return "no user %s on this host" % stage["user"]


def has_pipe(pid):
    """Whether a process holds a pipe. Not only as its input: one that was just forked has it under another number."""
    try:
        fds = "/proc/%d/fd/" % pid
        return any(os.readlink(fds + fd).startswith("pipe:") for fd in os.listdir(fds))
    except OSError:
        return False


def exit_code(status):
    """Return a wait status as the shell's $? has it: 128 and the signal for a child that was killed."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
