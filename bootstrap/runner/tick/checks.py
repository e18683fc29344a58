"""Looks at the world: the needs of a stage before it starts, and the checks that decide whether a server is healthy.

In every module of the runner a fault is None, or a text for people that says what is wrong.
"""

import os
import time

from bootstrap.runner.jsontext import loads
from bootstrap.runner.tick.web import address, dial, http

SHELL = ["/bin/sh", "-eu"]


def connect(text):
    """Connect to "host:port" once. Raises OSError."""
    dial(address(text), 5).close()


def network(host):
    """Whether there is a default route, IPv4 or IPv6."""
    four = [line.split() for line in host.text("/proc/net/route").splitlines()[1:]]
    six = [line.split() for line in host.text("/proc/net/ipv6_route").splitlines()]
    return any(r[1] == "00000000" for r in four) or any(r[0] == "0" * 32 and r[1] == "00" and r[9] != "lo" for r in six)


def need_missing(host, plan, need):
    """Return the fault of one need of a stage: None when it is met, else a line that says what is missing."""
    kind, value = next(iter(need.items()))
    if kind == "network":  # for: need-network
        return None if network(host) else "no default route"
    if kind == "file":  # for: need-file
        return None if os.path.exists(value) else "no file " + value
    if kind == "cloud-init":  # for: need-cloud-init
        present = os.path.exists("/usr/bin/cloud-init") or os.path.exists("/run/cloud-init")
        disabled = os.path.exists("/etc/cloud/cloud-init.disabled") or os.path.exists("/run/cloud-init/disabled")
        return (
            "cloud-init has not ended"
            if present and not disabled and not os.path.exists("/run/cloud-init/result.json")
            else None
        )
    if kind == "tcp":  # for: need-tcp
        return ask(host, lambda: connect(value), 6) and "no answer from tcp " + value
    if kind == "dns":  # for: need-dns
        return ask(host, lambda: resolve(plan), 6) and "names do not resolve"
    fault = ask(host, lambda: server_ready(plan, value), 15)  # for: need-server
    return fault and "server %s is not healthy: %s" % (value, fault.replace("OSError: ", ""))  # for: need-server


def ask(host, question, timeout_s):
    """Return the fault of question(), which runs in a child: None when it raised nothing in time."""

    def answer():
        try:
            question()
        except Exception as error:
            return ("%s: %s" % (type(error).__name__, error)).encode()[:400]
        return b""

    fault = host.ask(answer, timeout_s)
    return "no answer in %d s" % timeout_s if fault is None else fault.decode("utf-8", "replace") or None


def resolve(plan):
    """Ask for the collector's name, or Debian's where the plan has none: whether names resolve. Raises OSError."""
    import _socket

    name = address(plan["report"]["url"].split("/")[2])[0] if "report" in plan else "1"
    try:
        _socket.getaddrinfo("deb.debian.org" if name[-1].isdigit() else name, None)
    except _socket.gaierror as error:
        # "No such name" is an answer as well: there is a name server, and it does not know that name.
        if error.errno != _socket.EAI_NONAME:
            raise


def server_ready(plan, name):
    """Ask the collector for a server of this roll-out. Raises OSError, with its state, unless it is healthy."""
    path = "/v1/servers/%s?deploy_id=%s&group=%s" % (name, plan["deploy_id"], plan.get("group", ""))
    status, body, _ = signed(plan, path, b"", "needs", 0)
    state = loads(body.decode())["state"] if status == 200 else "the collector answers %d" % status
    if state != "healthy":
        raise OSError(state)


def signed(plan, path, body, journal, first):
    """Return http() of a request to the collector, signed with this server's key as Standard Webhooks sign.

    journal, first: the journal's id and the number of the first event, which the id of the request is made of.
    """
    import binascii

    from bootstrap.runner.contract import signature

    report = plan["report"]
    key, stamp = binascii.a2b_base64(report["key"]), "%d" % time.time()
    name = "%s/%s/%s/%d" % (plan["server"], plan["deploy_id"], journal, first)
    headers = {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature(key, name, stamp, body)}
    headers["content-type"] = "application/json"
    url = report["url"].rstrip("/") + path
    return http(url, plan, 15, report.get("ca"), headers, body)


def check_name(check):
    """Return how a check is called in reports: its kind, and the field that tells it from others of its kind."""
    # A check has one of these keys, or none.
    subject = [check[key] for key in ("url", "address", "name", "path", "text") if key in check] or [""]
    return "%s %s" % (check["kind"], subject[0].strip().split("\n")[0])


def check_fault(host, plan, check, shell):
    """Return the fault of a check, None when it passes. shell(text) -> (exit code, last lines)."""
    # A bundle carries a look_ function only for each kind of check in its plan.
    return globals()["look_" + check["kind"]](host, plan, check, shell)


def look_http(host, plan, check, shell):  # for: check-http
    def question():
        status, body, _ = http(check["url"], plan, 5)
        if status != check["status"]:
            raise ValueError("status %d" % status)
        if check.get("contains", "").encode() not in body:
            raise ValueError("%r is not in the answer" % check["contains"])

    return ask(host, question, 10)


def look_tcp(host, plan, check, shell):  # for: check-tcp
    return ask(host, lambda: connect(check["address"]), 6)


def look_unit(host, plan, check, shell):  # for: check-unit
    code, tail = shell("systemctl is-active -- '%s'" % check["name"].replace("'", ""))
    return None if code == 0 else tail.strip() or "exit %d" % code


def look_process(host, plan, check, shell):  # for: check-process
    for pid in host.list("/proc"):
        if pid.isdigit() and int(pid) != os.getpid():
            argv = host.text("/proc/%s/cmdline" % pid).split("\0")
            names = [os.path.basename(word) for word in argv[:2]] + [host.text("/proc/%s/comm" % pid).strip()]
            if check["name"] in names:
                return None
    return "no such process"


def look_command(host, plan, check, shell):  # for: check-command
    code, tail = shell(check["text"])
    return None if code == 0 else ("exit %d %s" % (code, tail)).strip()


def look_file(host, plan, check, shell):  # for: check-file
    return None if os.path.exists(check["path"]) else "absent"


def look_disk(host, plan, check, shell):  # for: check-disk
    info = os.statvfs(check["path"])
    return too_little(info.f_bavail * info.f_frsize, check["free"])


def look_memory(host, plan, check, shell):  # for: check-memory
    for line in host.text("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return too_little(int(line.split()[1]) * 1024, check["free"])
    return None


def too_little(free, minimum):
    return None if free >= minimum else "%d bytes free of %d wanted" % (free, minimum)
