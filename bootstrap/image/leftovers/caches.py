"""Caches and settings of a build."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import ANY, FILES, FILLED, LISTED, REMOVE, Leftover, in_home

# An address of a proxy; one on the machine itself is there on every clone as well.
_PROXY = rb"[ \t]*[=:][ \t]*[\"']?(?:https?|socks\w?)://(?!127\.|localhost|\[::1\])"
_PRIVATE = rb"https?://(?:[^/\s@]*@)?(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)\d"
_REPOSITORIES = (
    "/etc/apt/sources.list", "/etc/apt/sources.list.d/*", "/etc/yum.repos.d/*", "/etc/zypp/repos.d/*",
    "/etc/apk/repositories", "/etc/pacman.d/mirrorlist",
)  # fmt: skip
_LANGUAGES = (
    "/etc/pip.conf", "/etc/npmrc", "/usr/local/etc/npmrc", "/etc/gemrc",
    *in_home(".config/pip/pip.conf", ".pip/pip.conf", ".npmrc", ".yarnrc.yml", ".gemrc", ".cargo/config.toml",
             ".config/go/env", ".m2/settings.xml", ".condarc", ".config/uv/uv.toml"),
)  # fmt: skip

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
            "/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5", "/var/cache/zypp", "/var/cache/zypper",
            "/var/cache/tdnf", "/var/cache/apk", "/var/cache/pacman/pkg", "/var/cache/PackageKit",
            "/var/cache/xbps", "/var/cache/distfiles", "/var/lib/snapd/cache",
        ), "a package manager's cache", "it makes the image larger", "dnf clean all, or the like", FILES, FILLED,
    ),
    # The next change of a package writes them again: debconf(7) reads the files without -old.
    Leftover(
        "cache.debconf", ("/var/cache/debconf/*-old",), "debconf's answers as they were before",
        "it may hold answers that were changed since", "remove it", product="debconf",
        source="chef/bento: packer_templates/scripts/debian/cleanup_debian.sh",
    ),
    # Programs must be able to make again what lies there. Debian's debconf and cracklib do not, and some agents keep
    # their state there, for which the table of agents has lines.
    Leftover(
        "cache.system", ("/var/cache/*",), "a program's cache", "it makes the image larger, and reveals what was done",
        "remove its files", FILES, FILLED, but=(
            "apt", "debconf", "cracklib", "dbconfig-common", "private", "bind", "netdata", "puppet", "realmd", "salt",
            "venv-salt-minion", "sensu",
        ),
        source="https://refspecs.linuxfoundation.org/FHS_3.0/fhs/ch05s05.html",
    ),
    Leftover(
        "cache.rpm", ("/var/lib/rpm/__db.*", "/usr/lib/sysimage/rpm/__db.*"), "a lock of the RPM database",
        "it is of the builder's host", "remove it; rpm makes it again", REMOVE, product="rpm",
        source="libguestfs/guestfs-tools: sysprep/sysprep_operation_rpm_db.ml",
    ),
    Leftover(
        "cache.home", in_home(
            ".cache", ".npm/_cacache", ".npm/_logs", ".ansible/tmp", ".ansible/cp", ".kube/cache", ".kube/http-cache",
            ".ccache", ".composer/cache", ".bundle/cache", ".cpan/build", ".cpan/sources", ".cpanm/work",
            ".minikube/cache", ".thumbnails", ".fontconfig",
        ),
        "a tool's cache", "it makes the image larger, and reveals what was done", "remove it", FILES, FILLED,
    ),
    # Some images bring them on purpose, for builds without a network.
    Leftover(
        "cache.builds", in_home(
            "go/pkg/mod/cache", ".cargo/registry", ".cargo/git/db", ".m2/repository", ".gradle/caches", ".ivy2/cache",
            ".sbt/boot", ".nuget/packages", ".yarn/berry/cache", ".bun/install/cache", ".local/share/pnpm/store",
            ".pub-cache", ".stack/pantry", ".cabal/packages", ".conan2/p", ".terraform.d/plugin-cache", ".deno",
        ), "libraries for builds", "they make the image larger", "remove it, unless builds on the clones need it",
        LISTED, FILLED, warning=True,
    ),
    Leftover(
        "builder.proxy", (
            "/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*", "/etc/yum.conf", "/etc/dnf/dnf.conf", "/etc/tdnf/tdnf.conf",
            "/etc/yum.repos.d/*", "/etc/environment", "/etc/environment.d/*", "/etc/profile", "/etc/profile.d/*",
            "/etc/bash.bashrc", "/etc/bashrc", "/etc/sysconfig/proxy", "/etc/sysconfig/docker", "/etc/default/docker",
            "/etc/docker/daemon.json", "/etc/containers/containers.conf", "/etc/systemd/system.conf",
            "/etc/systemd/system.conf.d/*", "/etc/systemd/system/*.service", "/etc/systemd/system/*.d/*",
            "/etc/wgetrc", "/etc/gitconfig", "/etc/pip.conf", "/etc/rhsm/rhsm.conf",
            *in_home(".wgetrc", ".curlrc", ".gitconfig", ".config/git/config", ".npmrc", ".config/pip/pip.conf",
                     ".docker/config.json", ".bashrc", ".bash_profile", ".profile", ".zshrc", ".zshenv"),
        ), "a proxy", "it may be the builder's, which clones cannot reach", "remove it, or --allow it", LISTED,
        holds=rb"(?im)^[ \t]*(?:Acquire::(?:https?|ftp)::Proxy[ \t]+\"?https?://(?!127\.|localhost)"
        rb"|(?:export[ \t]+)?(?:(?:https?|ftp|all)_)?proxy" + _PROXY
        + rb"|(?:Default)?Environment[ \t]*=[^\n]{0,200}\b(?:https?|ftp|all)_proxy" + _PROXY
        + rb"|\"(?:https?-?|ftp-?)proxy\"" + _PROXY
        + rb"|proxy_hostname[ \t]*=[ \t]*[^\s#])",
    ),
    Leftover(
        "builder.mirror", (*_REPOSITORIES, *_LANGUAGES, "/etc/docker/daemon.json", "/etc/containers/registries.conf",
                           "/etc/containers/registries.conf.d/*"),
        "a mirror in a private network, or on a disc", "it may be the builder's, which clones cannot reach",
        "name one that clones reach, or --allow it", LISTED, warning=True,
        holds=rb"(?im)^(?![ \t]*[#;])(?:[^\n]{0,300}" + _PRIVATE + rb"|[ \t]*deb[ \t]+(?:\[[^\]\n]*\][ \t]+)?cdrom:)",
    ),
    Leftover(
        "builder.insecure", (
            "/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*", "/etc/yum.conf", "/etc/dnf/dnf.conf", *_REPOSITORIES,
            "/etc/gitconfig", *in_home(".gitconfig", ".curlrc", ".wgetrc", ".npmrc"),
        ), "checks that are turned off", "clones would take packages from anybody",
        "remove it, and give the clones the certificate of the server", LISTED, warning=True,
        holds=rb"(?im)^[ \t]*(?:Acquire::https::(?:\S+::)?Verify-(?:Peer|Host)[ \t]+\"?(?:false|0)"
        rb"|(?:APT::Get::AllowUnauthenticated|Acquire::AllowInsecureRepositories)[ \t]+\"?(?:true|1|yes)"
        rb"|sslverify[ \t]*=[ \t]*(?:0|false|no)\b|deb[ \t]+\[[^\]\n]*trusted=yes|insecure[ \t]*$"
        rb"|check_certificate[ \t]*=[ \t]*off|strict-ssl[ \t]*=[ \t]*false)",
    ),
    Leftover(
        "builder.unsafe-io", ("/etc/dpkg/dpkg.cfg", "/etc/dpkg/dpkg.cfg.d/*"), "dpkg without fsync",
        "a power cut while a clone installs something could leave it broken", "remove the line force-unsafe-io",
        LISTED, warning=True, holds=rb"(?m)^[ \t]*force-unsafe-io", product="dpkg",
        source="https://manpages.debian.org/bookworm/dpkg/dpkg.1.en.html",
    ),
    # A policy-rc.d that ends with 101 forbids packages to start a service: chroot builds have one.
    Leftover(
        "builder.policy", ("/usr/sbin/policy-rc.d",), "a policy that keeps services from starting",
        "services that a clone installs would stay off", "remove it", holds=rb"exit 101",
    ),
    Leftover(
        "builder.diverted", (
            "/sbin/start-stop-daemon.REAL", "/usr/sbin/start-stop-daemon.REAL", "/sbin/initctl.REAL",
            "/usr/sbin/initctl.REAL", "/usr/bin/systemctl.REAL", "/usr/bin/ischroot.REAL",
        ), "a program that a build replaced", "clones would run a stand-in that does nothing",
        "put the program back under its name", LISTED,
    ),
    Leftover(
        "builder.container", ("/.dockerenv", "/.containerenv"), "a mark of a container",
        "programs take a clone for a container", "remove it", means=ANY, product="Docker",
        source="moby/moby: daemon/initlayer/setup_unix.go",
    ),
)  # fmt: skip
