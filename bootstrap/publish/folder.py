"""The objects of a folder of this machine, as `Objects` (objects.py) has them: for a web server here or elsewhere."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bootstrap.payload.split import runner_text
from bootstrap.publish.content import blocks, changed
from bootstrap.publish.names import MAX_PART_BYTES
from bootstrap.publish.names import check as check_names
from bootstrap.publish.objects import Listed, PublishError

# A file that is not whole yet has such a name.
_PART = ".initialrunner-"


@dataclass(frozen=True)
class FolderObjects:
    """A folder. base_url: where a web server has it, None when that is not known."""

    folder: Path
    base_url: str | None = None

    @property
    def place(self) -> str:
        return str(self.folder)

    def check(self, names: Iterable[str]) -> None:
        check_names(names, self.place, part_bytes=MAX_PART_BYTES)

    def digest(self, name: str) -> str | None:
        path = self.folder / name
        if not path.exists():
            return None
        # A file has no note of its digest, and so is read: the answer is its content's own.
        digest = hashlib.sha256()
        for block in blocks(path):
            digest.update(block)
        return digest.hexdigest()

    def put(self, name: str, content: bytes | Path, sha256: str) -> None:
        path = self.folder / name
        temporary = path.with_name(_PART + secrets.token_hex(8))
        # The runner's text is public. A bundle holds secrets: it is for the group of the folder, a web server's.
        mode = 0o644 if sha256 == runner_text().sha256 else 0o640
        digest = hashlib.sha256()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for block in blocks(content):
                    digest.update(block)
                    file.write(block)
                # Whoever may not give a file to that group leaves it to its own.
                with suppress(PermissionError):
                    os.chown(temporary, -1, path.parent.stat().st_gid)
                os.fchmod(file.fileno(), mode)
                file.flush()
                os.fsync(file.fileno())
            if digest.hexdigest() != sha256:
                raise changed(f"{self.place}/{name}", digest.hexdigest(), sha256)
            temporary.replace(path)
        except OSError as error:
            raise PublishError(
                f"{path} cannot be written: {error.strerror}", hint="check the folder's mode and its disk"
            ) from error
        finally:
            with suppress(OSError):
                temporary.unlink()

    def read(self, name: str) -> Iterator[bytes]:
        return blocks(self.folder / name)

    def listing(self, prefix: str = "") -> Iterator[Listed]:
        paths = [path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith(_PART)]
        relative = {path.relative_to(self.folder).as_posix(): path for path in paths}
        for name in sorted((name for name in relative if name.startswith(prefix)), key=os.fsencode):
            md5 = hashlib.md5(usedforsecurity=False)
            for block in blocks(relative[name]):
                md5.update(block)
            yield Listed(name, relative[name].stat().st_size, md5.hexdigest())

    def remove(self, name: str) -> None:
        path = self.folder / name
        try:
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            # An object store has no folders, and so no empty ones either.
            for parent in list(path.parents)[: len(Path(name).parts) - 1]:
                if any(parent.iterdir()):
                    break
                parent.rmdir()
        except OSError as error:
            raise PublishError(f"{path} cannot be removed: {error.strerror}", hint="check the folder's mode") from error

    def url(self, name: str, expires: int) -> str:
        """Return the URL below `base_url`, which is not tried: the folder may have to be copied there first.

        Without it the path of the file.
        """
        return str((self.folder / name).absolute()) if self.base_url is None else f"{self.base_url}/{quote(name)}"

    untried_url = url
