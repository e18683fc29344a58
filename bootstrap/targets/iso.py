"""A folder of files as an ISO 9660 image with Rock Ridge and Joliet; equal files give equal bytes, at any time.

pycdlib writes the present time, in the local zone, into every record: here all dates are that of the roll-out.
"""

from __future__ import annotations

import importlib.util
import io
import time
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.errors import PayloadError, UsageError

SECTOR = 2048
# The way to get what images need.
INSTALL = "pip install 'initialrunner[iso]'"
# The dates of a volume descriptor: offset in its sector, and whether the image's own date stands there.
_VOLUME_DATES = {813: True, 830: True, 847: False, 864: False}
_FIRST_DESCRIPTOR, _LAST_DESCRIPTOR = 16, 255


def is_available() -> bool:
    """Whether images can be made here: pycdlib is an extra. It is not imported to know that."""
    return importlib.util.find_spec("pycdlib") is not None


def image(files: Mapping[str, bytes], label: str, deploy_id: str) -> bytes:
    """Return the image of these files (paths with slashes, no leading one). deploy_id: its time is the date of all.

    Raises UsageError where pycdlib is not installed.
    """
    pycdlib = _pycdlib()
    date = moment(deploy_id)
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=label, sys_ident="LINUX")
    # Names of plain ISO 9660 are short and upper-case, so files are numbered there. Linux reads those of Rock Ridge,
    # and Windows those of Joliet.
    places = {"": ""}
    for path in sorted(files):
        parents = path.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            folder = "/".join(parents[:depth])
            if folder not in places:
                above = places["/".join(parents[: depth - 1])]
                places[folder] = f"{above}/D{len(places):04d}"
                iso.add_directory(
                    places[folder], rr_name=parents[depth - 1], joliet_path=f"/{folder}", file_mode=0o040500
                )
    for number, path in enumerate(sorted(files)):
        folder, _, name = path.rpartition("/")
        iso.add_fp(
            io.BytesIO(files[path]), len(files[path]), f"{places[folder]}/F{number:04d}.;1",
            rr_name=name, joliet_path=f"/{path}", file_mode=0o100400,
        )  # fmt: skip
    for root in (iso.pvd.root_dir_record, iso.joliet_vd.root_dir_record):
        for record in _records(root):
            _set_dates(record, date)
    out = io.BytesIO()
    iso.write_fp(out)
    iso.close()
    # pycdlib has no setting for the dates of volume descriptors, so they are written over.
    data = bytearray(out.getvalue())
    for sector in range(_FIRST_DESCRIPTOR, len(data) // SECTOR):
        start = sector * SECTOR
        # Behind the last descriptor come path tables, where the same offsets mean something else.
        if data[start] == _LAST_DESCRIPTOR:
            break
        for offset, is_ours in _VOLUME_DATES.items():
            text = time.strftime("%Y%m%d%H%M%S00", date) if is_ours else "0" * 16
            data[start + offset : start + offset + 17] = text.encode() + b"\0"
    return bytes(data)


def read(data: bytes) -> tuple[str, dict[str, bytes]]:
    """Return (label, path -> content) of an image. Raises PayloadError for what is none, UsageError without pycdlib."""
    pycdlib = _pycdlib()
    iso = pycdlib.PyCdlib()
    try:
        iso.open_fp(io.BytesIO(data))
        label = iso.pvd.volume_identifier.decode("ascii", "replace").strip()
        files = {}
        for folder, _, names in iso.walk(rr_path="/"):
            for name in names:
                path = f"{folder.rstrip('/')}/{name}"
                out = io.BytesIO()
                iso.get_file_from_iso_fp(out, rr_path=path)
                files[path.lstrip("/")] = out.getvalue()
        iso.close()
    except Exception as error:
        # Damaged images make it raise whatever its parsers stumble over.
        raise PayloadError(f"the image cannot be read: {error}") from error
    return label, files


def is_image(data: bytes) -> bool:
    """Whether this looks like an ISO 9660 image."""
    return data[_FIRST_DESCRIPTOR * SECTOR + 1 : _FIRST_DESCRIPTOR * SECTOR + 6] == b"CD001"


def moment(deploy_id: str) -> time.struct_time:
    """The time at which a deploy id begins, UTC; a fixed one for an id that a person chose."""
    try:
        return time.strptime(deploy_id[:15], "%Y%m%dT%H%M%S")
    except ValueError:
        return time.gmtime(315532800)  # 1980, the beginning of time for many archives


def _records(record: Any) -> Iterator[Any]:
    """A directory record and all below it, `.` and `..` included."""
    yield record
    for child in record.children:
        is_real = child.is_dir() and not (child.is_dot() or child.is_dotdot())
        yield from _records(child) if is_real else (child,)


def _set_dates(record: Any, date: time.struct_time) -> None:
    dates = [record.date]
    if record.rock_ridge is not None:
        # Entries that found no room in a directory record continue elsewhere, with a time stamp of their own.
        stamps = [
            entries.tf_record for entries in (record.rock_ridge.dr_entries, record.rock_ridge.ce_entries) if entries
        ]
        names = ("creation_time", "access_time", "modification_time", "attribute_change_time")
        dates += [getattr(stamp, name) for stamp in stamps if stamp for name in names]
    for stamp in filter(None, dates):
        stamp.years_since_1900, stamp.month, stamp.day_of_month = date.tm_year - 1900, date.tm_mon, date.tm_mday
        stamp.hour, stamp.minute, stamp.second, stamp.gmtoffset = date.tm_hour, date.tm_min, date.tm_sec, 0


def _pycdlib() -> Any:
    try:
        import pycdlib
    except ImportError as error:
        raise UsageError("images need pycdlib, which is not installed", hint=INSTALL) from error
    return pycdlib
