"""Targets `nocloud` and `config-drive`: the folder that cloud-init reads at first boot, and the image that carries it.

Neither holds anything about the network: that stays as the image, or whoever starts the server, has it.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.payload.model import Payload
from bootstrap.targets import table
from bootstrap.targets.model import Output

# The files of a NoCloud volume, by the names that cloud-init looks for.
META, USER = "meta-data", "user-data"
OPENSTACK = "openstack/latest"


@dataclass(frozen=True)
class Seed:
    """files: path in the volume -> content; label: of the volume; deploy_id: gives the dates in an image."""

    label: str
    deploy_id: str
    files: dict[str, bytes] = field(repr=False)

    def image(self) -> bytes:
        """An ISO 9660 image with Rock Ridge and Joliet, the same bytes each time. Needs the extra `iso`."""
        from bootstrap.targets import iso

        return iso.image(self.files, self.label, self.deploy_id)

    def output(self) -> Output:
        """Return what `render` writes: the image, and a folder with the same files; without pycdlib the folder."""
        from bootstrap.targets import iso

        if not iso.is_available():
            return Output("", b"", f"{self.label}/", self.write)
        return Output(f"{self.label}.iso", self.image(), f"{self.label}/", self.write)

    def write(self, directory: str | Path) -> Path:
        """Lay the files out below directory, readable by their owner alone: a payload holds secrets."""
        root = Path(directory)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in self.files.items():
            path = root / name
            for folder in reversed(path.relative_to(root).parents):
                (root / folder).mkdir(mode=0o700, exist_ok=True)
            path.unlink(missing_ok=True)
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(content)
        return root


def nocloud(payload: Payload, user_data: bytes) -> Seed:
    """Return user-data and meta-data as NoCloud wants them. user_data: the bundle, or a message that holds it."""
    # Quoted, since a name may look like a number to YAML.
    facts = {"instance-id": instance_id(payload), **_named(payload, "local-hostname")}
    meta = "".join(f"{key}: {json.dumps(value)}\n" for key, value in facts.items())
    return Seed(table.NOCLOUD.label, payload.deploy_id, {META: meta.encode(), USER: user_data})


def config_drive(payload: Payload, user_data: bytes) -> Seed:
    """Return OpenStack's layout: the payload as injected files, and the starter, or a message with it, as user-data."""
    files = {f"openstack/content/{number:04d}": file.content for number, file in enumerate(payload.files)}
    listed = [
        {"path": file.path, "content_path": f"/content/{number:04d}"} for number, file in enumerate(payload.files)
    ]
    # The numbers are as on a drive that Nova makes.
    facts = {
        "uuid": instance_id(payload), "launch_index": 0, "files": listed,
        **_named(payload, "name"), **_named(payload, "hostname"),
    }  # fmt: skip
    meta = json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n"
    return Seed(
        table.CONFIG_DRIVE.label,
        payload.deploy_id,
        {f"{OPENSTACK}/meta_data.json": meta, f"{OPENSTACK}/user_data": user_data, **files},
    )


def instance_id(payload: Payload) -> str:
    """Return an id for each server in each roll-out: cloud-init takes a boot with a new id for a first one."""
    return instance_id_of(payload.deploy_id, payload.server)


def instance_id_of(deploy_id: str, server: str) -> str:
    """Return the same by the names alone."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"initialrunner/{deploy_id}/{server}"))


def _named(payload: Payload, key: str) -> dict[str, str]:
    """Return the server's name under this key; nothing for a group, whose members must not share a host name."""
    return {} if payload.server.endswith("*") else {key: payload.server.replace("_", "-")}
