"""Paths of the toolkit's own files in an image: those of a bake, and those that a payload leaves where it ran."""

from __future__ import annotations

from bootstrap.payload import triggers
from bootstrap.runner.baked.program import TIMER
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, STUB, TRIGGER

UNITS = triggers.FOLDER
CRON_FOLDER = TRIGGER.rpartition("/")[0]
BUNDLE_FOLDER = BUNDLE.rpartition("/")[0]

# A bake writes these.
PROGRAM_FOLDER = "/usr/local/lib/initialrunner"
PROGRAM = f"{PROGRAM_FOLDER}/baked.py"
CRON = f"{TRIGGER}-image"
SERVICE = "initialrunner-image.service"
# Unit of a bake -> the folder of the target that starts it.
ENABLED = {SERVICE: "multi-user.target.wants", TIMER: "timers.target.wants"}

# A bake with --host-keys writes the program and either of what starts it.
HOST_KEYS = f"{PROGRAM_FOLDER}/host-keys"
HOST_KEYS_CRON = f"{TRIGGER}-host-keys"
HOST_KEYS_SERVICE = "initialrunner-host-keys.service"

# A payload leaves these on the machine that ran it.
PAYLOADS = (f"{BUNDLE}*", f"{STUB}*")
PAYLOAD_TRIGGERS = (TRIGGER, *triggers.UNITS)
PAYLOAD_COMMANDS = (COMMAND, f"{STATE}/bin/initialrunner")
RC_LOCALS = ("/etc/rc.local", "/etc/rc.d/rc.local")
_BOOT_UNIT = "initialrunner-boot.service"
RC_LOCAL_UNITS = (f"{UNITS}/{_BOOT_UNIT}", f"{UNITS}/*.wants/{_BOOT_UNIT}")
DEPLOYER_STATE = ".local/state/initialrunner/*"  # in a home
