"""What a copy mounts, from samples of mountinfo."""

from __future__ import annotations

from bootstrap.rehearse.layout import Layer, Mounted, layers, parse_mountinfo

DEBIAN = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
24 27 0:6 / /dev rw,nosuid - devtmpfs devtmpfs rw,size=1k
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 0:25 / /run rw,nosuid,nodev - tmpfs tmpfs rw
29 28 0:26 / /run/lock rw - tmpfs tmpfs rw
30 27 254:1 / /boot ro,noatime - ext4 /dev/vda1 ro
31 30 254:2 / /boot/efi rw - vfat /dev/vda2 rw
32 27 254:3 / /srv/with\\040space rw,noexec shared:7 - xfs /dev/vdb rw
33 27 0:30 / /var/cache/ram rw - tmpfs tmpfs rw
34 27 0:31 / /home rw - ext4 /dev/vdc rw
35 27 0:32 / /tmp rw - tmpfs tmpfs rw
36 35 0:33 / /tmp/initialrunner-x rw - tmpfs tmpfs rw
37 27 0:40 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
38 27 0:41 / /var/lib/nfs/rpc_pipefs rw - rpc_pipefs sunrpc rw
"""


def options(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


def test_a_line_of_mountinfo_is_read_with_its_escapes_and_optional_fields() -> None:
    found = parse_mountinfo(DEBIAN)
    assert found[8] == Mounted("/srv/with space", "/", "xfs", options("rw,noexec"))
    assert len(found) == 15


def test_disks_get_overlays_memory_and_kernel_trees_are_empty_and_the_fresh_ones_are_left_out() -> None:
    assert layers(parse_mountinfo(DEBIAN), without="/tmp/initialrunner-x") == (
        Layer("/", "overlay", options("rw,relatime")),
        Layer("/boot", "overlay", options("ro,noatime")),
        Layer("/boot/efi", "overlay", options("rw")),
        Layer("/srv/with space", "overlay", options("rw,noexec")),
        Layer("/var/cache/ram", "empty"),
        Layer("/var/lib/nfs/rpc_pipefs", "empty"),
    )


def test_a_later_mount_hides_the_earlier_one_and_what_was_below_it() -> None:
    text = DEBIAN + "40 27 0:50 / /boot rw - tmpfs tmpfs rw\n41 1 0:51 / / rw - overlay overlay rw\n"
    found = {layer.path: layer for layer in layers(parse_mountinfo(text), without="/nowhere")}
    assert found["/boot"] == Layer("/boot", "empty")
    assert "/boot/efi" not in found
    assert found["/"] == Layer("/", "overlay", options("rw"))


def test_a_folder_that_only_begins_alike_is_not_left_out() -> None:
    paths = ("/", "/homework", "/development")
    text = "".join(f"{number} 1 254:{number} / {path} rw - ext4 a rw\n" for number, path in enumerate(paths))
    assert [layer.path for layer in layers(parse_mountinfo(text), without="/x")] == ["/", "/development", "/homework"]
