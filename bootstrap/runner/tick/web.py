"""HTTP/1.1 on a plain socket, one request a connection.

http.client loads email, enum and re, which takes twice as much CPU as the start of Python, in each child that reports.
ssl loads most of that too, so https alone pays for it (docs/explanation/cost.md).
"""

import io

LOCAL = ["localhost", "127.0.0.1", "::1"]
GULP = 65536  # bytes that are read at once, and the most that a line of an answer may have
UNKNOWN = 1e99  # of the length of a body


def address(text, port=0):
    """Return ("host", port) of "host:port", with [::1]:80 understood. port: of a text that has none."""
    # A name and a password may stand before an "@".
    host, colon, number = text.split("@")[-1].rpartition(":")
    if not colon or "]" in number:
        host, number = host + colon + number, port
    return host.strip("[]"), int(number)


def dial(place, timeout_s):
    """Return a socket that is connected to (host, port). timeout_s: also of each wait for bytes. Raises OSError."""
    import _socket

    # Bytes, since a text would load the tables of international names.
    for family, kind, protocol, _, there in _socket.getaddrinfo(place[0].encode(), place[1], 0, _socket.SOCK_STREAM):
        link = None
        try:
            link = _socket.socket(family, kind, protocol)
            link.settimeout(timeout_s)
            link.connect(there)
            return link
        except OSError as error:
            fault = error
            if link:
                link.close()
    raise fault


def http(*request, **more):
    """Return (status, body, headers) of one HTTP exchange. Of the body, GULP bytes are the most.

    request, more: as for exchange(). Raises OSError or ValueError.
    """
    answer, data = exchange(*request, **more), b""
    if GULP < answer.length < UNKNOWN:
        raise OSError("answer longer than %d bytes" % GULP)
    for block in answer.blocks():
        data += block
        if len(data) >= GULP:
            break
    answer.close()
    return answer.status, data[:GULP], answer.headers


def exchange(url, plan, timeout_s, ca=None, headers=(), body=b"", public=False):
    """Return the Answer to one HTTP request, its body not yet read: a POST when the request has a body.

    ca: the text of the authorities that are trusted, None for the host's own; public: the host's own, too. No redirect
    is followed. Raises OSError, or ValueError for a URL or an answer that is none.
    """
    # A server that redirects chooses the URL: it must not add lines to the request.
    if min(url) <= " ":
        raise ValueError("spaces in URL")
    scheme, _, host, path = (url + "/").split("/", 3)
    place, path = address(host, 443 if scheme == "https:" else 80), "/" + path[:-1]
    headers, there = dict(headers, Connection="close"), place
    if plan.get("proxy"):  # for: proxy
        proxy = proxy_for(plan, url)
        there = address(proxy.split("/")[2], 80) if proxy else place
    answer = Answer(dial(there, timeout_s))
    if plan.get("proxy") and there != place:  # for: proxy
        path = through(answer, proxy, place, path, url, headers)
    # Another scheme, HTTPS in capitals too, must not end up unencrypted.
    if not scheme == "http:":  # for: https
        import ssl

        context = ssl.create_default_context(cadata=ca)
        if public:  # for: fetch
            context.load_default_certs()
        # Python 3.13 sets VERIFY_X509_STRICT, which rejects an authority that `openssl req -x509` made. One bundle must
        # behave alike on every Python.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        answer.link = context.wrap_socket(answer.link, server_hostname=place[0])
    answer.ask("POST" if body else "GET", path, host, headers, body)
    return answer


class Answer(io.RawIOBase):
    """The answer to one request: status, reason, headers (their names in small letters), and the body as it comes.

    length: the bytes of the body, UNKNOWN where the head does not name them.
    """

    def __init__(self, link):
        self.link, self.file = link, io.BufferedReader(self, GULP)

    def ask(self, method, path, host, headers, body=b""):
        """Send a request, and read the head of its answer. Raises OSError or ValueError."""
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + host, "Content-Length: %d" % len(body)]
        lines += ["%s: %s" % pair for pair in headers.items()] + ["", ""]
        self.link.sendall("\r\n".join(lines).encode() + body)
        self.status = 100
        # What begins with 1 comes before the answer.
        while self.status < 200:
            line = self.line()
            if line[:5] != "HTTP/":
                raise OSError("no answer of HTTP")
            self.status, self.reason, self.headers = int(line[9:12]), line[13:], {}
            for line in iter(self.line, ""):
                name, _, value = line.partition(":")
                self.headers[name.lower()] = value.strip()
                if len(self.headers) > 100:
                    raise OSError("more than 100 headers")
        self.is_chunked = "transfer-encoding" in self.headers
        length = "0" if self.status in (204, 304) else self.headers.get("content-length")
        self.length = int(length) if length and not self.is_chunked else UNKNOWN

    def readable(self):
        return True

    def readinto(self, room):
        """Take what has come: the buffer of `file` calls this."""
        return self.link.recv_into(room)

    def close(self):
        """End the connection, which Python does too when nothing uses the answer any more."""
        self.link.close()

    def line(self):
        """Return the next line. Raises OSError when it is cut off or too long."""
        line = self.file.readline(GULP)
        if line[-1:] != b"\n":
            raise OSError("answer cut off")
        return line.decode("latin-1").strip()

    def blocks(self):
        """Yield the body piece by piece. Raises OSError when it is cut off, ValueError for a chunk of no size."""
        # An empty line ends the chunk before.
        sizes = iter(lambda: int((self.line() or self.line()).split(";")[0], 16), 0)
        for left in sizes if self.is_chunked else [self.length]:
            while left > 0:
                block = self.file.read1(min(left, GULP))
                if not block and left < UNKNOWN:
                    raise OSError("answer cut off, %d bytes are missing" % left)
                if not block:
                    break
                left -= len(block)
                yield block


def through(answer, proxy, place, path, url, headers):
    """Tell a proxy, which an Answer is connected to, where to go. Return the path to ask for. Raises OSError.

    place: (host, port) that is meant; headers: of the request, for a proxy that passes it on.
    """
    import binascii
    from urllib.parse import unquote_to_bytes

    # A name and a password stand in the URL percent-encoded. They are for the proxy alone: no message may show them.
    login = binascii.b2a_base64(unquote_to_bytes(proxy.split("/")[2].rpartition("@")[0]))[:-1].decode()
    auth = {"Proxy-Authorization": "Basic " + login} if login else {}
    if not url.startswith("https:"):
        headers.update(auth)
        return url
    name = ("[%s]:%d" if ":" in place[0] else "%s:%d") % place
    answer.ask("CONNECT", name, name, auth)
    if answer.status != 200:
        raise OSError("Tunnel connection failed: %d %s" % (answer.status, answer.reason))
    return path


def proxy_for(plan, url):
    """Return the plan's proxy for this URL, None for this machine, the metadata address and those of no_proxy."""
    proxy, name = plan["proxy"], address(url.split("/")[2].lower())[0]
    direct = LOCAL + ["169.254.169.254"] + proxy.get("no_proxy", "").lower().split(",")
    near = any(word and ("." + name).endswith("." + word.lstrip(".")) for word in direct)
    return None if near else proxy.get(url.split(":")[0])
