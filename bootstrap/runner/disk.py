"""Files and folders of this machine. A name that another user could have planted never leads the runner astray."""

import errno
import os
import stat

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Disk:
    """Reads and writes regular files. Paths are absolute; data is bytes."""

    def folder(self, path, make=False):
        """Return a descriptor of a folder. make: folders that are missing on the way are made. Raises OSError.

        The path is walked name by name. A link on the way is followed only where both the link and the folder that
        holds it are root's and nobody else can write there (merged /usr, /etc/rc.local on RHEL).
        """
        fd, names, links = os.open("/", FOLDER), path.split("/"), 0
        try:
            while names:
                name = names.pop(0)
                if name in ("", "."):
                    continue
                try:
                    is_link = stat.S_ISLNK(os.lstat(name, dir_fd=fd).st_mode)
                except FileNotFoundError:
                    if not make:
                        raise
                    os.mkdir(name, 0o755, dir_fd=fd)
                    # The new name lives in its parent: without this a power cut could take the folder and all in it.
                    os.fsync(fd)
                    is_link = False
                if is_link:
                    self.trust_link(fd, name, path)
                    links += 1
                    target = os.readlink(name, dir_fd=fd)
                    names = target.split("/") + names
                    # The kernel's own limit. Links of root's that lead in a circle would hold the runner for ever.
                    if links > 40:
                        raise OSError(errno.ELOOP, "too many links", path)
                    name = "/" if target.startswith("/") else "."
                # FOLDER has O_NOFOLLOW: a folder that was replaced by a link since the look is refused here.
                beneath = os.open(name, FOLDER, dir_fd=fd)
                os.close(fd)
                fd = beneath
        except OSError:
            os.close(fd)
            raise
        return fd

    def trust_link(self, fd, name, path):
        """Raise PermissionError for a link, `name` in the open folder `fd`, that another user could have made."""
        folder, link = os.fstat(fd), os.lstat(name, dir_fd=fd)
        if folder.st_uid or link.st_uid or folder.st_mode & 0o022:
            raise PermissionError(errno.EPERM, "a link that others could have made", path)

    def open(self, path, flags=os.O_RDONLY, mode=0o600, make=False):
        """Return a descriptor of a regular file. A link in place of the file itself is refused. Raises OSError."""
        folder, name = os.path.split(path)
        parent = self.folder(folder, make)
        try:
            # Without O_NONBLOCK a FIFO planted under the name would hold the runner for ever.
            fd = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, mode, dir_fd=parent)
        finally:
            os.close(parent)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", path)
        return fd

    def existing(self, path):
        """Return a descriptor of a regular file, or None when nothing has that name. Raises OSError."""
        try:
            return self.open(path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, path):
        """Return (bytes, stat result) of a regular file, None when it is not there.

        Both come through one descriptor, so the owner and the mode are those of the very bytes that were read.
        """
        fd = self.existing(path)
        if fd is None:
            return None
        with os.fdopen(fd, "rb") as file:
            return file.read(), os.fstat(fd)

    def look(self, path):  # for: owners
        """Return the stat result of a regular file, None when it is not there."""
        fd = self.existing(path)
        if fd is None:
            return None
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def text(self, path):
        """Return the text of a small file, "" when it cannot be read. It follows links, of which /proc is full."""
        try:
            with open(path, "rb") as file:
                return file.read(1 << 20).decode("utf-8", "replace")
        except OSError:
            return ""

    def save(self, path, data, mode=0o600, uid=0, gid=0, durable=True):
        """Put a whole file in place, replacing what has its name: readers see the old file or the new one, no mixture.

        durable: it outlives a power cut. Raises OSError.
        """
        folder, name = os.path.split(path)
        parent = self.folder(folder, True)
        temporary = ".%s.initialrunner" % name
        try:
            try:
                os.unlink(temporary, dir_fd=parent)
            except FileNotFoundError:
                pass
            # Made as 0600, and given its owner and mode before the first byte: others can never read a secret in it.
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
            with os.fdopen(fd, "wb") as file:
                os.fchown(fd, uid, gid)
                os.fchmod(fd, mode)  # after chown, which takes set-id bits away
                file.write(data)
                file.flush()
                # Before the rename: else a power cut could leave the final name on an empty file.
                if durable:
                    os.fsync(fd)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            # After the rename: the folder holds the name, and only its own sync makes that last.
            if durable:
                os.fsync(parent)
        except OSError:
            # In /etc/cron.d a half-written file would be a second entry for a cron that reads every name.
            try:
                os.unlink(temporary, dir_fd=parent)
            except OSError:
                pass
            raise
        finally:
            os.close(parent)

    def settle(self, path):
        """Sync a file and each folder on the way to it: agents that inject files sync nothing. Raises OSError."""
        fd = self.open(path)
        os.fsync(fd)
        os.close(fd)
        while path != "/":
            path = os.path.dirname(path)
            fd = self.folder(path)
            os.fsync(fd)
            os.close(fd)

    def remove(self, path):
        """Unlink a file so that it stays away after a power cut. A file that is gone already is fine."""
        folder, name = os.path.split(path)
        try:
            parent = self.folder(folder)
        except OSError:
            return
        try:
            os.unlink(name, dir_fd=parent)
            os.fsync(parent)
        except FileNotFoundError:
            pass
        finally:
            os.close(parent)

    def list(self, path):
        """Return the sorted names in a folder, none when it cannot be read."""
        try:
            return sorted(os.listdir(path))
        except OSError:
            return []
