"""The one table of limits: what each provider's create call takes, each number with its unit and its source.

A number that nobody has published is None and says so; it is never guessed. `checked` numbers were tried against the
service's own code on loopback, the others are documented by whoever `source` names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bootstrap.errors import UsageError
from bootstrap.targets import table

BYTES = "bytes"
BASE64 = "base64 characters"
CHARACTERS = "characters"
FILES = "files"

# The type of `Rendering.user_data` depends on these names. All others may get text or, where only that fits, gzip.
NEVER_BYTES = Literal["gce", "digitalocean", "hetzner", "libvirt", "proxmox"]
TAKES_BASE64 = Literal["nova", "rackspace", "azure", "linode", "oci", "exoscale"]


@dataclass(frozen=True)
class Limit:
    """One limit. most: None when unknown; unit: what is counted, which is not always what the documentation says."""

    most: int | None
    unit: str
    source: str
    checked: bool = False
    note: str = ""

    def used(self, data: bytes) -> int:
        """Return the part of this limit that data takes, in its unit."""
        # Base64 is padded to groups of four characters.
        if self.unit == BASE64:
            return (len(data) + 2) // 3 * 4
        return len(data.decode("utf-8", "replace")) if self.unit == CHARACTERS else len(data)

    @property
    def raw_bytes(self) -> int | None:
        """The largest number of raw bytes that fits; None when unknown."""
        # A last group that is not whole holds nothing.
        return self.most // 4 * 3 if self.most is not None and self.unit == BASE64 else self.most


@dataclass(frozen=True)
class Provider:
    """One provider's profile.

    files, content, path: the limits of injected files (personality), None where there are none.
    user_data: its limit, None where the create call has no user-data.
    takes: "text" when `call` wants the user-data as it is, "base64" when the caller has to encode it.
    gzip: "bytes" (compressed user-data may stand where text would), "base64" (only base64 of it) or "no".
    has_roles: whether its metadata service gives an instance the credentials of a role, which S3 takes.
    """

    name: str
    title: str
    user_data: Limit | None
    takes: str
    gzip: str
    call: str
    files: Limit | None = None
    content: Limit | None = None
    path: Limit | None = None
    note: str = ""
    has_roles: bool = False

    @property
    def ways(self) -> tuple[str, ...]:
        """The targets that its create call takes."""
        limits = {table.PERSONALITY.name: self.files, table.USER_DATA.name: self.user_data}
        return tuple(target for target, limit in limits.items() if limit is not None)


_NOVA_USER_DATA = Limit(65_535, BASE64, "openstack/nova nova/api/openstack/compute/schemas/servers.py", True)
_UNLIMITED = Limit(None, BYTES, "none published", note="a file on a disk of the server")

PROVIDERS = (
    Provider(
        "nova", "OpenStack Nova", _NOVA_USER_DATA, "base64", "bytes",
        "openstacksdk conn.compute.create_server(personality=…, user_data=…)",
        files=Limit(5, FILES, "openstack/nova nova/conf/quota.py; GET /limits maxPersonality", True),
        content=Limit(
            10_240, BASE64, "openstack/nova nova/compute/api.py _check_injected_file_quota", True,
            "the API reference says decoded bytes; the code counts the base64 text",
        ),
        path=Limit(255, CHARACTERS, "openstack/nova nova/conf/quota.py injected_file_path_length", True),
        note="personality needs a microversion of at most 2.56, and config_drive=True where no agent writes the files",
    ),
    Provider(
        "rackspace", "Rackspace Cloud Servers (next generation)",
        Limit(65_535, BASE64, "OpenStack Nova's schema, which this service runs", note="Rackspace publishes no number"),
        "base64", "bytes", "openstacksdk conn.compute.create_server(personality=…, user_data=…)",
        files=Limit(5, FILES, "docs.rackspace.com personality-boot"),
        content=Limit(
            1_000, BASE64, "docs.rackspace.com personality-boot",
            note="documented as decoded bytes; Nova's code would count the base64 text, the smaller reading",
        ),
        path=Limit(255, BYTES, "docs.rackspace.com personality-boot"),
    ),
    Provider(
        "rackspace-v1", "Rackspace Cloud Servers v1.0", None, "text", "no",
        "libcloud create_node(ex_files=…)",
        files=Limit(5, FILES, "rackspace/compute-api v1.0"),
        content=Limit(10_240, BYTES, "rackspace/compute-api v1.0", note="decoded"),
        path=Limit(255, BYTES, "rackspace/compute-api v1.0"),
        note="no user-data in its create call",
    ),
    Provider(
        "ec2", "AWS EC2", Limit(16_384, BYTES, "docs.aws.amazon.com instancedata-add-user-data"), "text", "bytes",
        "boto3 run_instances(UserData=…), which encodes; a launch template wants base64 of the same", has_roles=True,
    ),
    Provider(
        "gce", "Google Compute Engine",
        Limit(262_144, CHARACTERS, "google-cloud-compute types/compute.py Items.value", note="per metadata value"),
        "text", "no", "google-cloud-compute Items(key='user-data', value=…)",
    ),
    Provider(
        "azure", "Azure", Limit(65_535, BYTES, "azure-mgmt-compute OSProfile.custom_data", note="decoded"),
        "base64", "bytes", "azure-mgmt-compute OSProfile(custom_data=…)",
    ),
    Provider(
        "digitalocean", "DigitalOcean", Limit(65_536, BYTES, "pydo droplets.create: 64 KiB, plain text"),
        "text", "no", "pydo client.droplets.create(body={'user_data': …})",
    ),
    Provider(
        "hetzner", "Hetzner Cloud", Limit(32_768, BYTES, "docs.hetzner.cloud create a server: 32 KiB"),
        "text", "base64", "hcloud client.servers.create(user_data=…)",
    ),
    Provider(
        "linode", "Linode (Akamai)",
        Limit(
            16_384, BASE64, "Linode's OpenAPI description",
            note="it says 65,535 bytes unencoded or about 16 KB encoded; the smaller reading is kept",
        ),
        "base64", "bytes", "linode_api4 build_instance_metadata(user_data=…, encode_user_data=False)",
    ),
    Provider(
        "oci", "Oracle Cloud Infrastructure",
        Limit(
            32_000, BASE64, "oci LaunchInstanceDetails.metadata",
            note="the sum of all metadata: keys and other values count too",
        ),
        "base64", "bytes", "oci LaunchInstanceDetails(metadata={'user_data': …})",
    ),
    Provider(
        "scaleway", "Scaleway",
        Limit(127_998, CHARACTERS, "scaleway/terraform-provider-scaleway internal/services/instance/server.go"),
        "text", "bytes", "scaleway instance.set_server_user_data(key='cloud-init', content=…), after the create call",
    ),
    Provider(
        "exoscale", "Exoscale",
        Limit(32_767, BASE64, "exoscale/terraform-provider-exoscale pkg/utils/utils.go"),
        "base64", "bytes", "the API's create-instance (user-data)",
    ),
    Provider("libvirt", "libvirt (NoCloud)", _UNLIMITED, "text", "bytes", "cloud-localds out.iso user-data"),
    Provider("proxmox", "Proxmox VE", _UNLIMITED, "text", "bytes", "qm set ID --cicustom user=STORE:snippets/FILE"),
)  # fmt: skip

# Messages and generated pages list the providers in the order of the table.
_BY_NAME = {provider.name: provider for provider in PROVIDERS}


def provider(name: str) -> Provider:
    """Return the profile of that name. Raises UsageError with the names of all."""
    if name not in _BY_NAME:
        raise UsageError(f"there is no provider {name!r}", hint=f"one of: {', '.join(_BY_NAME)}")
    return _BY_NAME[name]
