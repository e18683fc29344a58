"""Leftovers of the table `caches`, planted: (code, path, content)."""

from __future__ import annotations

CACHES: tuple[tuple[str, str, str | bytes], ...] = (
    ("cache.apt", "/var/cache/apt/archives", "curl_8_amd64.deb"),
    ("cache.apt", "/var/cache/apt/pkgcache.bin", ""),
    ("cache.apt-lists", "/var/lib/apt/lists", "mirror_InRelease"),
    ("cache.packages", "/var/cache/dnf", "a/b.solv"),
    ("cache.debconf", "/var/cache/debconf/config.dat-old", "Name: x/y\n"),
    ("cache.system", "/var/cache/man", "de/index.db"),
    ("cache.rpm", "/var/lib/rpm/__db.001", "x"),
    ("cache.builds", "/home/alice/.m2/repository", "junit/junit.jar"),
    ("cache.home", "/home/alice/.cache", "pip/http/a"),
    ("builder.proxy", "/etc/apt/apt.conf.d/90proxy", 'Acquire::http::Proxy "http://10.0.0.1:3142";\n'),
    ("builder.proxy", "/etc/profile.d/proxy.sh", "export https_proxy=http://10.0.0.1:3142\n"),
    ("builder.proxy", "/etc/systemd/system/x.service.d/proxy.conf", '[Service]\nEnvironment="HTTP_PROXY=http://p:1"\n'),
    ("builder.proxy", "/etc/docker/daemon.json", '{\n  "proxies": {\n    "https-proxy": "http://p:1"\n  }\n}\n'),
    ("builder.mirror", "/etc/apt/sources.list", "deb http://192.168.0.2/debian bookworm main\n"),
    ("builder.mirror", "/etc/apt/sources.list.d/cd.list", "deb cdrom:[Debian GNU/Linux 12]/ bookworm main\n"),
    ("builder.insecure", "/etc/apt/apt.conf.d/99insecure", 'Acquire::https::Verify-Peer "false";\n'),
    ("builder.unsafe-io", "/etc/dpkg/dpkg.cfg.d/docker-apt-speedup", "force-unsafe-io\n"),
    ("builder.diverted", "/sbin/start-stop-daemon.REAL", "ELF"),
    ("builder.container", "/.dockerenv", ""),
    ("builder.policy", "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n"),
)
