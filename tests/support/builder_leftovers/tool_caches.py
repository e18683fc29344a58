"""Caches of package managers and of tools, and the databases of what they did."""

from __future__ import annotations

from builder_leftovers.forms import gz, hexes, octets, sqlite
from builder_leftovers.item import Item

APT = "https://manpages.debian.org/bookworm/apt/apt-get.8.en.html"
XDG = "https://specifications.freedesktop.org/basedir-spec/latest/"
SYSPREP = "libguestfs/guestfs-tools: sysprep/sysprep_operation_package_manager_cache.ml"
BENTO = "chef/bento: packer_templates/scripts/debian/cleanup_debian.sh"

CACHES = (
    Item("apt", "/var/cache/apt/archives/curl_7.88.1-10_amd64.deb", b"!<arch>\n" + octets(300), APT),
    Item("apt", "/var/cache/apt/pkgcache.bin", octets(900), APT),
    Item("apt", "/var/lib/apt/lists/apt.lab.example.net_debian_dists_bookworm_InRelease",
         "Origin: Debian\nSuite: stable\n", APT),
    Item("dnf", "/var/cache/dnf/appstream.solv", octets(900), SYSPREP),
    Item("yum", "/var/cache/yum/x86_64/7/base/repomd.xml", "<repomd/>\n", SYSPREP),
    Item("libdnf5", "/var/cache/libdnf5/fedora-0123456789abcdef/solv/fedora.solv", octets(900),
         "https://dnf5.readthedocs.io/en/latest/"),
    Item("zypper", "/var/cache/zypp/packages/repo-oss/x86_64/curl.rpm", b"\xed\xab\xee\xdb" + octets(300), SYSPREP),
    Item("apk", "/var/cache/apk/APKINDEX.01234567.tar.gz", gz("index"),
         "https://wiki.alpinelinux.org/wiki/Local_APK_cache"),
    Item("pacman", "/var/cache/pacman/pkg/curl-8.5.0-1-x86_64.pkg.tar.zst", octets(300),
         "https://wiki.archlinux.org/title/Pacman"),
    Item("dnf", "/var/lib/dnf/history.sqlite", sqlite("trans"),
         "awslabs/amazon-eks-ami: templates/al2023/provisioners/cleanup.sh"),
    Item("yum", "/var/lib/yum/history/history-2026-11-30.sqlite", sqlite("trans_beg"),
         "awslabs/amazon-eks-ami: templates/al2023/provisioners/cleanup.sh"),
    Item("PackageKit", "/var/lib/PackageKit/transactions.db", sqlite("transactions"),
         "PackageKit/PackageKit: src/pk-transaction-db.c"),
    Item("man-db", "/var/cache/man/index.db", octets(900), BENTO),
    Item("fontconfig", "/var/cache/fontconfig/0123456789abcdef-le64.cache-8", octets(300), BENTO),
    Item("debconf", "/var/cache/debconf/templates.dat-old", "Name: x/y\nTemplate: x/y\n\n", BENTO),
    Item("ldconfig", "/var/cache/ldconfig/aux-cache", octets(300), BENTO, 0o600),
    Item("snapd", f"/var/lib/snapd/cache/{hexes(96)}", octets(300), "canonical/snapd: store/cache.go", 0o600),
    Item("pip", f"/root/.cache/pip/http-v2/{hexes(1)}/{hexes(56)}", octets(300),
         "https://pip.pypa.io/en/stable/topics/caching/"),
    Item("npm", "/root/.npm/_cacache/index-v5/3f/1c/abc", "x\t{\"key\":\"pacote\"}\n",
         "https://docs.npmjs.com/cli/v10/commands/npm-cache"),
    Item("npm", "/home/alice/.npm/_logs/2026-11-30T12_00_01_337Z-debug-0.log", "0 verbose cli npm install\n",
         "https://docs.npmjs.com/cli/v10/using-npm/logging"),
    Item("Go", "/root/go/pkg/mod/cache/download/golang.org/x/text/@v/v0.14.0.zip", octets(300),
         "https://go.dev/ref/mod"),
    Item("Cargo", "/root/.cargo/registry/cache/index.crates.io-6f17d22bba15001f/serde-1.0.1.crate", gz("crate"),
         "https://doc.rust-lang.org/cargo/guide/cargo-home.html"),
    Item("Maven", "/root/.m2/repository/junit/junit/4.13.2/junit-4.13.2.jar", b"PK\3\4" + octets(300),
         "https://maven.apache.org/guides/introduction/introduction-to-repositories.html"),
    Item("Gradle", "/root/.gradle/caches/modules-2/files-2.1/junit/junit.jar", b"PK\3\4" + octets(300),
         "https://docs.gradle.org/current/userguide/directory_layout.html"),
    Item("Composer", "/root/.composer/cache/repo/https---repo.packagist.org/packages.json", "{}\n",
         "https://getcomposer.org/doc/06-config.md"),
    Item("ccache", "/root/.ccache/3/f/result.R", octets(300), "https://ccache.dev/manual/latest.html"),
    Item("NuGet", "/root/.nuget/packages/newtonsoft.json/13.0.3/newtonsoft.json.nuspec", "<package/>\n",
         "https://learn.microsoft.com/en-us/nuget/consume-packages/managing-the-global-packages-and-cache-folders"),
    Item("Ansible", "/root/.ansible/tmp/ansible-local-77abc/AnsiballZ_setup.py", "#!/usr/bin/python3\n",
         "https://docs.ansible.com/ansible/latest/reference_appendices/config.html"),
    Item("cache", "/home/alice/.cache/mozilla/firefox/x.default/cache2/index", octets(300), XDG),
)  # fmt: skip
