"""What a power cut can leave on a disk: a strict model of files, folders and what was synced of them. Pure.

Data lasts from the fsync of its file on, a name from the fsync of its folder on; owner and mode go with the fsync of
their file. Real file systems are kinder, and differ in how; a runner that loses nothing here loses nothing on any.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Left:
    """One file or folder of a disk after the cut; data is None for a folder."""

    mode: int
    owner: tuple[int, int]
    data: bytes | None


Tree = dict[str, Left]


@dataclass(eq=False)
class File:
    """A file as programs see it, and as the disk has it."""

    mode: int
    owner: tuple[int, int] = (0, 0)
    data: bytes = b""
    torn: bytes = b""  # the last write only half done
    synced: Left = Left(0, (0, 0), b"")

    def __post_init__(self) -> None:
        # A name that lasts without its data: what file systems show then is a file of no length.
        self.synced = Left(self.mode, self.owner, b"")

    def sync(self) -> None:
        self.torn = self.data
        self.synced = Left(self.mode, self.owner, self.data)

    def left(self, what: str) -> Left:
        """what: synced, torn or written."""
        return (
            self.synced
            if what == "synced"
            else Left(self.mode, self.owner, {"torn": self.torn, "written": self.data}[what])
        )


@dataclass(eq=False)
class Folder:
    """A folder; given: it was there before, on every such machine, and is none of ours."""

    mode: int = 0o755
    owner: tuple[int, int] = (0, 0)
    given: bool = False
    names: dict[str, File | Folder] = field(default_factory=dict)
    synced_names: dict[str, File | Folder] = field(default_factory=dict)
    synced: Left = Left(0, (0, 0), None)

    def __post_init__(self) -> None:
        self.synced = Left(self.mode, self.owner, None)

    def sync(self) -> None:
        self.synced_names = dict(self.names)
        self.synced = Left(self.mode, self.owner, None)

    def left(self, what: str) -> Left:
        return self.synced if what == "synced" else Left(self.mode, self.owner, None)


class Disk:
    """A disk in use. Paths are absolute; folders that nobody made are taken to have been there."""

    def __init__(self) -> None:
        self.root = Folder(given=True)
        self.last = self.root  # the folder whose names changed last

    # --- finding ---

    def folder(self, path: str) -> Folder:
        """The folder of this path; where there is none it was always there."""
        here = self.root
        for name in filter(None, path.split("/")):
            if name not in here.names:
                here.names[name] = here.synced_names[name] = Folder(given=True)
            beneath = here.names[name]
            assert isinstance(beneath, Folder), f"{path}: {name} is no folder"
            here = beneath
        return here

    def find(self, path: str) -> File | Folder | None:
        above, name = self.place(path)
        return above.names.get(name) if name else self.root

    def file(self, path: str) -> File:
        found = self.find(path)
        assert isinstance(found, File), f"the model knows no file {path}"
        return found

    def place(self, path: str) -> tuple[Folder, str]:
        above, _, name = path.rpartition("/")
        return self.folder(above), name

    # --- what programs do ---

    def create(self, path: str, mode: int, owner: tuple[int, int] = (0, 0)) -> None:
        above, name = self.place(path)
        above.names[name] = File(mode, owner)
        self.last = above

    def mkdir(self, path: str, mode: int) -> None:
        above, name = self.place(path)
        above.names[name] = Folder(mode)
        self.last = above

    def write(self, path: str, data: bytes, offset: int | None = None) -> None:
        """offset: None appends."""
        file = self.file(path)
        at = len(file.data) if offset is None else offset
        half = data[: len(data) // 2]
        before, after = file.data[:at].ljust(at, b"\0"), file.data[at:]
        file.torn = before + half + after[len(half) :]
        file.data = before + data + after[len(data) :]

    def truncate(self, path: str, size: int) -> None:
        file = self.file(path)
        file.torn = file.data = file.data[:size].ljust(size, b"\0")

    def rename(self, old: str, new: str) -> None:
        (above, name), (there, called) = self.place(old), self.place(new)
        there.names[called] = above.names.pop(name)
        self.last = there

    def link(self, old: str, new: str) -> None:
        there, called = self.place(new)
        there.names[called] = self.file(old)
        self.last = there

    def unlink(self, path: str) -> None:
        above, name = self.place(path)
        del above.names[name]
        self.last = above

    def chmod(self, path: str, mode: int) -> None:
        found = self.find(path)
        assert found is not None, f"the model knows no {path}"
        found.mode = mode

    def chown(self, path: str, uid: int, gid: int) -> None:
        found = self.find(path)
        assert found is not None, f"the model knows no {path}"
        found.owner = (found.owner[0] if uid < 0 else uid, found.owner[1] if gid < 0 else gid)

    def fsync(self, path: str) -> None:
        found = self.find(path)
        assert found is not None, f"the model knows no {path}"
        found.sync()

    def sync(self) -> None:
        """As sync(2): all of it."""
        for node in list(self.nodes()):
            node.sync()

    def settle(self, path: str) -> None:
        """Make just this path last, its name in its folder too: for what is not on trial."""
        above, name = self.place(path)
        found = above.names.get(name)
        if found is None:
            above.synced_names.pop(name, None)
        else:
            above.synced_names[name] = found
            found.sync()

    # --- what is left ---

    def nodes(self) -> Iterator[File | Folder]:
        """Everything that has a name now."""
        todo: list[File | Folder] = [self.root]
        while todo:
            node = todo.pop()
            yield node
            if isinstance(node, Folder):
                todo += node.names.values()

    def tree(self, kept: set[Folder] | None, what: str) -> Tree:
        """The disk with the present names in the folders `kept` (None: in all), and of the data `what`."""
        found: Tree = {}

        def walk(path: str, folder: Folder) -> None:
            names = folder.names if kept is None or folder in kept else folder.synced_names
            for name, node in names.items():
                if not (isinstance(node, Folder) and node.given):
                    found[f"{path}/{name}"] = node.left(what)
                if isinstance(node, Folder):
                    walk(f"{path}/{name}", node)

        walk("", self.root)
        return found

    def now(self) -> Tree:
        """What programs see."""
        return self.tree(None, "written")

    def cuts(self) -> Iterator[tuple[str, Tree]]:
        """Every disk that a power cut may leave now, with words for it; some of them may be equal.

        Of the names those synced, or all; of the data what was synced, all with the last write of each file half done,
        or all. And, since folders reach the disk in any order, where several are ahead of it: the names of the folder
        that changed last and of no other, or of all others.
        """
        dirty = {node for node in self.nodes() if isinstance(node, Folder) and node.names != node.synced_names}
        for what in ("synced", "torn", "written"):
            yield f"names synced, data {what}", self.tree(set(), what)
            yield f"all names, data {what}", self.tree(None, what)
        if self.last in dirty and len(dirty) > 1:
            yield "names of the last folder", self.tree({self.last}, "synced")
            yield "names of the other folders", self.tree(dirty - {self.last}, "synced")
