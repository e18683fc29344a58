"""Caches and settings of a build."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILES, FILLED, LISTED, Leftover, in_home

# These do no harm but for their size. They are findings all the same, since `--clean` removes them at no risk.
CACHES = (
    Leftover(
        "cache.apt", ("/var/cache/apt/archives", "/var/cache/apt/*.bin"), "apt's cache", "it makes the image larger",
        "apt-get clean", FILES, FILLED,
    ),
    Leftover(
        "cache.apt-lists", ("/var/lib/apt/lists",), "apt's package lists",
        "they are old by the first boot, and name the builder's mirror", "remove them; apt-get update fetches new ones",
        FILES, FILLED,
    ),
    Leftover(
        "cache.packages", (
            "/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5", "/var/cache/zypp", "/var/cache/apk",
            "/var/cache/pacman/pkg",
        ), "a package manager's cache", "it makes the image larger", "dnf clean all, or the like", FILES, FILLED,
    ),
    Leftover(
        "cache.home", in_home(".cache", ".npm/_cacache", ".npm/_logs", ".ansible/tmp", ".ansible/cp"),
        "a tool's cache", "it makes the image larger, and reveals what was done", "remove it", FILES, FILLED,
    ),
    Leftover(
        "builder.proxy", (
            "/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*", "/etc/yum.conf", "/etc/dnf/dnf.conf", "/etc/environment",
        ), "a proxy", "it may be the builder's, which clones cannot reach", "remove it, or --allow it", LISTED,
        holds=rb"(?im)^[ \t]*(?:Acquire::(?:https?|ftp)::Proxy[ \t]+\"?https?:"
        rb"|(?:https?_)?proxy[ \t]*=[ \t]*[\"']?http)",
    ),
    # A policy-rc.d that ends with 101 forbids packages to start a service: chroot builds have one.
    Leftover(
        "builder.policy", ("/usr/sbin/policy-rc.d",), "a policy that keeps services from starting",
        "services that a clone installs would stay off", "remove it", holds=rb"exit 101",
    ),
)  # fmt: skip
