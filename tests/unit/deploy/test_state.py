"""The folders of roll-outs: what is kept, for whom, and which one is the newest, the unended, the good one before."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from deploy_files import GATE, HEAD, lay

from bootstrap.deploy import sources
from bootstrap.deploy.journal import FileLog, Journal
from bootstrap.deploy.plan import make_plan
from bootstrap.deploy.state import Deploys, Folder
from bootstrap.errors import UsageError


@pytest.fixture
def deploys(tmp_path: Path) -> Deploys:
    return Deploys(tmp_path / "state" / "deploys")


def begun(deploys: Deploys, deploy_id: str, name: str = "shop", code: int | None = None) -> Folder:
    """A roll-out with its plan and sources, and with a journal that ended with this exit code."""
    folder = deploys.make(deploy_id)
    path = lay(deploys.path.parent.parent, HEAD.replace("shop", name) + f"tiers:\n  - {{spec: web.yaml, {GATE}}}\n")
    deploy_file, kept = sources.record(path)
    folder.keep(make_plan(deploy_file, deploy_id, {}), kept)
    journal = Journal(FileLog(folder.journal), lambda: 0.0)
    journal.add("begun", deploy=deploy_id, name=name, tiers=[])
    if code is not None:
        journal.add("ended", code=code)
    return folder


def test_a_roll_out_is_kept_for_its_owner_alone(deploys: Deploys) -> None:
    folder = begun(deploys, "20261130T120000-abcdef")
    assert folder.deploy_id == "20261130T120000-abcdef"
    assert {path.name for path in folder.path.iterdir()} == {"plan.json", "journal", "sources"}
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (deploys.path, folder.path, folder.path / "sources")}
    assert set(modes.values()) == {0o700}
    assert stat.S_IMODE((folder.path / "plan.json").stat().st_mode) == 0o600
    assert deploys.find(folder.deploy_id).plan() == folder.plan()
    assert deploys.find(folder.deploy_id).sources().load().name == "shop"


def test_an_id_is_used_once(deploys: Deploys) -> None:
    begun(deploys, "d-1")
    with pytest.raises(UsageError, match="the deploy id d-1 is used already") as caught:
        deploys.make("d-1")
    assert caught.value.hint == "bootstrap resume d-1"


@pytest.mark.parametrize("deploy_id", ["../d", "", "a/b", "."])
def test_an_id_leads_to_no_other_folder(deploys: Deploys, deploy_id: str) -> None:
    deploys.path.mkdir(parents=True)
    with pytest.raises(UsageError, match="is not a name"):
        deploys.make(deploy_id)
    with pytest.raises(UsageError, match="this machine knows no deploy"):
        deploys.find(deploy_id)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_change_is_not_trusted(deploys: Deploys, mode: int) -> None:
    folder = begun(deploys, "d-1")
    folder.path.chmod(mode)
    with pytest.raises(UsageError, match=r"d-1 can be changed by others") as caught:
        deploys.find("d-1")
    assert caught.value.hint == f"look at it, then: chmod 700 {folder.path}"


def test_roll_outs_are_listed_the_newest_first_and_by_their_file(deploys: Deploys) -> None:
    assert deploys.all() == []
    for deploy_id, name in (("20261128T1-a", "shop"), ("20261130T1-a", "blog"), ("20261129T1-a", "shop")):
        begun(deploys, deploy_id, name)
    # It was killed before it had a plan, and so before it made anything.
    deploys.make("20261201T1-a")
    assert [folder.deploy_id for folder in deploys.all()] == ["20261130T1-a", "20261129T1-a", "20261128T1-a"]
    assert [folder.deploy_id for folder in deploys.of("shop")] == ["20261129T1-a", "20261128T1-a"]


def test_the_newest_that_has_not_ended_is_resumed(deploys: Deploys) -> None:
    begun(deploys, "1-a", code=0)
    begun(deploys, "2-a")
    begun(deploys, "3-a", code=5)
    unended = deploys.unended()
    assert unended is not None
    assert unended.deploy_id == "2-a"


def test_all_that_ended_leave_nothing_to_resume(deploys: Deploys) -> None:
    begun(deploys, "1-a", code=0)
    assert deploys.unended() is None


def test_the_previous_one_is_the_good_one_before_that_in_service(deploys: Deploys) -> None:
    for deploy_id, name, code in (
        ("1-a", "shop", 0), ("2-a", "shop", 0), ("3-a", "shop", 5), ("4-a", "blog", 0), ("5-a", "shop", 0),
        ("6-a", "shop", 6), ("7-a", "shop", None),
    ):  # fmt: skip
        begun(deploys, deploy_id, name, code)
    assert [folder.deploy_id for folder in deploys.good("shop")] == ["5-a", "2-a", "1-a"]
    previous = deploys.previous("shop")
    assert previous is not None
    assert previous.deploy_id == "2-a"
    assert deploys.previous("blog") is None
    assert deploys.previous("none") is None


def test_a_roll_out_that_goes_on_after_its_end_has_not_ended(deploys: Deploys) -> None:
    folder = begun(deploys, "1-a", code=0)
    assert folder.code == 0
    journal = Journal(FileLog(folder.journal), lambda: 0.0)
    journal.add("turned", reason="asked for")
    assert folder.code is None
    journal.add("ended", code=5)
    assert folder.code == 5


def test_a_journal_is_read_while_a_deployer_writes_it(deploys: Deploys) -> None:
    folder = begun(deploys, "1-a", code=0)
    whole = folder.journal.read_bytes()
    folder.journal.write_bytes(whole + b'{"type": "ph')
    assert [record["type"] for record in folder.records()] == ["begun", "ended"]
    assert folder.journal.read_bytes() == whole + b'{"type": "ph'


def test_a_damaged_plan_hides_no_other_roll_out(deploys: Deploys) -> None:
    begun(deploys, "1-a", code=0)
    folder = begun(deploys, "2-a", code=0)
    (folder.path / "plan.json").write_text("{")
    assert [good.deploy_id for good in deploys.good("shop")] == ["1-a"]
    with pytest.raises(UsageError, match=r"2-a/plan.json is not the plan of a roll-out"):
        folder.plan()


def test_a_state_folder_that_cannot_be_made_is_told_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file/deploys/d-1: not a directory") as caught:
        Deploys(tmp_path / "file/deploys").make("d-1")
    assert caught.value.hint == "set XDG_STATE_HOME to a folder that can be written"


def test_the_plan_is_replaced_at_once_or_not_at_all(deploys: Deploys, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begun(deploys, "1-a")
    before = (folder.path / "plan.json").read_bytes()

    def no_room(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(UsageError, match="no space left on device"):
        folder.write_plan(folder.plan())
    assert (folder.path / "plan.json").read_bytes() == before
