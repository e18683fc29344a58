"""BIOS or UEFI, as the partition table says, and OVMF named as missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.trial import firmware
from bootstrap.trial.firmware import BIOS_BOOT, EFI_SYSTEM, Firmware
from bootstrap.trial.layout import Layout, Partition

CASES = [
    ("gpt", True, [BIOS_BOOT, EFI_SYSTEM], Firmware.BIOS),
    ("gpt", False, [EFI_SYSTEM], Firmware.UEFI),
    # Both partitions, and GRUB was installed for UEFI only.
    ("gpt", False, [BIOS_BOOT, EFI_SYSTEM], Firmware.UEFI),
    ("gpt", False, [EFI_SYSTEM.lower()], Firmware.UEFI),
    ("gpt", False, ["0FC63DAF-8483-4772-8E79-3D69D8477DE4"], Firmware.NONE),
    ("gpt", True, ["0FC63DAF-8483-4772-8E79-3D69D8477DE4"], Firmware.BIOS),
    ("dos", True, ["83"], Firmware.BIOS),
    ("dos", True, ["ef", "83"], Firmware.BIOS),
    ("dos", False, ["ef", "83"], Firmware.UEFI),
    ("dos", False, ["83"], Firmware.NONE),
]


@pytest.mark.parametrize(("label", "has_code", "types", "wanted"), CASES)
def test_the_table_says_what_starts_a_disk(label: str, has_code: bool, types: list[str], wanted: Firmware) -> None:
    partitions = tuple(Partition(n, n << 20, 1 << 20, kind, "ext4") for n, kind in enumerate(types, 1))
    assert firmware.wanted(Layout(label, has_code, partitions)) is wanted


def test_the_first_ovmf_of_which_both_files_are_there_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [(str(tmp_path / f"code{n}"), str(tmp_path / f"vars{n}")) for n in range(3)]
    monkeypatch.setattr(firmware, "OVMF", names)
    for path in (names[0][0], *names[1], *names[2]):
        Path(path).touch()
    assert firmware.ovmf() == (tmp_path / "code1", tmp_path / "vars1")


def test_a_missing_ovmf_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmware, "OVMF", ())
    with pytest.raises(UsageError, match="the image boots by UEFI, and OVMF is missing on this machine") as error:
        firmware.ovmf()
    assert error.value.hint == "apt-get install ovmf"
