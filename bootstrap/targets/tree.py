"""Target `tree`: the files laid out under a directory, as they should lie on the server."""

from __future__ import annotations

from pathlib import Path

from bootstrap.payload.model import Payload
from bootstrap.targets import table
from bootstrap.targets.limits import unlimited
from bootstrap.targets.model import Output, Packed, Request


def pack(request: Request) -> Packed:
    """Pack the files, systemd's units among them. No call carries them, so that no limit holds."""
    payload = request.build(units="apart")
    what = "bundle" if payload.carrier is None else "carrier"
    return Packed(request.target, None, payload, (unlimited(what, payload.script),), sources=request.sources)


def output(packed: Packed) -> Output:
    """Return what makes the folder."""
    return Output(folder=table.TREE.file, lay=lambda folder: write(packed.payload, folder))


def write(payload: Payload, root: Path) -> list[str]:
    """Write the payload's files under root, with the modes they need, and return their paths.

    Folders are 0755 like those of a root file system, since `cp -a root/. /mnt` carries their modes over: keep root
    itself below a folder that only its owner can enter. The trigger comes last, as everywhere.
    """
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    for file in payload.files:
        path = root / file.path.lstrip("/")
        for folder in reversed(path.relative_to(root).parents):
            (root / folder).mkdir(exist_ok=True)
            (root / folder).chmod(0o755)
        # A new file has its content before others can read it; an old one could be a link, or somebody's open file.
        path.unlink(missing_ok=True)
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(file.content)
        path.chmod(file.mode)
    return [file.path for file in payload.files]
