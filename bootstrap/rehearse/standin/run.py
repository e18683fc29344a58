"""The one entry of the stand-in: it acts as the program by whose name it was called."""

from __future__ import annotations

import sys

from bootstrap.rehearse.standin import beside, systemctl

PROGRAMS = {
    "systemctl": systemctl.main,
    "journalctl": beside.journalctl,
    "hostnamectl": beside.hostnamectl,
    "timedatectl": beside.timedatectl,
    "localectl": beside.localectl,
}


def main() -> None:
    """argv[0] is the program's name; systems have links to systemctl by names of System V, such as runlevel."""
    try:
        sys.exit(PROGRAMS.get(sys.argv[0], beside.system_v)(sys.argv[1:]))
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        sys.stderr.write(f"{sys.argv[0]} (stand-in): {error}\n")
        sys.exit(1)
