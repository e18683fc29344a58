"""The seam of the pool driver for HAProxy: what it needs of a running HAProxy. `haproxy_local` has the real one.

These are all commands that the driver sends, with the answers of HAProxy 2.6 on which it depends. S is a server, as
BACKEND/NAME. "nothing" is an empty line.

- `show stat -1 6 -1`: CSV below a head `# pxname,svname,...`, and an empty line at the end. A row with type 1 is a
  backend, one with type 2 a server. `haproxy_stat.STAT_COLUMNS` are read. A status begins with UP, DOWN, DRAIN, MAINT
  or NOLB, or is `no check`; check_status is INI until the first check has ended, and empty in maintenance.
- `show servers state`: a line `1`, a head `# be_id be_name ...`, a row a server, an empty line. Of
  `haproxy_stat.STATE_COLUMNS`, srv_admin_state is 0 or 4 where neither drain nor maint is set; 4: it began disabled.
- `add server S ADDRESS:PORT check OPTIONS`: `New server registered.`, and the server is in MAINT; otherwise a refusal,
  in which `haproxy_commands.NEEDS_A_SLOT` says that no server can be added while HAProxy runs.
- `enable health S`: nothing. The checks of an added server rest until then.
- `set server S addr ADDRESS port PORT`: a line with `changed`, or with `no need to change`.
- `set server S state maint`, `drain`, `ready`: nothing. Leaving MAINT starts the checks, and the server is UP until
  one fails; `set server S health down`: nothing, and it is DOWN until `rise` checks have succeeded.
- `shutdown sessions server S`: nothing.
- `del server S`: `Server deleted.` for a server in MAINT that has no session, otherwise a refusal.
- All but the first three: `No such server.` where there is none.

A reload reads the file: its servers begin as UP, or in MAINT where their line says `disabled`, and servers that a
command has added are gone, unless the file has them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Process(Protocol):
    """A running HAProxy and the file that it reads when it starts. Each call is made once and raises a fault."""

    def ask(self, command: str) -> str:
        """The answer to one command of the admin socket. Raises Denied, and Unknown when none came."""

    def read_file(self) -> str:
        """The text of the configuration file. Raises Denied, Broken."""

    def write_file(self, before: str, after: str, *, check: bool = False) -> None:
        """Put one text in place of another, whole or not at all, durably.

        check: let HAProxy judge the new text first, where it is installed. Raises Broken with its words, Denied, and
        Busy when the file's text is no longer `before`.
        """

    def reload(self) -> None:
        """Make HAProxy read its file again; a new process answers when this returns. Raises Broken, Unknown."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep other deployers from the file and the process meanwhile. Raises Busy when one of them is at work."""

    def pause(self, seconds: float) -> None:
        """Let a short time pass, in which HAProxy ends sessions."""
