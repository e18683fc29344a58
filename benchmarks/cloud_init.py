"""cloud-init, Debian's package in a Debian of its own, for the benchmarks to run beside ours."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from measure import ROOT, progress
from place import Place

SUITE = "bookworm"
STAGES = (
    ("cloud-init", "init", "--local"),
    ("cloud-init", "init"),
    ("cloud-init", "modules", "--mode=config"),
    ("cloud-init", "modules", "--mode=final"),
)
SCRIPT = b"#!/bin/sh\necho >>/root/ran\n"
_SEED = "/var/lib/cloud/seed/nocloud"
_SETTINGS = "/etc/cloud/cloud.cfg.d/99-benchmark.cfg"
# Left out is what cannot work without a disk, sshd, locales and the right to name the host: less work, no failure.
_AS_SHIPPED = """\
datasource_list: [NoCloud]
network: {config: disabled}
growpart: {mode: "off"}
resize_rootfs: false
ssh_genkeytypes: []
preserve_hostname: true
locale: false
"""
# The least that still runs a user's script.
_BARE = _AS_SHIPPED + "cloud_init_modules: []\ncloud_config_modules: []\ncloud_final_modules: [scripts-user]\n"


def debian() -> tuple[Path | None, str]:
    """(a tar of Debian with cloud-init and python3, "") or (None, why there is none). Made once, kept in build/."""
    tar = ROOT / "build" / "benchmarks" / f"cloud-init-{SUITE}.tar"
    if os.geteuid():
        return None, "needs root"
    if tar.exists():
        return tar, ""
    if not shutil.which("mmdebstrap"):
        return None, "no mmdebstrap here"
    tar.parent.mkdir(parents=True, exist_ok=True)
    progress(f"making {tar.relative_to(ROOT)}, once, about half a minute ...")
    part = tar.with_suffix(".part.tar")
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]
    command = ["mmdebstrap", "--variant=minbase", "--include=cloud-init,python3", *left_out, SUITE, str(part)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    except subprocess.TimeoutExpired:
        return None, "mmdebstrap took more than ten minutes"
    if done.returncode:
        part.unlink(missing_ok=True)
        # apt's first complaint is the cause; what follows is that it has one.
        complaints = [line[3:] for line in (done.stdout + done.stderr).splitlines() if line.startswith("E: ")]
        return None, complaints[0] if complaints else "mmdebstrap failed"
    part.rename(tar)
    return tar, ""


def seed(place: Place) -> None:
    """A NoCloud seed with a script of one line."""
    place.put(f"{_SEED}/meta-data", b"instance-id: bench-1\n")
    place.put(f"{_SEED}/user-data", SCRIPT)
    place.put("/root/as-shipped.cfg", _AS_SHIPPED.encode())
    place.put("/root/bare.cfg", _BARE.encode())


def prepare(settings: str) -> str:
    """A script that makes the next run a first boot. settings: "as-shipped" or "bare"."""
    forget = "rm -rf /run/cloud-init; find /var/lib/cloud -mindepth 1 -maxdepth 1 ! -name seed -exec rm -r {} +"
    return f"{forget}; rm -f /root/ran; cp /root/{settings}.cfg {_SETTINGS}"


def version(place: Place) -> str:
    return place.sh("dpkg-query --show --showformat '${Version}' cloud-init").stdout
