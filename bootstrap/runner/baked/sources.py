"""Reads the sources of a baked image: files, volumes, metadata services, and what a stub names.

All of this runs in a child that is killed when its time is up, and takes bytes that anybody may have written.
"""

import json
import os
import re
from hashlib import sha256

from bootstrap.runner.baked.unwrapping import MOST, Carried, Elsewhere, Nothing, framed, joined, whole
from bootstrap.runner.host import BUNDLE, STUB, TRIGGER

DEFAULT_URL = "http://169.254.169.254"
CLOUD_INIT = "/var/lib/cloud/instance/user-data.txt"
META_DATA = "openstack/latest/meta_data.json"
SEEDS = "/var/lib/cloud/seed/nocloud", "/var/lib/cloud/seed/nocloud-net"
NAMES = "files", "config-drive", "nocloud", "cloud-init", "openstack", "ec2"
WITH_URL = "openstack", "ec2"
WITH_FILES = "config-drive", "openstack"  # where a bundle may have other injected files beside it
# Seconds that one look at a source may take, and until the next one within a tick: what is near is looked at often.
LOOK_S = {"files": 10, "config-drive": 20, "nocloud": 20, "cloud-init": 10, "openstack": 10, "ec2": 10}
AGAIN_S = {"files": 0, "cloud-init": 0, "config-drive": 15, "nocloud": 15, "openstack": 15, "ec2": 15}
FETCH_S = 240  # for what a stub names
CONNECT_S, SILENCE_S = 5, 8  # for an address that nobody has, and one that does not answer
FILE_SYSTEMS = "iso9660", "vfat", "udf", "ext4"


def look_at(host, source):
    """The bundle of one source. Raises Nothing, Torn, Elsewhere; OSError and HTTPException where it cannot be read."""
    name, url = named(source)
    if name == "files":
        return injected(host)
    if name in WITH_FILES:
        return in_openstack(host, source, config_drive)
    if name == "nocloud":
        return nocloud(host)
    if name == "cloud-init":
        file = read_some(host, CLOUD_INIT)
        if file is None:
            raise Nothing("no " + CLOUD_INIT)
        return whole(file[0])
    return ec2(url)


def named(source):
    """(name, URL) of a source as image.json lists it, such as ec2=http://127.0.0.1:1234."""
    name, _, url = source.partition("=")
    return name, (url or DEFAULT_URL).rstrip("/")


def read_some(host, path):
    """(bytes, stat result) of a regular file, at most MOST + 1 bytes of it; None when it is not there."""
    try:
        fd = host.open(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read(MOST + 1), os.fstat(fd)


def injected(host):
    """The bundle that an agent, or the maker of the disk, has put at the place for injected files."""

    def read(path):
        file = read_some(host, path)
        if file is None:
            return None
        data, info = file
        others = info.st_mode & 0o002 or (info.st_mode & 0o020 and info.st_gid)
        if info.st_uid or others:
            # No digest pins a bundle that comes this way: a user who could write it could become root.
            mode = info.st_mode & 0o7777
            raise Nothing("%s could be written by others: mode %04o, user %d" % (path, mode, info.st_uid))
        return data

    bundle = injected_by(read, lambda: host.text(TRIGGER))
    if bundle is None:
        raise Nothing("no " + BUNDLE)
    return bundle


def injected_by(read, trigger):
    """The bundle among injected files, None when there is none. Raises Carried or Elsewhere where a part is injected.

    read: returns the bytes of a path, None when there is no such file; trigger: returns the text of the trigger.
    """
    data = None
    try:
        bundle = joined(read, BUNDLE)
        if bundle is None:
            # Where files are small, or nothing larger is needed, that is all an injection brings.
            data = read(STUB)
            bundle = None if data is None else whole(framed(data))
    except Carried as carrier:
        pinned(trigger(), *carrier.names)
        raise
    except Elsewhere as stub:
        if data is not None:
            pinned(trigger(), sha256(data.rstrip(b"\n") + b"\n").hexdigest(), stub.sha256)
        raise
    if bundle is not None:
        pinned(trigger(), sha256(bundle).hexdigest())
    return bundle


def pinned(trigger, *digests):
    """Accept only the bundle, carrier or stub that an injected trigger names. Raises Nothing for another."""
    if "sha256sum" in trigger and not any(digest in trigger for digest in digests):
        raise Nothing("%s names a different bundle" % TRIGGER)


def nocloud(host):
    """User-data of a seed on the disk, else of the volume with the label cidata."""
    for folder in SEEDS:
        file = read_some(host, folder + "/user-data")
        if file:
            return whole(file[0])

    def read(get):
        data = get("user-data")
        if data is None:
            raise Nothing("no user-data on it")
        return whole(data)

    return on_volume(host, ("cidata", "CIDATA"), read)


def in_openstack(host, source, read):
    """The result of read(get), with OpenStack's layout on a drive or at a service.

    get: returns the bytes of a path, None when there is no such file.
    """
    name, url = named(source)
    if name == "openstack":
        return read(lambda path: request("GET", "%s/%s" % (url, path)))
    return on_volume(host, ("config-2", "CONFIG-2"), read)


def places_in(meta):
    """{path on the host: path to get} of the injected files that a meta_data.json lists. Raises Nothing."""
    try:
        places = {str(f["path"]): str(f["content_path"]) for f in json.loads(meta.decode()).get("files", [])}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Nothing("its meta_data.json cannot be read")
    plain = re.compile(r"/content/[A-Za-z0-9_-]+\Z")
    return {path: "openstack" + place for path, place in places.items() if plain.match(place)}


def config_drive(get):
    """The bundle in OpenStack's layout: injected files first, then user-data."""
    meta, problem = get(META_DATA), None
    if meta is not None:
        places = places_in(meta)

        def read(path):
            return get(places[path]) if path in places else None

        try:
            bundle = injected_by(read, lambda: (read(TRIGGER) or b"").decode("latin-1"))
            if bundle is not None:
                return bundle
        except Nothing as nothing:
            problem = nothing
    data = get("openstack/latest/user_data")
    try:
        if data is not None:
            return whole(data)
    except Nothing as nothing:
        problem = problem or nothing
    raise problem or Nothing("neither user_data nor an injected bundle" if meta is not None else "no openstack/latest")


def files_beside(get, expected, keep):
    """Keep the injected files that are expected, and no others.

    expected: {path on the host: (size, SHA-256)}; keep: is called with the bytes of each whole file, and its SHA-256.
    Returns ({path: SHA-256} of the kept files, {path: reason} of those that are listed but not kept). Raises Nothing.
    """
    meta, kept_files, left_out, room = get(META_DATA), {}, {}, MOST
    places = places_in(meta) if meta is not None else {}
    for path in sorted(set(places) & set(expected)):
        size, digest = expected[path]
        # The limit counts the plan's sizes before a byte is read: no source can make the child read without end.
        room -= size
        data = get(places[path]) if room >= 0 else None
        if room < 0:
            left_out[path] = "more than %d bytes together with the files before it" % MOST
        elif data is None:
            left_out[path] = "listed but missing"
        elif len(data) != size or sha256(data).hexdigest() != digest:
            left_out[path] = "other bytes than the plan names"
        else:
            keep(data, digest)
            kept_files[path] = digest
    return kept_files, left_out


def on_volume(host, labels, read):
    """The result of read(get), with the volume that has one of these labels.

    It is mounted read-only in a mount namespace of this very process: a kill at any line leaves nothing mounted.
    """
    import ctypes

    device = device_of(host, labels)
    if device is None:
        raise Nothing("no device with the label " + labels[0])
    libc, place = ctypes.CDLL(None, use_errno=True), "/run/initialrunner/drive"
    os.close(host.folder(place, True))
    # CLONE_NEWNS; then MS_REC|MS_PRIVATE, so that nothing of it shows outside.
    if libc.unshare(0x20000) or libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None):
        raise OSError("%s cannot be mounted: %s" % (device, os.strerror(ctypes.get_errno())))
    kernel_knows, reason = host.text("/proc/filesystems"), ""
    # MS_RDONLY|MS_NOSUID|MS_NODEV|MS_NOEXEC
    for kind in sorted(FILE_SYSTEMS, key=lambda kind: "\t%s\n" % kind not in kernel_knows):
        if not libc.mount(device.encode(), place.encode(), kind.encode(), 1 | 2 | 4 | 8, None):
            break
        reason = reason or os.strerror(ctypes.get_errno())
    else:
        raise OSError("%s cannot be mounted: %s" % (device, reason))

    def get(name):
        file = read_some(host, "%s/%s" % (place, name))
        return file and file[0]

    return read(get)


def device_of(host, labels):
    """The block device with one of these labels, None when there is none."""
    for label in labels:
        link = "/dev/disk/by-label/" + label
        if os.path.exists(link):
            return os.path.realpath(link)
    for label in labels:
        # Without udev; -c: not from a cache of an earlier boot.
        with os.popen("blkid -c /dev/null -o device -t LABEL=%s 2>/dev/null" % label) as pipe:
            lines = pipe.read().split()
        if lines:
            return lines[0]
    return None


def ec2(url):
    """User-data of an EC2 metadata service, with a token (IMDSv2) where it gives one."""
    headers = {}
    token = request("PUT", url + "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, (400, 403, 405))
    if token:
        headers["X-aws-ec2-metadata-token"] = token.decode("latin-1").strip()
    data = request("GET", url + "/latest/user-data", headers)
    if data is None:
        raise Nothing("no user-data")
    return whole(data)


def fetched(url, digest):
    """The bundle that a stub names, over https as the stub itself would ask, if it has the pinned digest."""
    data = request("GET", url)
    address = url.split("?")[0]  # the query may be what gives the right to read, so it is never shown
    if data is None:
        raise Nothing("%s: answer 404" % address)
    if sha256(data).hexdigest() != digest:
        raise Nothing("%s: other bytes than the stub pins: SHA-256 %s" % (address, sha256(data).hexdigest()))
    return whole(data)


def request(method, url, headers=None, absent=(), authority=""):
    """The body of an answer; None for 404 and the statuses of `absent`. No proxy is asked, no redirect followed.

    authority: certificates in PEM that are trusted as well as those of the image. Raises OSError and HTTPException.
    """
    from http import client

    scheme, _, remainder = url.partition("://")
    where, slash, path = remainder.partition("/")
    if scheme not in ("http", "https") or not where:
        raise Nothing("no URL of http or https: " + url.split("?")[0])
    kind = client.HTTPSConnection if scheme == "https" else client.HTTPConnection
    options = {"timeout": CONNECT_S}
    if authority and scheme == "https":
        import ssl

        options["context"] = ssl.create_default_context()
        options["context"].load_verify_locations(cadata=authority)
    link = kind(where, **options)
    try:
        link.connect()
        link.sock.settimeout(SILENCE_S)
        link.request(method, slash + path or "/", None, headers or {})
        answer = link.getresponse()
        if answer.status == 404 or answer.status in absent:
            return None
        if answer.status != 200:
            raise OSError("%s: answer %d %s" % (url.split("?")[0], answer.status, answer.reason))
        body = answer.read(MOST + 1)
        if answer.length and len(body) <= MOST:
            raise OSError("%s: cut off after %d bytes" % (url.split("?")[0], len(body)))
        return body
    finally:
        link.close()
