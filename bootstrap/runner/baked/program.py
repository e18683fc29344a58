"""The runner that is in an image before there is a bundle: it looks for one, checks it, hands over to it, and is done.

tick = find + take. `find` only looks and verifies, and may be locked in as far as a unit likes; `take` puts what came
beside the bundle in place, and runs the bundle, which makes itself durable before it returns; only then the mark is
written after which nothing of this starts again.
"""

import fcntl
import json
import os
import signal
import sys
import syslog
import time
from hashlib import sha256

from bootstrap.runner.baked.planned import Unplanned, bring, travels_beside
from bootstrap.runner.baked.signed import Unsigned, check
from bootstrap.runner.baked.sources import (
    AGAIN_S,
    FETCH_S,
    LOOK_S,
    NAMES,
    WITH_FILES,
    Elsewhere,
    Nothing,
    fetched,
    files_beside,
    in_openstack,
    look_at,
    named,
)
from bootstrap.runner.defaults import BAKED
from bootstrap.runner.host import COMMAND, STATE, TRIGGER, Host
from bootstrap.runner.terminal import guard

IMAGE = "/etc/initialrunner/image.json"
SIGNERS = "/etc/initialrunner/allowed_signers"
TAKEN, TAKING = STATE + "/taken", STATE + "/taking"
BUILDER = STATE + "/builder"
JOURNAL_HERE = STATE + "/journal"
RUN = "/run/initialrunner"  # gone after a boot
LOCK_HELD = RUN + "/lock"
FOUND, ABOUT = RUN + "/found", RUN + "/found.json"  # a bundle, and where it is from
BROUGHT = RUN + "/brought."  # files that came beside it, by their SHA-256
SEEN = RUN + "/seen.json"
TIMER = "initialrunner-image.timer"
CI_OFF = "/etc/cloud/cloud-init.disabled", "/run/cloud-init/disabled"
CI_UNITS = "/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"
CI_DONE, CI_END = "/run/cloud-init/result.json", "cloud-init's end"
EVERY_S = 4  # within its minute a tick looks that often
TELL_S = 570  # in the tenth minute people are told where they look
HAND_OVER_S = 240
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root",
}  # fmt: skip
AGAIN = 75  # EX_TEMPFAIL
USAGE = """usage: initialrunner VERB
This image has no bundle yet. Until one has come there are:
  status [--json]   what this image waits for, and what each source said
  why               one sentence and one command
  tick [--for S]    look, and take the bundle that is there; --for goes on looking for S seconds (the trigger does)
  help
"""


# --- what is so ---


def read_json(host, path):
    """The object in a file of ours; {} when there is none or it cannot be read."""
    try:
        found = json.loads(host.read(path)[0].decode())
    except (OSError, ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def blocked(host):
    """Why nothing is looked for: (state, sentence); None when there is nothing against it."""
    if os.path.lexists(TAKEN):
        taken = read_json(host, TAKEN)
        return "taken", "a bundle was taken from %s" % taken.get("source", "an unknown source")
    mark = read_json(host, BUILDER)
    uuid = host.ids()[0]
    if host.read(BUILDER) and not mark:
        return "builder", "%s cannot be read, so this may be the builder" % BUILDER
    if mark and (mark.get("boot_id") == host.boot_id or (uuid and mark.get("product_uuid") == uuid)):
        return "builder", "this machine is the builder of the image: only its clones take a bundle"
    image = read_json(host, IMAGE)
    if image.get("version") != 1:
        return "broken", "%s is missing or cannot be read" % IMAGE
    if goes_on(host):
        return "otherwise", "a bundle has come another way and is at work, or done"
    return None


def goes_on(host):
    """Whether a bundle has its own trigger, or has come to its end: from then on nobody needs ours."""
    past = host.text(JOURNAL_HERE).splitlines()
    if not past:
        return False
    if "sha256sum" in host.text(TRIGGER):
        return True
    for line in reversed(past):
        try:
            event = json.loads(line)
        except ValueError:
            continue  # torn
        if event["type"] == "state":
            return bool(event.get("final"))
    return False


def cloud_init_runs(host):
    """Whether cloud-init is at work in this boot, or is going to be."""
    if os.path.exists(CI_DONE) or any(map(os.path.exists, CI_OFF)):
        return False
    if "cloud-init=disabled" in host.text("/proc/cmdline").split():
        return False
    units = [folder + "/cloud-final.service" for folder in CI_UNITS]
    unit = [path for path in units if os.path.lexists(path)]
    if not unit or os.path.realpath(unit[0]) == "/dev/null":
        return False
    # The generator leaves one of two marks; without systemd nothing of cloud-init's starts.
    return os.path.isdir("/run/systemd/system") and os.path.exists("/run/cloud-init/enabled")


def waits_for_cloud_init(host, image):
    """Seconds left to wait for cloud-init; None when it has ended, is not there, or had its time."""
    if not cloud_init_runs(host):
        return None
    left = since(host, "cloud-init") + dict(BAKED, **image)["cloud_init_deadline_s"] - host.uptime()
    return left if left > 0 else None


def since(host, what):
    """When in this boot something was first seen, as uptime in seconds: now, unless it is noted already."""
    path = "%s/%s.json" % (RUN, what)
    begun = read_json(host, path).get("since_s")
    if begun is None:
        begun = host.uptime()
        put(host, path, json.dumps({"since_s": begun}))
    return begun


def put(host, path, text):
    """A file of ours that need not outlive the boot."""
    host.save(path, text if isinstance(text, bytes) else text.encode(), durable=False)


# --- find ---


class Finder:
    """One tick's looks at the sources of an image."""

    def __init__(self, host, image):
        self.host, self.image = host, image
        self.names = [str(name) for name in image.get("sources", ["files"])]
        self.seen = read_json(host, SEEN).get("sources", {})
        self.next = {}

    def work(self, seconds, patient):
        """True when a verified bundle lies at FOUND. seconds: how long to go on looking; patient: after cloud-init."""
        end = self.host.uptime() + seconds
        while True:
            left = waits_for_cloud_init(self.host, self.image) if patient else None
            if left is None:
                if patient and cloud_init_runs(self.host):
                    self.tell(CI_END, "has not come in its time; going on without it")
                for name in self.names:
                    if self.ask(name):
                        return True
            if self.host.uptime() + EVERY_S > end or blocked(self.host):
                return False
            self.host.pause(EVERY_S)

    def ask(self, source):
        """Look at one source, unless it was looked at just now. True when its bundle is whole and may be run."""
        name = named(source)[0]
        if self.next.get(source, 0) > self.host.uptime():
            return False
        if name not in NAMES:
            self.tell(source, "this runner knows no such source")
            return False
        found = self.child(lambda: self.keep(look_at(self.host, source)), LOOK_S[name])
        if "url" in found:
            self.tell(source, "a stub, which names %s" % found["url"].split("?")[0])
            found = self.child(lambda: self.keep(fetched(found["url"], found["sha256"])), FETCH_S)
        self.next[source] = self.host.uptime() + AGAIN_S[name]
        if "said" in found:
            self.tell(source, found["said"])
            return False
        return self.verify(source, found["sha256"])

    def child(self, question, limit_s):
        """What question() returned in a child, an object for JSON; {"url", "sha256"} of a stub; or {"said"}."""

        def work():
            try:
                found = question()
            except Elsewhere as stub:
                found = {"url": stub.args[0], "sha256": stub.args[1]}
            except (Nothing, OSError) as error:
                found = {"said": str(error) or type(error).__name__}
            except Exception as error:
                # HTTPException and what no one thought of: one source's trouble is not another's.
                found = {"said": "cannot be read: %s: %s" % (type(error).__name__, error)}
            return json.dumps(found).encode()

        answer = self.host.ask(work, limit_s)
        return json.loads(answer.decode()) if answer else {"said": "no answer in %d s" % limit_s}

    def keep(self, bundle):
        """Within a child: a bundle is at FOUND.new."""
        put(self.host, FOUND + ".new", bundle)
        return {"sha256": sha256(bundle).hexdigest()}

    def verify(self, source, digest):
        """Judge the bundle at FOUND.new by its signature, where this image asks for one; put it at FOUND.

        So are the files beside it, once it is judged.
        """
        host, about = self.host, {"source": source, "sha256": digest}
        bundle = host.read(FOUND + ".new")[0]
        if sha256(bundle).hexdigest() != digest:
            return False
        if os.path.lexists(SIGNERS):
            try:
                about["signer"] = str(check(host, bundle, SIGNERS, RUN + "/signed"))
            except Unsigned as error:
                self.tell(source, "refused: %s" % error)
                return False
        said = "a whole bundle of %d bytes" % len(bundle)
        if named(source)[0] in WITH_FILES:
            found = self.child(lambda: self.beside(source, bundle), LOOK_S[named(source)[0]])
            if "said" in found:
                # The bundle would wait for ever for what this source may give in a moment.
                self.tell(source, "%s; what is beside it: %s" % (said, found["said"]))
                return False
            said += found["so"]
            if found["files"]:
                about["files"] = found["files"]
        self.tell(source, said)
        put(host, ABOUT, json.dumps(about, sort_keys=True))
        put(host, FOUND, bundle)
        host.remove(FOUND + ".new")
        return True

    def beside(self, source, bundle):
        """Within a child: the files of the source that the bundle's plan lists as injected are at BROUGHT."""
        try:
            wanted = travels_beside(bundle)
        except Unplanned as error:
            return {"files": {}, "so": ", whose plan cannot be read: %s" % error}
        if not wanted:
            return {"files": {}, "so": ""}

        def keep(data, digest):
            put(self.host, BROUGHT + digest, data)

        kept, left = in_openstack(self.host, source, lambda get: files_beside(get, wanted, keep))
        so = "".join(", with %s" % path for path in sorted(kept))
        return {"files": kept, "so": so + "".join(", without %s: %s" % one for one in sorted(left.items()))}

    def tell(self, source, said):
        """Keep what a source said for `status`; in the system log once, until it says something else."""
        if self.seen.get(source) == said:
            return
        self.seen[source] = said
        put(self.host, SEEN, json.dumps({"sources": self.seen}, sort_keys=True))
        log("%s: %s" % (source, said))


def log(line):
    """One line to the system log, by libc: a program for each would be the larger part of a tick."""
    syslog.syslog(line)


def locked(host):
    """Whether this process now is the one that looks; cron and systemd may both have started one."""
    folder = host.folder(RUN, True)
    os.fchmod(folder, 0o700)
    os.close(folder)
    fd = host.open(LOCK_HELD, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return False
    host.locked = fd  # so that no child keeps it
    return True


def find(host, words):
    """Have a verified bundle at FOUND. Writes nothing outside /run."""
    host.remove(ABOUT)  # of a tick that was cut short: what it found may be another one by now
    state = blocked(host)
    if state and state[0] != "otherwise":
        return 0
    seconds = words[1] if words[:1] == ["--for"] and words[1:] else "0"
    # Where one was started without us, one look tells from where it had come.
    found = Finder(host, read_json(host, IMAGE)).work(int(seconds) if seconds.isdigit() else 0, not state)
    return 0 if found else AGAIN


# --- take ---


def take(host):
    """Hand over to the bundle at FOUND, and be done with it; else see whether people have to be told."""
    state = blocked(host)
    if state:
        if state[0] == "otherwise":
            # Ours, if we were cut short; else its own trigger or cloud-init started it. Nothing is left for us to do.
            other = {"source": "another way", "sha256": named_by_trigger(host)}
            done(host, read_json(host, TAKING) or known(host) or other)
        elif state[0] == "taken":
            stop(host)
        return 0
    about, found = read_json(host, ABOUT), host.read(FOUND)
    if not about or not found or sha256(found[0]).hexdigest() != about.get("sha256"):
        nothing_yet(host)
        return AGAIN
    host.save(TAKING, dated(host, about), 0o644)
    if not bring(host, about.get("files", {}), BROUGHT, log):
        host.remove(ABOUT)
        return AGAIN
    code = host.run(["sh", FOUND], HAND_OVER_S)
    if code or not goes_on(host):
        # Without a trigger of its own it may need us again: to hand over twice does no harm.
        host.remove(TAKING)
        put(host, RUN + "/refused.json", json.dumps({"code": code, "source": about["source"]}))
        log("the bundle from %s ended with exit %d and will not go on by itself: again" % (about["source"], code))
        host.remove(ABOUT)
        return AGAIN
    done(host, about)
    return 0


def done(host, about):
    """Nothing of the image's own is started from now on. The bundle is durable by now, so this may be."""
    host.save(TAKING, dated(host, about), 0o644)
    folder, name = os.path.split(TAKEN)
    here = host.folder(folder)
    os.rename(os.path.basename(TAKING), name, src_dir_fd=here, dst_dir_fd=here)
    os.fsync(here)
    os.close(here)
    log("handed over to the bundle %s from %s" % ((about["sha256"] or "unknown")[:12], about["source"]))
    brought = [RUN + "/" + name for name in host.list(RUN) if (RUN + "/" + name).startswith(BROUGHT)]
    for path in [ABOUT, FOUND] + brought:
        host.remove(path)
    stop(host)


def dated(host, about):
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(host.now()))
    return json.dumps(dict(about, at=at), sort_keys=True).encode() + b"\n"


def known(host):
    """What was found, when it is of the roll-out that is at work, or was; else {}. Its own `status` tells which."""
    about, found = read_json(host, ABOUT), host.read(FOUND)
    if not about or not found or sha256(found[0]).hexdigest() != about.get("sha256"):
        return {}
    said = host.ask(lambda: os.popen("sh %s status --json" % FOUND).read().encode(), HAND_OVER_S)
    try:
        mine = json.loads((said or b"").decode())["deploy_id"]
        first = json.loads(host.text(JOURNAL_HERE).split("\n")[0])
        about.pop("files", None)  # whoever started it has brought them too, or has not
        return about if mine == first["deploy_id"] else {}
    except (ValueError, LookupError, TypeError):
        return {}


def stop(host):
    """The timer too, which would go on asking its condition until the next boot."""
    if os.path.isdir("/run/systemd/system"):
        host.run(["systemctl", "stop", "--no-block", TIMER], 20)


def named_by_trigger(host):
    """The digest that an injected trigger names, None when it has gone already."""
    words = host.text(TRIGGER).replace('"', " ").split()
    return next((word for word in words if len(word) == 64 and not word.strip("0123456789abcdef")), None)


def nothing_yet(host):
    """Ten minutes without a bundle: one line on the console and in motd."""
    if host.uptime() - since(host, "bundle") > TELL_S and not os.path.exists(RUN + "/told"):
        put(host, RUN + "/told", "")
        host.say("waits for a bundle; ask initialrunner why")


# --- people ---


def facts(host):
    """What `status` shows."""
    image, seen, refused = read_json(host, IMAGE), read_json(host, SEEN), read_json(host, RUN + "/refused.json")
    state = blocked(host)
    left = None if state else waits_for_cloud_init(host, image)
    found = {"state": state[0] if state else "waiting", "image": image, "sources": seen.get("sources", {})}
    if state:
        found["reason"] = state[1]
    elif left is not None:
        found["reason"] = "waits for cloud-init to end, %d s more at most" % left
    else:
        found["reason"] = "no source has a bundle yet"
    if refused and not state:
        found["bundle_exit"] = refused
    if os.path.lexists(TAKEN):
        found["taken"] = read_json(host, TAKEN)
    found["signed_only"] = os.path.lexists(SIGNERS)
    return found


def status(host, words):
    found = facts(host)
    if "--json" in words:
        print(json.dumps(found, indent=2, sort_keys=True))
        return 0
    image = found["image"]
    print("%s: %s" % (found["state"], found["reason"]))
    only = ", signed bundles only" if found["signed_only"] else ""
    print("  image: baked %s, trigger %s%s" % (image.get("baked_at", "at an unknown time"), image.get("trigger"), only))
    for name in image.get("sources", []):
        print("  %-14s %s" % (named(name)[0], found["sources"].get(name, "not looked at yet")))
    if CI_END in found["sources"]:
        print("  %-14s %s" % (CI_END, found["sources"][CI_END]))
    if "bundle_exit" in found:
        print("  the bundle from %(source)s ended with exit %(code)s instead of starting" % found["bundle_exit"])
    return 0


def why(host, words):
    """One sentence, one command."""
    found = facts(host)
    state, reason = found["state"], found["reason"]
    if state == "builder":
        print("%s. To use it as a server all the same: rm %s" % (reason, BUILDER))
        return 0
    if state == "broken":
        print("%s. Bake the image again: bootstrap bake ROOT" % reason)
        return 5
    if state != "waiting":
        print("%s. See: %s status" % (reason, COMMAND))
        return 0
    if reason.startswith("no source"):
        said = ["%s: %s" % (n, found["sources"].get(n, "not looked at yet")) for n in found["image"].get("sources", [])]
        reason += " (%s)" % "; ".join(said)
    if "bundle_exit" in found:
        reason = "the bundle from %(source)s ended with exit %(code)s instead of starting" % found["bundle_exit"]
    print("%s. Look again: initialrunner tick" % reason)
    return AGAIN


def tick(host, words):
    if not locked(host):
        return 0
    find(host, words)
    return take(host)


def main(argv):
    """Run one verb and exit with its code: 0 nothing left to do or another is at it, 75 waiting, 2 usage."""
    os.umask(0o022)
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    syslog.openlog("initialrunner")
    guard()
    host, verb = Host(), argv[0] if argv else "help"
    verbs = {
        "tick": tick, "status": status, "why": why,
        "find": lambda host, words: find(host, words) if locked(host) else 0,
        "take": lambda host, words: take(host) if locked(host) else 0,
    }  # fmt: skip
    if verb in ("help", "-h", "--help") or verb not in verbs:
        known = verb in ("help", "-h", "--help")
        (sys.stdout if known else sys.stderr).write(("" if known else "initialrunner: no verb %r\n" % verb) + USAGE)
        return 0 if known else 2
    if os.geteuid():
        sys.stderr.write("initialrunner: only root can do this; try: sudo initialrunner %s\n" % verb)
        return 2
    try:
        return verbs[verb](host, argv[1:])
    except BrokenPipeError:
        return 141  # as if the signal had come, which Python ignores
    except OSError as error:
        sys.stderr.write("initialrunner: %s\n" % error)
        return AGAIN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
