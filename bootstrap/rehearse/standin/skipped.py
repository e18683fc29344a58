"""Reports, once for each unit, the settings without effect: a rehearsal must not promise more than it tries."""

from __future__ import annotations

import os
import sys

from bootstrap.rehearse.standin.conditions import LOOKS
from bootstrap.rehearse.standin.records import once
from bootstrap.rehearse.standin.unitfiles import Unit

# The stand-in acts on these settings, or they do not change whether the programs work.
_HEEDED = {
    "Unit": {
        "Description", "Documentation", "Requires", "Requisite", "Wants", "BindsTo", "DefaultDependencies",
        "StartLimitIntervalSec", "StartLimitBurst", "SourcePath",
        *(f"{word}{key}" for word in ("Condition", "Assert") for key in LOOKS),
    },
    "Service": {
        "Type", "RemainAfterExit", "GuessMainPID", "PIDFile", "ExecCondition", "ExecStartPre", "ExecStart",
        "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost", "Restart", "RestartSec", "StartLimitBurst",
        "TimeoutStartSec", "TimeoutStopSec", "TimeoutSec", "SuccessExitStatus", "KillMode", "KillSignal", "User",
        "Group", "SupplementaryGroups", "WorkingDirectory", "UMask", "Environment", "EnvironmentFile",
        "UnsetEnvironment", "StandardInput", "StandardOutput", "StandardError", "SyslogIdentifier", "IgnoreSIGPIPE",
        "RuntimeDirectory", "StateDirectory", "CacheDirectory", "LogsDirectory", "ConfigurationDirectory",
        "RuntimeDirectoryMode", "StateDirectoryMode", "CacheDirectoryMode", "LogsDirectoryMode",
        "ConfigurationDirectoryMode", "RuntimeDirectoryPreserve", "SendSIGKILL", "NotifyAccess",
    },
}  # fmt: skip
_WORDS = {
    "timer": "counts as active; nothing is started when its time comes",
    "socket": "counts as active; nothing listens for it, so start its service itself",
    "path": "counts as active; nothing watches its path",
}


def say(text: str) -> None:
    """Print a line for people. It goes to stderr, since scripts read stdout."""
    sys.stderr.write(f"{os.path.basename(sys.argv[0])} (stand-in): {text}\n")


def say_what_is_not_done(unit: Unit) -> None:
    """Name the settings of a unit that have no effect here, once."""
    keys = [
        f"{key}="
        for section, heeded in _HEEDED.items()
        for key, values in unit.settings.get(section, {}).items()
        if values and key not in heeded and not key.startswith("Limit") and not _is_idle_order(key, values)
    ]
    if keys and once(f"{unit.name} settings"):
        say(f"{unit.name}: without effect in a rehearsal: {', '.join(sorted(keys))}")
    words = _WORDS.get(unit.kind)
    if words and once(f"{unit.name} kind"):
        say(f"{unit.name} {words}")


def _is_idle_order(key: str, values: list[str]) -> bool:
    """Whether it is an order that only names targets: all that a target stands for is there in a copy."""
    return key in ("After", "Before") and all(word.endswith(".target") for word in " ".join(values).split())
