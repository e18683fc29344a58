"""The verbs of a baked image's runner: `status` and `why` for people, `tick`, `find` and `take` for its trigger."""

import json
import os
import signal
import sys
import syslog

from bootstrap.runner.baked.program import (
    AGAIN,
    BUILDER,
    CI_END,
    IMAGE,
    RUN,
    SEEN,
    SIGNERS,
    TAKEN,
    blocked,
    find,
    locked,
    read_json,
    take,
    tick,
    waits_for_cloud_init,
)
from bootstrap.runner.baked.sources import named
from bootstrap.runner.host import COMMAND, Host
from bootstrap.runner.terminal import guard

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root",
}  # fmt: skip
USAGE = """usage: initialrunner VERB
This image has no bundle yet. Until one has arrived, the verbs are:
  status [--json]   show what this image waits for, and what each source reported
  why               explain it in one sentence, with the next command
  tick [--for S]    look for a bundle and start it; --for S: go on looking for S seconds, as the trigger does
  help
"""


def facts(host):
    """Everything that `status` shows, as one dict."""
    image, answers, refused = read_json(host, IMAGE), read_json(host, SEEN), read_json(host, RUN + "/refused.json")
    state = blocked(host)
    wait_s = None if state else waits_for_cloud_init(host, image)
    summary = {"state": state[0] if state else "waiting", "image": image, "sources": answers.get("sources", {})}
    if state:
        summary["reason"] = state[1]
    elif wait_s is not None:
        summary["reason"] = "waits for cloud-init to end, for at most %d s more" % wait_s
    else:
        summary["reason"] = "no source has a bundle yet"
    if refused and not state:
        summary["bundle_exit"] = refused
    if os.path.lexists(TAKEN):
        summary["taken"] = read_json(host, TAKEN)
    summary["signed_only"] = os.path.lexists(SIGNERS)
    return summary


def status(host, words):
    """Print what this image waits for, and what each source reported."""
    summary = facts(host)
    if "--json" in words:
        print(json.dumps(summary, indent=2, sort_keys=True))
        return 0
    image = summary["image"]
    print("%s: %s" % (summary["state"], summary["reason"]))
    only = ", signed bundles only" if summary["signed_only"] else ""
    print("  image: baked %s, trigger %s%s" % (image.get("baked_at", "at an unknown time"), image.get("trigger"), only))
    for name in image.get("sources", []):
        print("  %-14s %s" % (named(name)[0], summary["sources"].get(name, "not looked at yet")))
    if CI_END in summary["sources"]:
        print("  %-14s %s" % (CI_END, summary["sources"][CI_END]))
    if "bundle_exit" in summary:
        print("  the bundle from %(source)s ended with exit %(code)s instead of starting" % summary["bundle_exit"])
    return 0


def why(host, words):
    """Print one sentence that explains the state, and one command."""
    summary = facts(host)
    state, reason = summary["state"], summary["reason"]
    if state == "builder":
        print("%s. To use it as a server anyway: rm %s" % (reason, BUILDER))
        return 0
    if state == "broken":
        print("%s. Bake the image again: bootstrap bake ROOT" % reason)
        return 5
    # COMMAND in full: once a bundle has been taken, the bundle's own command is there.
    if state != "waiting":
        print("%s. See: %s status" % (reason, COMMAND))
        return 0
    if reason.startswith("no source"):
        names = summary["image"].get("sources", [])
        answers = ["%s: %s" % (name, summary["sources"].get(name, "not looked at yet")) for name in names]
        reason += " (%s)" % "; ".join(answers)
    if "bundle_exit" in summary:
        reason = "the bundle from %(source)s ended with exit %(code)s instead of starting" % summary["bundle_exit"]
    print("%s. Look again: initialrunner tick" % reason)
    return AGAIN


def main(argv):
    """Run one verb and return its exit code: 0 nothing left to do or another process is at it, 75 waiting, 2 usage."""
    # cron, systemd and people at a shell bring different environments: the same one for all, also for the bundle.
    os.umask(0o022)
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    # Host.pause() waits for this signal, and so wakes when a child ends.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    syslog.openlog("initialrunner")
    guard()
    host, verb = Host(), argv[0] if argv else "help"
    verbs = {
        "tick": tick, "status": status, "why": why,
        "find": lambda host, words: find(host, words) if locked(host) else 0,
        "take": lambda host, words: take(host) if locked(host) else 0,
    }  # fmt: skip
    if verb in ("help", "-h", "--help"):
        sys.stdout.write(USAGE)
        return 0
    if verb not in verbs:
        sys.stderr.write("initialrunner: no verb %r\n%s" % (verb, USAGE))
        return 2
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
