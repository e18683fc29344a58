"""published.json, which `bootstrap publish` writes for `bootstrap render`; private, since its URLs give access."""

from __future__ import annotations

import calendar
import json
import os
import time
from pathlib import Path
from typing import Any

from bootstrap.errors import UsageError
from bootstrap.render.model import Published

NAME, VERSION = "published.json", 1
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def read(path: str | Path) -> Published:
    """Read a published.json. Raises UsageError when the file is not one, and when its URLs have expired."""
    path = Path(path)
    try:
        content: Any = json.loads(path.read_bytes())
        if content["version"] != VERSION:
            raise UsageError(
                f"{path} has version {content['version']}, but this program reads version {VERSION}",
                hint="publish again",
            )
        expires = content.get("expires")
        if expires is not None and calendar.timegm(time.strptime(expires, TIME_FORMAT)) <= time.time():
            raise UsageError(f"{path}: its URLs expired at {expires}", hint="publish again")
        # Files of earlier releases name no runner.
        runner = content.get("runner", [])
        if not isinstance(runner, list) or not all(isinstance(url, str) for url in runner):
            raise TypeError("the runner's URLs are a list")
        return Published(dict(content["urls"]), dict(content["bundles"]), tuple(runner))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="bootstrap publish writes it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not what `bootstrap publish` wrote", hint="publish again") from error


# In the public library no module's name stands before the function's.
read_published = read


def names_runner(folder: Path) -> bool:
    """Whether the published.json of a folder names a runner's text, which writing it anew would take away."""
    try:
        return bool(json.loads((folder / NAME).read_bytes())["runner"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write(published: Published, folder: Path, **more: Any) -> Path:
    """Write published.json (0600) into a folder and return its path. more: facts for people, such as `expires`."""
    path = folder / NAME
    content = {"version": VERSION, **more, "urls": published.urls, "bundles": published.bundles}
    if published.runner:
        content["runner"] = list(published.runner)
    text = json.dumps(content, indent=1)
    temporary = folder / f".{NAME}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A file that an interrupted run left behind may have another mode, so it is made anew.
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="name another folder with -o") from error
    return path
