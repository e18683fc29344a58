"""EC2's gzipped user-data with a carrier, in a guest with a kernel of its own: its own cloud-init starts it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import three_sites
from deploys import Deploys, assert_clean
from guest import Guest
from images import Image

from bootstrap.payload.split import FOLDER, runner_text
from bootstrap.rehearse.copy import journal_events
from bootstrap.rendering import Rendering
from bootstrap.runner.host import COMMAND, STATE, STUB
from bootstrap.targets import iso, seed

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


def drive(payload: Rendering) -> bytes:
    """Return a NoCloud image with the user-data as EC2 gets it."""
    packed = payload.pack("user-data", "ec2")
    assert packed.blob is not None and packed.blob.startswith(b"\x1f\x8b") and len(packed.blob) <= 4_500
    volume = seed.nocloud(packed.payload, packed.blob)
    return iso.image(volume.files, volume.label, volume.deploy_id)


def stages(guest: Guest) -> list[str]:
    """Return the stages that were begun, in order."""
    events = journal_events(guest.text(f"{STATE}/journal").encode())
    return [event["stage"] for event in events if event["type"] == "stage.started"]


@pytest.mark.parametrize("name", ["hello", "real"])
def test_the_text_comes_from_the_collector(
    name: str, image: Callable[..., Image], deploys: Deploys, note: Callable[[str, float], None]
) -> None:
    payload = deploys.render(three_sites.SPECS[name]).split("collector")
    with Guest(image("bookworm", "cloud-init"), drive=drive(payload)) as guest:
        guest.boot()
        note(f"{name} by a carrier: healthy", deploys.wait_healthy(guest, payload, 400))
        assert_clean(guest)
        assert stages(guest) == three_sites.STAGES[name]
        assert guest.sh(f"ls {STUB} 2>/dev/null || :") == ""


def test_the_text_is_on_the_disk_and_there_is_no_network(
    image: Callable[..., Image], note: Callable[[str, float], None]
) -> None:
    payload = three_sites.rendering("real").split("disk")
    files = {f"{FOLDER}/{runner_text().sha256}": runner_text().content}
    # Debian's boot would wait two minutes for a network device that never comes.
    mask = "systemd.mask=systemd-networkd-wait-online.service"
    built = image("bookworm", "cloud-init")
    with Guest(built, files=files, drive=drive(payload), network=False, append=mask) as guest:
        guest.boot()
        status = f"{COMMAND} status --json 2>/dev/null || echo {{}}"
        guest.wait_for(lambda: json.loads(guest.sh(status)).get("state") == "healthy", 400, "it is healthy")
        note("real by a carrier, without a network: healthy", guest.since())
        assert "eth0" not in guest.text("/proc/net/dev")
        assert_clean(guest)
        assert stages(guest) == three_sites.STAGES["real"]
