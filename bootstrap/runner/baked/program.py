"""The runner of an image that has no bundle yet: it finds one, checks it, and hands over to it for good.

A tick is `find`, then `take`. `find` only looks and verifies, so a systemd unit may confine it as much as it likes.
`take` puts the files that came beside the bundle in place and runs the bundle, which makes itself durable before it
returns. Only then is the mark written after which nothing of the image's runner starts again.
"""

import fcntl
import json
import os
import syslog
import time
from hashlib import sha256

from bootstrap.runner.baked.carried import TEXT_S, put_together, text_from, text_on_disk
from bootstrap.runner.baked.planned import Unplanned, bring, travels_beside
from bootstrap.runner.baked.signed import Unsigned, check
from bootstrap.runner.baked.sources import (
    AGAIN_S,
    FETCH_S,
    LOOK_S,
    NAMES,
    WITH_FILES,
    fetched,
    files_beside,
    in_openstack,
    look_at,
    named,
)
from bootstrap.runner.baked.unwrapping import Carried, Elsewhere, Nothing
from bootstrap.runner.defaults import BAKED
from bootstrap.runner.host import STATE, TRIGGER

IMAGE = "/etc/initialrunner/image.json"
SIGNERS = "/etc/initialrunner/allowed_signers"
TAKEN, TAKING = STATE + "/taken", STATE + "/taking"
BUILDER = STATE + "/builder"
JOURNAL_HERE = STATE + "/journal"
RUN = "/run/initialrunner"  # gone after a boot
LOCK_HELD = RUN + "/lock"
FOUND, ABOUT = RUN + "/found", RUN + "/found.json"  # a bundle, and where it is from
REST = RUN + "/rest"  # of a bundle whose runner's text is not there yet
BROUGHT = RUN + "/brought."  # files that came beside it, by their SHA-256
SEEN = RUN + "/seen.json"
TIMER = "initialrunner-image.timer"
CI_OFF = "/etc/cloud/cloud-init.disabled", "/run/cloud-init/disabled"
CI_UNITS = "/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"
CI_DONE, CI_END = "/run/cloud-init/result.json", "cloud-init's end"
FETCH_AGAIN_S = 15  # pause before the URLs of a carrier are asked again
EVERY_S = 4  # pause between two looks of one tick
TELL_S = 570  # without a bundle in the tenth minute, console and motd say so
HAND_OVER_S = 240  # a bundle has to make itself durable and start its runner in that time
AGAIN = 75  # EX_TEMPFAIL


# --- the state of this machine ---


def read_json(host, path):
    """The JSON object in a file of this runner; {} when the file is missing or cannot be read."""
    try:
        content = json.loads(host.read(path)[0].decode())
    except (OSError, ValueError, TypeError):
        return {}
    return content if isinstance(content, dict) else {}


def blocked(host):
    """The reason not to look for a bundle, as (state, sentence); None when there is no reason."""
    if os.path.lexists(TAKEN):
        handover = read_json(host, TAKEN)
        return "taken", "a bundle was taken from %s" % handover.get("source", "an unknown source")
    # The mark that `bake` leaves names the machine it ran on. A builder that took a bundle would be in every image.
    mark = read_json(host, BUILDER)
    uuid = host.ids()[0]
    if host.read(BUILDER) and not mark:
        return "builder", "%s cannot be read, so this machine may be the builder of the image" % BUILDER
    if mark and (mark.get("boot_id") == host.boot_id or (uuid and mark.get("product_uuid") == uuid)):
        return "builder", "this machine is the builder of the image: only its clones take a bundle"
    image = read_json(host, IMAGE)
    if image.get("version") != 1:
        return "broken", "%s is missing or cannot be read" % IMAGE
    if goes_on(host):
        return "otherwise", "a bundle was started another way, and is at work or done"
    return None


def goes_on(host):
    """Whether a bundle has its own trigger or has ended: from then on the image's trigger is not needed."""
    past = host.text(JOURNAL_HERE).splitlines()
    if not past:
        return False
    if "sha256sum" in host.text(TRIGGER):
        return True
    for line in reversed(past):
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a torn last line
        if event["type"] == "state":
            return bool(event.get("final"))
    return False


def cloud_init_runs(host):
    """Whether cloud-init is at work in this boot, or will be."""
    if os.path.exists(CI_DONE) or any(map(os.path.exists, CI_OFF)):
        return False
    if "cloud-init=disabled" in host.text("/proc/cmdline").split():
        return False
    units = [folder + "/cloud-final.service" for folder in CI_UNITS]
    unit = [path for path in units if os.path.lexists(path)]
    if not unit or os.path.realpath(unit[0]) == "/dev/null":
        return False
    # cloud-init's generator has left the mark "enabled" or "disabled"; without systemd nothing of cloud-init starts.
    return os.path.isdir("/run/systemd/system") and os.path.exists("/run/cloud-init/enabled")


def waits_for_cloud_init(host, image):
    """The seconds left to wait for cloud-init; None when it has ended, is not there, or its time is over."""
    if not cloud_init_runs(host):
        return None
    wait_s = since(host, "cloud-init") + dict(BAKED, **image)["cloud_init_deadline_s"] - host.uptime()
    return wait_s if wait_s > 0 else None


def since(host, name):
    """The uptime in seconds at which something was first seen in this boot: now, unless it is recorded already."""
    path = "%s/%s.json" % (RUN, name)
    start = read_json(host, path).get("since_s")
    if start is None:
        start = host.uptime()
        put(host, path, json.dumps({"since_s": start}))
    return start


def put(host, path, text):
    """Write a file that need not outlive the boot."""
    host.save(path, text if isinstance(text, bytes) else text.encode(), durable=False)


# --- finding a bundle ---


class Finder:
    """Looks at the sources of an image, for one tick."""

    def __init__(self, host, image):
        self.host, self.image = host, image
        self.names = [str(name) for name in image.get("sources", ["files"])]
        self.seen = read_json(host, SEEN).get("sources", {})
        self.next = {}

    def work(self, seconds, patient):
        """Look until a verified bundle lies at FOUND, and return whether one does.

        seconds: how long to go on looking; patient: wait for cloud-init to end first.
        """
        end = self.host.uptime() + seconds
        while True:
            wait_s = waits_for_cloud_init(self.host, self.image) if patient else None
            if wait_s is None:
                if patient and cloud_init_runs(self.host):
                    self.tell(CI_END, "did not come in time; going on without it")
                for name in self.names:
                    if self.ask(name):
                        return True
            if self.host.uptime() + EVERY_S > end or blocked(self.host):
                return False
            self.host.pause(EVERY_S)

    def ask(self, source):
        """Look at one source, unless that was done just now. True when its bundle is whole and may be run."""
        name = named(source)[0]
        if self.next.get(source, 0) > self.host.uptime():
            return False
        if name not in NAMES:
            self.tell(source, "this runner does not know such a source")
            return False
        answer, pause_s = self.child(lambda: self.keep(lambda: look_at(self.host, source)), LOOK_S[name]), AGAIN_S[name]
        if "url" in answer:
            self.tell(source, "a stub, which names %s" % answer["url"].split("?")[0])
            answer = self.child(lambda: self.keep(lambda: fetched(answer["url"], answer["sha256"])), FETCH_S)
        if "carrier" in answer:
            answer, pause_s = self.complete(answer["carrier"], answer["missing"]), FETCH_AGAIN_S
        self.next[source] = self.host.uptime() + pause_s
        if "reason" in answer:
            self.tell(source, answer["reason"])
            return False
        return self.verify(source, answer["sha256"], answer["runner"])

    def complete(self, carrier, missing):
        """Put the bundle of a carrier at FOUND.new, with the runner's text from one of its URLs. Returns an answer.

        carrier: fields of Carried, without `rest`, which is at REST; missing: why the image's own text does not serve.
        """
        reasons = [missing]
        for url in carrier["urls"]:
            # Its query may be what gives the right to read, so neither the log nor `status` shows it.
            address = url.split("?")[0]
            answer = self.child(lambda url=url: self.keep(lambda: self.with_text_from(url, carrier)), TEXT_S)
            if "reason" not in answer:
                return dict(answer, runner=", with the runner from " + address)
            reason = answer["reason"]
            reasons.append(reason if reason.startswith(address) else "%s: %s" % (address, reason))
        self.host.remove(REST)
        hint = "" if carrier["urls"] else ": bake again with that toolkit, or render with --runner-from URL"
        return {"reason": "; ".join(reasons) + hint}

    def with_text_from(self, url, carrier):
        """The bundle of a carrier, with the runner's text at a URL. Called in a child."""
        text = text_from(url, carrier["runner"], carrier["authority"])
        return put_together(text, self.host.read(REST)[0], carrier["bundle"])

    def child(self, question, limit_s):
        """Call question() in a child: its answer, {"url", "sha256"} of a stub, or {"reason"} why there is none.

        A source may hang, and its bytes are anybody's: the child is killed when its time is up.
        """

        def work():
            try:
                answer = question()
            except Elsewhere as stub:
                answer = {"url": stub.url, "sha256": stub.sha256}
            except (Nothing, OSError) as error:
                answer = {"reason": str(error) or type(error).__name__}
            except Exception as error:
                # HTTPException, and errors that nobody foresaw: the other sources are asked all the same.
                answer = {"reason": "cannot be read: %s: %s" % (type(error).__name__, error)}
            return json.dumps(answer).encode()

        answer = self.host.ask(work, limit_s)
        return json.loads(answer.decode()) if answer else {"reason": "no answer in %d s" % limit_s}

    def keep(self, look):
        """Put the bundle that look() returns at FOUND.new, that of a carrier as well. Called in a child.

        Returns {"sha256", "runner"}, or {"carrier", "missing"} when the image has not the text that a carrier needs.
        """
        runner = ""
        try:
            bundle = look()
        except Carried as carrier:
            try:
                bundle = put_together(text_on_disk(self.host, carrier.runner), carrier.rest, carrier.bundle)
                runner = ", with the runner of this image"
            except Nothing as nothing:
                # A URL may answer for longer than this look may last, so that each is asked in a child of its own.
                put(self.host, REST, carrier.rest)
                names = "runner", "bundle", "urls", "authority"
                return {"carrier": {name: getattr(carrier, name) for name in names}, "missing": str(nothing)}
        put(self.host, FOUND + ".new", bundle)
        return {"sha256": sha256(bundle).hexdigest(), "runner": runner}

    def verify(self, source, digest, runner):
        """Check the signature of the bundle at FOUND.new, if this image requires one, and put the bundle at FOUND.

        runner: words on where its runner's text is from, if it came as a carrier.
        The files beside it are looked for only then: the plan of a refused bundle is not even read.
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
        line = "a whole bundle of %d bytes%s" % (len(bundle), runner)
        if named(source)[0] in WITH_FILES:
            beside = self.child(lambda: self.beside(source, bundle), LOOK_S[named(source)[0]])
            if "reason" in beside:
                # Started without them, the bundle would wait for ever for files that this source may give in a moment.
                self.tell(source, "%s; its injected files: %s" % (line, beside["reason"]))
                return False
            line += beside["summary"]
            if beside["files"]:
                about["files"] = beside["files"]
        self.tell(source, line)
        put(host, ABOUT, json.dumps(about, sort_keys=True))
        put(host, FOUND, bundle)
        for path in FOUND + ".new", REST:
            host.remove(path)
        return True

    def beside(self, source, bundle):
        """Put the files of this source that the bundle's plan lists as injected at BROUGHT. Called in a child."""
        try:
            expected = travels_beside(bundle)
        except Unplanned as error:
            return {"files": {}, "summary": ", but its plan cannot be read: %s" % error}
        if not expected:
            return {"files": {}, "summary": ""}

        def keep(data, digest):
            put(self.host, BROUGHT + digest, data)

        whole_files, left_out = in_openstack(self.host, source, lambda get: files_beside(get, expected, keep))
        words = [", with %s" % path for path in sorted(whole_files)]
        words += [", without %s: %s" % (path, reason) for path, reason in sorted(left_out.items())]
        return {"files": whole_files, "summary": "".join(words)}

    def tell(self, source, line):
        """Record the answer of a source for `status`, and log it whenever it changes."""
        if self.seen.get(source) == line:
            return
        self.seen[source] = line
        put(self.host, SEEN, json.dumps({"sources": self.seen}, sort_keys=True))
        log("%s: %s" % (source, line))


def log(line):
    """Write one line to the system log, by libc: starting logger(1) would be the larger part of a tick."""
    syslog.syslog(line)


def locked(host):
    """Take the lock and return whether that worked: cron and systemd may both have started a tick."""
    folder = host.folder(RUN, True)
    os.fchmod(folder, 0o700)
    os.close(folder)
    fd = host.open(LOCK_HELD, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return False
    host.locked = fd  # a child closes it, and cannot keep the lock
    return True


def find(host, words):
    """Look for a verified bundle and put it at FOUND. Writes nothing outside /run."""
    # A tick that was cut short may have left its find, and the source may have another bundle by now.
    host.remove(ABOUT)
    state = blocked(host)
    if state and state[0] != "otherwise":
        return 0
    seconds = words[1] if words[:1] == ["--for"] and words[1:] else "0"
    # A bundle was already started another way: look once, to record which source it came from.
    is_found = Finder(host, read_json(host, IMAGE)).work(int(seconds) if seconds.isdigit() else 0, not state)
    return 0 if is_found else AGAIN


# --- handing over to it ---


def take(host):
    """Hand over to the bundle at FOUND. Without one, tell people once they have waited long enough."""
    state = blocked(host)
    if state:
        if state[0] == "otherwise":
            # This runner started it and was cut short, or its own trigger or cloud-init did. Only the mark is missing.
            other = {"source": "another way", "sha256": named_by_trigger(host)}
            done(host, read_json(host, TAKING) or same_deploy(host) or other)
        elif state[0] == "taken":
            stop(host)
        return 0
    about, bundle = read_json(host, ABOUT), host.read(FOUND)
    if not about or not bundle or sha256(bundle[0]).hexdigest() != about.get("sha256"):
        nothing_yet(host)
        return AGAIN
    host.save(TAKING, dated(host, about), 0o644)
    if not bring(host, about.get("files", {}), BROUGHT, log):
        host.remove(ABOUT)
        return AGAIN
    code = host.run(["sh", FOUND], HAND_OVER_S)
    if code or not goes_on(host):
        # A bundle without a trigger of its own needs another start; handing over twice does no harm.
        host.remove(TAKING)
        put(host, RUN + "/refused.json", json.dumps({"code": code, "source": about["source"]}))
        log("the bundle from %s ended with exit %d and left no trigger: trying again" % (about["source"], code))
        host.remove(ABOUT)
        return AGAIN
    done(host, about)
    return 0


def done(host, about):
    """Write the mark after which the image's runner is not started again. The bundle is durable by now."""
    host.save(TAKING, dated(host, about), 0o644)
    # One rename and one fsync: after a power cut the mark is there whole, or the next tick hands over again.
    folder, name = os.path.split(TAKEN)
    parent = host.folder(folder)
    os.rename(os.path.basename(TAKING), name, src_dir_fd=parent, dst_dir_fd=parent)
    os.fsync(parent)
    os.close(parent)
    log("handed over to the bundle %s from %s" % ((about["sha256"] or "unknown")[:12], about["source"]))
    brought = [RUN + "/" + name for name in host.list(RUN) if (RUN + "/" + name).startswith(BROUGHT)]
    for path in [ABOUT, FOUND] + brought:
        host.remove(path)
    stop(host)


def dated(host, about):
    """The text of the mark: where the bundle came from, and when."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(host.now()))
    return json.dumps(dict(about, at=at), sort_keys=True).encode() + b"\n"


def same_deploy(host):
    """The origin of the bundle at FOUND, if it is of the same deploy as the journal; else {}.

    The bundle's own `status` names its deploy.
    """
    about, bundle = read_json(host, ABOUT), host.read(FOUND)
    if not about or not bundle or sha256(bundle[0]).hexdigest() != about.get("sha256"):
        return {}
    answer = host.ask(lambda: os.popen("sh %s status --json" % FOUND).read().encode(), HAND_OVER_S)
    try:
        deploy_id = json.loads((answer or b"").decode())["deploy_id"]
        first = json.loads(host.text(JOURNAL_HERE).split("\n")[0])
        about.pop("files", None)  # the way that started the bundle has brought its files, too
        return about if deploy_id == first["deploy_id"] else {}
    except (ValueError, LookupError, TypeError):
        return {}


def stop(host):
    """Stop the timer, which would go on checking its condition until the next boot."""
    if os.path.isdir("/run/systemd/system"):
        host.run(["systemctl", "stop", "--no-block", TIMER], 20)


def named_by_trigger(host):
    """The digest that an injected trigger names; None when the trigger is gone already."""
    words = host.text(TRIGGER).replace('"', " ").split()
    return next((word for word in words if len(word) == 64 and not word.strip("0123456789abcdef")), None)


def nothing_yet(host):
    """Print one line on the console and in motd after ten minutes without a bundle."""
    if host.uptime() - since(host, "bundle") > TELL_S and not os.path.exists(RUN + "/told"):
        put(host, RUN + "/told", "")
        host.say("waits for a bundle; try: initialrunner why")


def tick(host, words):
    """Find a bundle and take it, unless another tick is at it."""
    if not locked(host):
        return 0
    find(host, words)
    return take(host)
