"""What `bootstrap publish` leaves behind for `bootstrap render`: published.json, private like what it leads to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bootstrap.errors import UsageError
from bootstrap.render.model import Published

NAME, VERSION = "published.json", 1


def read(path: str | Path) -> Published:
    """The file again. Raises UsageError when it is not one."""
    path = Path(path)
    try:
        found: Any = json.loads(path.read_bytes())
        if found["version"] != VERSION:
            raise UsageError(f"{path} is of version {found['version']}, and this program reads {VERSION}")
        return Published(dict(found["urls"]), dict(found["bundles"]))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="bootstrap publish writes it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not what `bootstrap publish` wrote", hint="publish again") from error


# Its name where no module's name stands before it.
read_published = read


def write(published: Published, folder: Path, **more: Any) -> Path:
    """Write it (0600) and return its path. more: what people may want to know, such as when the URLs end."""
    path = folder / NAME
    text = json.dumps({"version": VERSION, **more, "urls": published.urls, "bundles": published.bundles}, indent=1)
    temporary = folder / f".{NAME}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="name another folder with -o") from error
    return path
