"""Children of the runner: sessions and control groups of their own, and answers that have a time limit."""

import _signal as signal
import errno
import os
import time


class Processes:
    """Starts children, waits for them and ends them. Times are seconds."""

    locked = None  # the descriptor of the lock while this process holds it

    def fork(self):
        """Fork a child in a session of its own, with default signals and /dev/null as its standard files."""
        pid = os.fork()
        if pid == 0:
            # The runner blocks SIGCHLD, and a mask outlives exec: a stage that waits for that signal would hang.
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            # A session is what is killed as one when the child is out of time, its own children included.
            os.setsid()
            if self.locked is not None:
                os.close(self.locked)  # a child that outlives us must not hold the lock
            # Whoever started us (cron, cloud-init) may wait until nobody holds its output any more.
            null = os.open(os.devnull, os.O_RDWR)
            for fd in 0, 1, 2:
                os.dup2(null, fd)
        return pid

    def enter_cgroup(self, group):
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

    def remove_cgroup(self, group):
        """Remove a control group, unless something lives on in it."""
        for _ in range(50):
            try:
                return os.rmdir(group)
            except OSError as error:
                # A process that was just killed is listed no more, yet keeps the group busy until the kernel is done.
                if error.errno != errno.EBUSY or self.text(group + "/cgroup.procs"):
                    return None
            time.sleep(0.002)
        return None

    def pause(self, seconds):
        """Sleep, but wake when a child ends (SIGCHLD is blocked from the start on)."""
        signal.sigtimedwait([signal.SIGCHLD], max(0.0, seconds))

    def ask(self, question, timeout_s):
        """Return the bytes that question() returns in a child; None when it failed, or was killed at timeout_s.

        DNS, connects and slow answers have no other time limit that holds on every libc.
        """
        child = Question(self, question, timeout_s)
        while child.running():
            self.pause(0.2)
        return child.answer

    def run(self, argv, timeout_s=30):
        """Return the exit code of a small helper program, its output thrown away.

        127 when there is no such program, 124 when its time is out.
        """

        def question():
            code = os.spawnvp(os.P_WAIT, argv[0], argv)
            return b"%d" % code

        answer = self.ask(question, timeout_s)
        return 124 if answer is None else int(answer)

    def kill(self, pid, number):
        """Send a signal; a process that has ended meanwhile is fine."""
        try:
            os.kill(pid, number)
        except OSError:
            pass


class Question:
    """A function at work in a child: running() until it has answered, failed, or run out of time."""

    def __init__(self, host, question, timeout_s):
        self.host, self.answer = host, None
        self.end = host.uptime() + timeout_s
        self.pipe, writer = os.pipe()
        os.set_blocking(self.pipe, False)
        self.received = b""
        self.pid = host.fork()
        if self.pid == 0:
            try:
                # The newline proves that the answer is whole: a killed child leaves a part of it, or nothing.
                os.write(writer, question() + b"\n")
            finally:
                # Not sys.exit: the child must not run what its parent's frames have in their `finally`.
                os._exit(0)
        os.close(writer)

    def running(self):
        """Whether the child is still at work; once it is not, `answer` holds its bytes, or None."""
        if self.pid is None:
            return False
        self.receive()
        pid = os.waitpid(self.pid, os.WNOHANG)[0]
        if not pid and self.host.uptime() < self.end:
            return True
        if not pid:
            # Its session is its own: helper programs it started go with it.
            self.kill_group()
            os.waitpid(self.pid, 0)
        # Again, since the child may have written its answer between the first look and its end.
        self.receive()
        os.close(self.pipe)
        self.pid = None
        self.answer = self.received[:-1] if self.received.endswith(b"\n") else None
        return False

    def receive(self):
        """Take what is in the pipe, without waiting for more: a full pipe would hold the child up."""
        try:
            self.received += os.read(self.pipe, 1 << 16)
        except BlockingIOError:
            pass

    def kill_group(self):
        """Kill the child and what it has started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            # The child has not come to its setsid() yet.
            self.host.kill(self.pid, signal.SIGKILL)
