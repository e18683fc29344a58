"""An EC2 instance as its image's cloud-init sees it: the metadata service at its address, with tokens (IMDSv2) only.

with private_namespaces(), metadata_service(folder, user_data, login):
    with Box(network="host", dmi=dmi(1)) as box:
        boot(box)                       # cloud-init takes the user-data from the service, and runs it
"""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cloud_init
from box import Box
from metadata_service import Service
from moto_server import REGION, Login

ADDRESS = "169.254.169.254"
# The oldest version of the service, which cloud-init asks when there is no later one.
VERSION = "2009-04-04"
# The users of a cloud-config are made. Its packages are not: there is no network to get them from.
SETTINGS = (cloud_init.SETTINGS % "Ec2").replace("[write-files]", "[write-files, users-groups]")


def dmi(number: int) -> dict[str, str]:
    """What the firmware of an instance says, by which cloud-init knows EC2. number: another one, another machine."""
    uuid = f"ec2d{number:04x}-c7c4-405a-aa1f-6d2a48adfda4"
    return {"product_uuid": uuid, "product_serial": uuid}


@contextmanager
def metadata_service(folder: Path, user_data: bytes, login: Login, role: str = "web") -> Iterator[None]:
    """Serve user-data and a role's credentials, in a network of its own: the address is put on its loopback."""
    keys = {"Code": "Success", "AccessKeyId": login.access_key, "SecretAccessKey": login.secret_key}
    texts = {
        f"{VERSION}/meta-data/index": "instance-id\nami-id\nlocal-hostname\nplacement/\n",
        f"{VERSION}/meta-data/instance-id": "i-0123456789abcdef0",
        f"{VERSION}/meta-data/ami-id": "ami-12c6146b",
        f"{VERSION}/meta-data/local-hostname": "ip-10-0-0-1",
        f"{VERSION}/meta-data/placement/index": "availability-zone\n",
        f"{VERSION}/meta-data/placement/availability-zone": f"{REGION}a",
        f"{VERSION}/dynamic/instance-identity/index": "document\n",
        f"{VERSION}/dynamic/instance-identity/document": json.dumps({"region": REGION, "imageId": "ami-12c6146b"}),
        "latest/meta-data/placement/region": REGION,
        "latest/meta-data/iam/security-credentials/index": role,
        f"latest/meta-data/iam/security-credentials/{role}": json.dumps({**keys, "Token": login.token}),
        "log": "",
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / VERSION / "user-data").write_bytes(user_data)

    class Imds(Service):
        pass

    Imds.behaviour, Imds.folder = "token", folder
    address = ["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"]
    subprocess.run(address, check=True)
    try:
        with http.server.ThreadingHTTPServer((ADDRESS, 80), Imds) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            try:
                yield
            finally:
                server.shutdown()
    finally:
        subprocess.run(["del" if word == "add" else word for word in address], check=True)


def boot(box: Box) -> None:
    """The first boot: the four stages of cloud-init."""
    # In a container cloud-init would not read what the firmware says, and this machine may be one.
    box.put("/usr/local/bin/systemd-detect-virt", "#!/bin/sh\nexit 1\n", 0o755)
    box.sh("rm -rf /var/lib/cloud")
    box.put("/etc/cloud/cloud.cfg.d/99-test.cfg", SETTINGS)
    cloud_init.boot(box)
