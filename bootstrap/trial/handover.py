"""Turns a payload into what a cloud would give to a clone: a volume, injected files, or a metadata service. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bootstrap.image.own_paths import PAYLOAD_TRIGGERS
from bootstrap.rendering import Rendering
from bootstrap.targets.seed import META, USER, instance_id_of
from bootstrap.trial.source import Source

# The sources for which a machine needs a second disk, and those for which somebody answers at 169.254.169.254.
ON_A_VOLUME = ("config-drive", "nocloud", "cloud-init")
BY_METADATA = ("openstack", "ec2")


@dataclass(frozen=True)
class Handover:
    """What a machine gets with its power.

    volume: an ISO, b"" for none; files: path -> content, written into the disk; metadata: path -> content, answered
    at 169.254.169.254.
    """

    volume: bytes = field(default=b"", repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    metadata: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def hand_over(source: Source, payload: Rendering) -> Handover:
    """Return the payload as `source` brings it. Raises UsageError where a volume is needed and pycdlib is missing."""
    ways: dict[str, Callable[[Rendering], Handover]] = {
        "files": _started_by_the_image if source.is_baked else _injected,
        "config-drive": _config_drive,
        "nocloud": _nocloud,
        # What cloud-init has kept of its user-data came to it on some volume.
        "cloud-init": _nocloud,
        "openstack": _openstack,
        "ec2": _ec2,
    }
    return ways[source.name](payload)


def _injected(payload: Rendering) -> Handover:
    return Handover(files={file.path: file.content for file in payload.pack("tree").payload.files})


def _started_by_the_image(payload: Rendering) -> Handover:
    """Without a trigger: cron would start that by itself, and hide an image whose own trigger is off."""
    files = {path: content for path, content in _injected(payload).files.items() if path not in PAYLOAD_TRIGGERS}
    return Handover(files=files)


def _config_drive(payload: Rendering) -> Handover:
    return Handover(volume=payload.config_drive().image())


def _nocloud(payload: Rendering) -> Handover:
    return Handover(volume=payload.nocloud().image())


def _openstack(payload: Rendering) -> Handover:
    # cloud-init lists the folder of versions before it asks for one of them.
    return Handover(metadata={"openstack": b"latest\n", **payload.config_drive().files})


def _ec2(payload: Rendering) -> Handover:
    uuid = instance_id_of(payload.deploy_id, payload.server)
    facts = {
        "instance-id": f"i-{uuid.replace('-', '')[:17]}",
        "local-hostname": payload.server,
        "ami-id": "ami-00000000000000000",
        "instance-type": "t3.micro",
    }
    document = {"instanceId": facts["instance-id"], "region": "us-east-1", "availabilityZone": "us-east-1a"}
    return Handover(
        metadata={
            f"latest/{META}/": "\n".join(facts).encode(),
            **{f"latest/{META}/{name}": value.encode() for name, value in facts.items()},
            "latest/dynamic/instance-identity/document": json.dumps(document).encode(),
            f"latest/{USER}": payload.user_data_bytes(),
        },
    )
