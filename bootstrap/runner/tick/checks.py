"""Looks at the world: what a stage needs before it starts, and whether the server is healthy."""

import os

SHELL = ["/bin/sh", "-eu"]
LOCAL = ["localhost", "127.0.0.1", "::1"]


def address(text):
    """("host", port) of "host:port", with [::1]:80 understood."""
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def connect(text, timeout_s):
    import socket

    socket.create_connection(address(text), timeout_s).close()


def http(url, plan, timeout_s, method="GET", body=None, headers=None, ca=None, limit=65536):
    """(status, body, headers) of one HTTP exchange. No redirect is followed and at most `limit` bytes are read."""
    answer = exchange(url, plan, timeout_s, method, body, headers, ca)
    data = answer.read(limit)
    # A status line without its whole body is no acknowledgement: the peer was killed in the middle.
    if answer.length:
        raise OSError("answer cut off or longer than %d bytes" % limit)
    return answer.status, data, answer.headers


def exchange(url, plan, timeout_s, method, body, headers, ca, own=False):
    """The answer to one HTTP request, its body not yet read. own: the host's authorities are trusted beside `ca`."""
    from http import client

    scheme, rest = url.split("://", 1)
    host, _, path = rest.partition("/")
    path, headers = "/" + path, dict(headers or {})
    link, context = client.HTTPConnection(host, timeout=timeout_s), None
    if scheme == "https":
        import ssl

        context = ssl.create_default_context(cadata=ca)
        if own:
            context.load_default_certs()
        # Python 3.13 sets it, and then refuses an authority as `openssl req -x509` makes it; one bundle, one judgement.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        link = client.HTTPSConnection(host, timeout=timeout_s, context=context)
    proxy = plan.get("proxy") and proxy_for(plan, url)
    if proxy:
        link, path = through(client.HTTPConnection, proxy, link, context, headers, path, url)
    link.request(method, path, body, headers)
    return link.getresponse()


def through(kind, proxy, link, context, headers, path, url):
    """(connection, path) of a request that a proxy passes on. kind: of the connection to the proxy."""
    import binascii
    from urllib.parse import unquote_to_bytes

    # A name and a password stand in the URL percent-encoded. They are for the proxy alone, and in no text of ours.
    login, _, there = proxy.split("://", 1)[-1].rstrip("/").rpartition("@")
    login = binascii.b2a_base64(unquote_to_bytes(login))[:-1].decode()
    known = {"Proxy-Authorization": "Basic " + login} if login else {}
    tunnel = kind(there, timeout=link.timeout)
    if context:
        # http.client takes one pair of brackets off an IPv6 address, and before 3.12 writes none.
        name = "[[%s]]" if ":" in link.host else "%s"
        tunnel.set_tunnel((name + ":%d") % (link.host, link.port), headers=known)
        tunnel.connect()
        link.sock = context.wrap_socket(tunnel.sock, server_hostname=link.host)
        return link, path
    headers.update(known)
    return tunnel, url


def proxy_for(plan, url):
    """The proxy of the plan for this URL; never for this machine or the metadata address."""
    from urllib.parse import urlsplit

    proxy, to = plan.get("proxy", {}), urlsplit(url)
    direct = LOCAL + ["169.254.169.254"] + proxy.get("no_proxy", "").lower().split(",")
    near = any(name and ("." + to.hostname).endswith("." + name.lstrip(".")) for name in direct)
    return None if near else proxy.get(to.scheme)


def network(host):
    """Whether there is a default route, IPv4 or IPv6."""
    four = [line.split() for line in host.text("/proc/net/route").splitlines()[1:]]
    six = [line.split() for line in host.text("/proc/net/ipv6_route").splitlines()]
    return any(r[1] == "00000000" for r in four) or any(r[0] == "0" * 32 and r[1] == "00" and r[9] != "lo" for r in six)


def need_missing(host, plan, need):
    """None when a need is met, else one line that says what is missing."""
    kind, value = next(iter(need.items()))
    if kind == "network":
        return None if network(host) else "no default route"
    if kind == "file":
        return None if os.path.exists(value) else "no file " + value
    if kind == "cloud-init":
        present = os.path.exists("/usr/bin/cloud-init") or os.path.exists("/run/cloud-init")
        disabled = os.path.exists("/etc/cloud/cloud-init.disabled") or os.path.exists("/run/cloud-init/disabled")
        return (
            "cloud-init has not ended"
            if present and not disabled and not os.path.exists("/run/cloud-init/result.json")
            else None
        )
    if kind == "tcp":
        return ask(host, lambda: connect(value, 5), 6) and "no answer from tcp " + value
    if kind == "dns":
        return ask(host, lambda: resolve(plan), 6) and "names do not resolve"
    saw = ask(host, lambda: server_ready(plan, value), 15)
    return saw and "server %s is not healthy: %s" % (value, saw.replace("OSError: ", ""))


def ask(host, question, timeout_s):
    """None when question() raised nothing in time, else what it raised, as text."""

    def answer():
        try:
            question()
        except Exception as error:
            return ("%s: %s" % (type(error).__name__, error)).encode()[:400]
        return b""

    said = host.ask(answer, timeout_s)
    return "no answer in %d s" % timeout_s if said is None else said.decode("utf-8", "replace") or None


def resolve(plan):
    import socket
    from urllib.parse import urlsplit

    name = urlsplit(plan.get("report", {}).get("url", "")).hostname
    try:
        socket.getaddrinfo(name if name and not name[-1].isdigit() else "deb.debian.org", None)
    except socket.gaierror as error:
        # "No such name" is an answer: there is a name server, it does not know that name.
        if error.errno != socket.EAI_NONAME:
            raise


def server_ready(plan, name):
    import json

    path = "/v1/servers/%s?deploy_id=%s&group=%s" % (name, plan["deploy_id"], plan.get("group", ""))
    status, body, _ = signed(plan, "GET", path, b"", "needs", 0)
    state = json.loads(body.decode())["state"] if status == 200 else "the collector answers %d" % status
    if state != "healthy":
        raise OSError(state)


def signed(plan, method, path, body, journal, first):
    """http() to the collector, signed with this server's key as Standard Webhooks sign."""
    import binascii
    import time

    from bootstrap.runner.contract import signature

    report = plan["report"]
    key, stamp = binascii.a2b_base64(report["key"]), "%d" % time.time()
    name = "%s/%s/%s/%d" % (plan["server"], plan["deploy_id"], journal, first)
    headers = {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature(key, name, stamp, body)}
    headers["content-type"] = "application/json"
    url = report["url"].rstrip("/") + path
    return http(url, plan, 15, method, body, headers, report.get("ca"), 4096)


def check_fails(host, plan, check, shell):
    """None when a check passes, else (name of the check, what it saw). shell(text) -> (exit code, last lines)."""
    kind = check["kind"]
    # The value that says what it looks at: a check has one of these keys, or none.
    subject = [check[key] for key in ("url", "address", "name", "path", "text") if key in check] or [""]
    name = "%s %s" % (kind, subject[0].strip().split("\n")[0])
    saw = globals()["look_" + kind](host, plan, check, shell)
    return (name, saw) if saw else None


def look_http(host, plan, check, shell):
    def question():
        status, body, _ = http(check["url"], plan, 5)
        if status != check["status"]:
            raise ValueError("status %d" % status)
        if check.get("contains", "").encode() not in body:
            raise ValueError("%r is not in the answer" % check["contains"])

    return ask(host, question, 10)


def look_tcp(host, plan, check, shell):
    return ask(host, lambda: connect(check["address"], 5), 6)


def look_unit(host, plan, check, shell):
    code, tail = shell("systemctl is-active -- '%s'" % check["name"].replace("'", ""))
    return None if code == 0 else tail.strip() or "exit %d" % code


def look_process(host, plan, check, shell):
    for pid in host.list("/proc"):
        if pid.isdigit() and int(pid) != os.getpid():
            argv = host.text("/proc/%s/cmdline" % pid).split("\0")
            names = [os.path.basename(word) for word in argv[:2]] + [host.text("/proc/%s/comm" % pid).strip()]
            if check["name"] in names:
                return None
    return "no such process"


def look_command(host, plan, check, shell):
    code, tail = shell(check["text"])
    return None if code == 0 else ("exit %d %s" % (code, tail)).strip()


def look_file(host, plan, check, shell):
    return None if os.path.exists(check["path"]) else "absent"


def look_disk(host, plan, check, shell):
    info = os.statvfs(check["path"])
    return too_little(info.f_bavail * info.f_frsize, check["free"])


def look_memory(host, plan, check, shell):
    for line in host.text("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return too_little(int(line.split()[1]) * 1024, check["free"])
    return None


def too_little(free, wanted):
    return None if free >= wanted else "%d bytes free of %d wanted" % (free, wanted)
