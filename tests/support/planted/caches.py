"""Leftovers of the table `caches`, planted: (code, path, content)."""

from __future__ import annotations

CACHES: tuple[tuple[str, str, str | bytes], ...] = (
    ("cache.apt", "/var/cache/apt/archives", "curl_8_amd64.deb"),
    ("cache.apt", "/var/cache/apt/pkgcache.bin", ""),
    ("cache.apt-lists", "/var/lib/apt/lists", "mirror_InRelease"),
    ("cache.packages", "/var/cache/dnf", "a/b.solv"),
    ("cache.home", "/home/alice/.cache", "pip/http/a"),
    ("builder.proxy", "/etc/apt/apt.conf.d/90proxy", 'Acquire::http::Proxy "http://10.0.0.1:3142";\n'),
    ("builder.policy", "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n"),
)
