"""The verbs of a roll-out through the real process, on a simulated cloud that outlives each of them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from shop import Shop, read_until, records, types

pytestmark = pytest.mark.integration
PACED = ", pace: 4"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


@pytest.fixture(scope="module")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop whose first release is in service."""
    shop = Shop(tmp_path_factory.mktemp("first") / "shop")
    done = shop.deploy()
    assert done.returncode == 0, done.stderr
    return shop.folder


@pytest.fixture
def serving(shop: Shop, first_release: Path) -> Shop:
    """A shop whose first release is in service."""
    shutil.copytree(first_release, shop.folder, dirs_exist_ok=True)
    return shop


def the_id(text: str) -> str:
    return text.partition("(deploy ")[2].partition(")")[0]


def test_a_second_deploy_replaces_the_servers_of_the_first(serving: Shop) -> None:
    before = serving.machines()
    done = serving.deploy("--set", "release=2")
    assert done.returncode == 0, done.stderr
    after = serving.machines()
    assert len(after) == 2
    assert set(after) & set(before) == set()
    assert serving.members() == after
    assert done.stdout.startswith("shop: done after ")
    assert f"    replace {before[0]} (deleted), {before[1]} (deleted)\n" in done.stdout
    assert f"{before[0]} drains in web\n" in done.stderr
    assert "   floor    2 up in each pool at any time; 2 serve now\n" in done.stderr


def test_a_dry_run_changes_nothing(shop: Shop) -> None:
    done = shop.run("deploy", "shop.yaml", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "(dry run: nothing is changed)" in done.stdout
    assert "4 changing calls: 2 create, 2 add.\n" in done.stdout
    assert shop.machines() == []
    assert not (shop.folder / "state").exists()
    assert json.loads(shop.run("deploy", "shop.yaml", "--dry-run", "--json").stdout)["calls"] == {"create": 2, "add": 2}


def test_a_stage_that_fails_is_taken_back_with_its_reason(tmp_path: Path) -> None:
    shop = Shop(tmp_path, reports=True)
    assert shop.deploy().returncode == 0
    before = shop.machines()
    done = shop.deploy("--set", "release=2", "--set", "fate=failed")
    assert done.returncode == 5, done.stderr
    assert shop.machines() == shop.members() == before
    tail = the_id(done.stdout)[-6:]
    assert done.stdout.splitlines()[0].endswith(f", since a server failed (deploy {the_id(done.stdout)})")
    assert re.search(rf"^  reason: shop-web-[12]-{tail} failed: stage app exits 7$", done.stdout, re.MULTILINE)
    assert "    | install: the package is broken\n    | exit 7\n" in done.stdout
    assert "2 new servers deleted; 2 old ones up, as before\n" in done.stdout
    assert f"  next: `bootstrap deploys {the_id(done.stdout)}` shows every step\n" in done.stdout


def test_a_deadline_that_passes_is_taken_back(serving: Shop) -> None:
    before = serving.machines()
    done = serving.deploy("--set", "fate=mute")
    assert (done.returncode, serving.machines(), serving.members()) == (6, before, before)
    assert "since a deadline passed" in done.stdout
    assert "does not answer" in done.stdout


def test_json_is_one_line_a_record_and_a_summary(serving: Shop) -> None:
    done = serving.deploy("--set", "release=2", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    lines = records(done.stdout)
    assert [record["seq"] for record in lines[:-1]] == [*range(1, len(lines))]
    assert (types(lines)[0], types(lines)[-2:]) == ("begun", ["ended", "summary"])
    assert (lines[-1]["code"], lines[-1]["result"], lines[-1]["owed"]) == (0, "done", {})


def test_all_that_cannot_work_is_refused_at_once(serving: Shop) -> None:
    before = serving.machines()
    serving.write(sim=", quota: 3")
    done = serving.deploy("--set", "fate=sunny")
    assert done.returncode == 4
    assert "the simulated cloud knows no fate 'sunny': write one of good, " in done.stderr
    assert "2 servers are needed at the same time and the quota has room for 1" in done.stderr
    assert done.stderr.count("error[deploy.preflight]: ") == 2
    assert serving.machines() == before
    problems = json.loads(serving.deploy("--set", "fate=sunny", "--json").stdout)["problems"]
    assert {problem["code"] for problem in problems} == {"deploy.preflight"}


def test_secrets_are_looked_for_before_anything(tmp_path: Path) -> None:
    shop = Shop(tmp_path, reports=True)
    spec = (shop.folder / "web.yaml").read_text()
    spec = spec.replace("health:", 'secrets: {token: "env:SHOP_TOKEN"}\nhealth:')
    (shop.folder / "web.yaml").write_text(spec)
    done = shop.run("deploy", "shop.yaml", "--yes", BOOTSTRAP_SECRET="")
    assert done.returncode == 4
    assert "SHOP_TOKEN" in done.stderr
    assert "no secret is given" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (shop.folder / "state/initialrunner/deploys").exists()


def test_a_file_that_is_wrong_is_a_spec_error(shop: Shop) -> None:
    (shop.folder / "shop.yaml").write_text("version: 1\nname: shop\ncloud: {servers: sim}\ntiers: []\nteirs: 1\n")
    done = shop.deploy()
    assert (done.returncode, "shop.yaml:5:1: error[" in done.stderr) == (3, True)


@pytest.mark.parametrize("words", [["deploy", "shop.yaml"], ["reap"], ["resume"]])
def test_nobody_answers_for_the_user(serving: Shop, words: list[str]) -> None:
    serving.write(sim=PACED)
    killed(serving, "gating")
    before = serving.world
    done = serving.run(*words)
    assert done.returncode == 2
    assert done.stderr == (
        "error[usage]: nobody can be asked whether to go on, since stdin is no terminal\n"
        "  say yes with --yes, or look first with --dry-run\n"
    )
    assert serving.world == before


def killed(shop: Shop, phase: str) -> str:
    """A deploy that a SIGKILL ends in this phase. Its id."""
    shop.write(sim=PACED)
    with shop.at_work() as process:
        deploy_id = read_until(process, type="begun")["deploy"]
        read_until(process, phase=phase)
        process.send_signal(signal.SIGKILL)
    # The clock of the rest jumps.
    shop.write()
    return str(deploy_id)


@pytest.mark.parametrize("phase", ["creating", "gating", "joining", "keeping"])
def test_a_killed_deploy_is_resumed(serving: Shop, phase: str) -> None:
    before = serving.machines()
    deploy_id = killed(serving, phase)
    assert f"shop  {deploy_id}" in serving.run("deploys").stdout.replace("  " * 2, "  ")
    assert "has not ended" in serving.run("deploys").stdout
    done = serving.run("resume", "--yes")
    assert done.returncode == 0, done.stderr
    assert the_id(done.stdout) == deploy_id
    assert len(serving.machines()) == 2
    assert serving.members() == serving.machines()
    assert set(serving.machines()) & set(before) == set()
    assert "every deploy of this machine has ended" in serving.run("resume", "--yes").stderr


def test_a_killed_deploy_is_taken_back_on_request(serving: Shop) -> None:
    before = serving.machines()
    deploy_id = killed(serving, "joining")
    done = serving.run("resume", deploy_id, "--rollback")
    assert done.returncode == 5, done.stderr
    assert serving.members() == serving.machines() == before
    assert "`resume --rollback` was asked for" in done.stdout


def test_without_any_state_the_marks_are_enough(serving: Shop) -> None:
    """A CI job is killed, and its disk is gone."""
    before = serving.machines()
    deploy_id = killed(serving, "gating")
    shutil.rmtree(serving.folder / "state")
    assert serving.run("reap", "--yes").returncode == 2
    looked = serving.run("reap", "--file", "shop.yaml", "--dry-run")
    assert looked.returncode == 0, looked.stderr
    assert looked.stdout.startswith(f"deploy {deploy_id} has not come through\n  deletes shop-web-1-{deploy_id[-6:]}: ")
    assert len(serving.machines()) == 4
    done = serving.run("reap", "--file", "shop.yaml", "--yes")
    assert done.returncode == 5, done.stderr
    assert serving.members() == serving.machines() == before
    # It can be said again, and there is nothing to do.
    assert "nothing is to be deleted" in serving.run("reap", "--file", "shop.yaml", "--yes").stdout


def test_resume_with_a_file_goes_by_the_marks_too(serving: Shop) -> None:
    before = serving.machines()
    deploy_id = killed(serving, "gating")
    shutil.rmtree(serving.folder / "state")
    done = serving.run("resume", deploy_id, "--file", "shop.yaml", "--yes")
    assert (done.returncode, serving.machines()) == (5, before), done.stderr


def test_values_of_the_command_line_are_given_again_with_a_file(serving: Shop) -> None:
    deploy_id = killed(serving, "gating")
    shutil.rmtree(serving.folder / "state")
    refused = serving.run("reap", "--set", "release=1", "--dry-run")
    assert refused.returncode == 2 and "--set and --values go with --file" in refused.stderr
    looked = serving.run("reap", "--file", "shop.yaml", "--set", "release=3", "--dry-run")
    assert looked.returncode == 0 and deploy_id in looked.stdout, looked.stderr
    wrong = serving.run("reap", "--file", "shop.yaml", "--set", "relase=3", "--dry-run")
    assert wrong.returncode == 3 and "did you mean release?" in wrong.stderr


def test_what_is_left_is_swapped_back_or_reaped(serving: Shop) -> None:
    before = serving.machines()
    left = serving.deploy("--set", "release=2", "--leave-old")
    assert left.returncode == 0, left.stderr
    assert "  next: `bootstrap deploy shop.yaml --previous` swaps the old servers back" in left.stdout
    assert len(serving.machines()) == 4
    back = serving.deploy("--previous", "--leave-old")
    assert back.returncode == 0, back.stderr
    assert serving.members() == before
    assert "2 of 2 swapped back" in back.stdout
    reaped = serving.run("reap", "--yes")
    assert serving.machines() == before, reaped.stdout + reaped.stderr


def test_what_was_replaced_is_reaped(serving: Shop) -> None:
    before = serving.machines()
    left = serving.deploy("--set", "release=2", "--leave-old")
    done = serving.run("reap", the_id(left.stdout), "--yes")
    assert done.returncode == 0, done.stderr
    assert f"  deletes {before[0]}: deploy {the_id(left.stdout)} has replaced it\n" in done.stdout
    assert serving.members() == serving.machines()
    assert set(serving.machines()) & set(before) == set()


def test_previous_makes_the_old_release_again_once_its_servers_are_gone(serving: Shop) -> None:
    first = records(serving.run("deploys", "--json").stdout.replace("\n", ""))[0][0]
    assert serving.deploy("--set", "release=2").returncode == 0
    done = serving.deploy("--previous")
    assert done.returncode == 0, done.stderr
    assert f"revision {first['revisions']['web']}" in done.stdout
    assert "2 of 2 made" in done.stdout


def test_there_may_be_nothing_to_go_back_to(serving: Shop) -> None:
    done = serving.deploy("--previous")
    assert (done.returncode, "there is no deploy of shop to go back to" in done.stderr) == (2, True)


def interrupted(shop: Shop, times: int) -> tuple[subprocess.Popen[str], str, str]:
    """A deploy that gets SIGINT in its gate, the second one while it turns back. What it printed."""
    shop.write(sim=PACED)
    with shop.at_work() as process:
        read_until(process, phase="gating")
        process.send_signal(signal.SIGINT)
        if times == 2:
            read_until(process, type="turned")
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        return process, out, err


def test_ctrl_c_takes_it_back(serving: Shop) -> None:
    before = serving.machines()
    process, out, err = interrupted(serving, 1)
    assert process.returncode == 130, err
    assert records(out)[-1]["reason"] == "the user asked for the end"
    assert serving.members() == serving.machines() == before


def test_the_second_ctrl_c_leaves_it_and_says_how_to_go_on(serving: Shop) -> None:
    before = serving.machines()
    process, out, err = interrupted(serving, 2)
    assert process.returncode == 130
    last = records(out)[-1]
    assert (last["type"], last["next"]) == ("left", f"bootstrap resume {last['deploy']}")
    assert err.splitlines() == [
        "stopped at once: nothing was undone, and the servers stay as they are",
        f"  next: `bootstrap resume {last['deploy']}` goes on; with --rollback it turns back",
    ]
    serving.write()
    # It had turned back, and goes on with that.
    assert serving.run("resume", last["deploy"]).returncode == 130
    assert serving.members() == serving.machines() == before


def test_two_at_once_one_is_refused_with_the_name_of_the_other(serving: Shop) -> None:
    serving.write(sim=PACED)
    with serving.at_work() as process:
        deploy_id = read_until(process, type="begun")["deploy"]
        read_until(process, phase="gating")
        before = serving.machines()
        loser = serving.deploy("--set", "release=3")
    assert (loser.returncode, f"process {process.pid}, deploy {deploy_id}" in loser.stderr) == (4, True), loser.stderr
    assert serving.machines() == before


def test_a_reader_that_goes_away_ends_no_roll_out(serving: Shop) -> None:
    before = serving.machines()
    with serving.at_work() as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(120) == 0
    assert set(serving.machines()) & set(before) == set()


def test_the_history_lists_them_and_shows_the_steps_of_one(serving: Shop) -> None:
    second = the_id(serving.deploy("--set", "release=2").stdout)
    listed = serving.run("deploys")
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert rows[0] == ["WHEN", "NAME", "DEPLOY", "REVISION", "OUTCOME", "OWED"]
    assert (rows[1][2:4], rows[1][5:]) == (["shop", second], ["done", "-"])
    assert len(rows) == 3
    for name in second, second[-6:]:
        shown = serving.run("deploys", name)
        assert shown.returncode == 0
        assert shown.stdout.splitlines()[0].endswith(f"  deploy {second} of shop begins")
        assert "shop: done after " in shown.stdout
    facts = json.loads(serving.run("deploys", second, "--json").stdout)
    assert (facts["code"], types(facts["records"])[0], types(facts["records"])[-1]) == (0, "begun", "ended")
    unknown = serving.run("deploys", "nonesuch")
    assert (unknown.returncode, unknown.stderr.splitlines()[0]) == (
        2, "error[usage]: this machine knows no deploy nonesuch"
    )  # fmt: skip


def test_values_from_a_file_are_kept_for_a_resume(serving: Shop) -> None:
    (serving.folder / "more.yaml").write_text("release: '7'\n")
    serving.write(sim=PACED)
    with serving.at_work("--values", "more.yaml") as process:
        deploy_id = read_until(process, type="begun")["deploy"]
        read_until(process, phase="gating")
    (serving.folder / "more.yaml").unlink()
    done = serving.run("resume", deploy_id)
    assert done.returncode == 0, done.stderr


def test_without_deploys_the_history_says_so(shop: Shop) -> None:
    done = shop.run("deploys")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "this machine has made no deploy yet\n")


def test_simulate_counts_and_tells(shop: Shop) -> None:
    done = shop.run("simulate", "--seeds", "20", "--jobs", "1", "--json")
    facts = json.loads(done.stdout)
    assert facts["seeds"] == 20
    assert (done.returncode, facts["broken"] > 0) in ((0, False), (5, True))
    stories = [shop.run("simulate", "--seed", "3").stdout for _ in range(2)]
    assert stories[0] == stories[1]
    assert stories[0].startswith("seed 3\n")


def test_a_deploy_that_has_ended_is_not_gone_on_with(serving: Shop) -> None:
    before = serving.world
    deploy_id = serving.run("deploys", "--json").stdout.partition('"deploy": "')[2].partition('"')[0]
    for words in ([], ["--rollback"]):
        done = serving.run("resume", deploy_id, *words)
        assert (done.returncode, f"deploy {deploy_id} has ended: done" in done.stderr) == (2, True)
    assert serving.world == before


def test_a_deploy_that_another_one_has_overtaken_is_not_gone_on_with(serving: Shop) -> None:
    """Its old servers are gone, and its new ones would come into the pools beside those of the later one."""
    deploy_id = killed(serving, "joining")
    later = serving.deploy("--set", "release=3")
    assert later.returncode == 0, later.stderr
    before = serving.machines()
    done = serving.run("resume", deploy_id)
    assert done.returncode == 2
    assert f"deploy {deploy_id} was overtaken by deploy {the_id(later.stdout)}\n" in done.stderr
    assert serving.machines() == before


def test_what_is_owed_is_listed_until_it_is_paid(serving: Shop) -> None:
    """A cloud that refuses to delete a server, and does so after it was mended."""
    kept = serving.machines()[0]
    keep(serving, kept, "refused")
    done = serving.deploy("--set", "release=2")
    assert done.returncode == 7, done.stderr
    assert f"  owed: {kept}: its deletion failed: " in done.stdout
    assert f"  next: `bootstrap reap {the_id(done.stdout)}` removes what is owed\n" in done.stdout
    assert serving.run("deploys").stdout.splitlines()[1].split()[-1] == "1"
    keep(serving, kept, "")
    paid = serving.run("reap", the_id(done.stdout), "--yes")
    assert paid.returncode == 0, paid.stderr
    assert kept not in serving.machines()
    assert serving.run("deploys").stdout.splitlines()[1].split()[-2:] == ["done", "-"]


def keep(shop: Shop, name: str, how: str) -> None:
    """Make the cloud keep a server that somebody wants to delete."""
    world = shop.world
    for machine in world["machines"]:
        if machine["name"] == name:
            machine["keeps"] = how
    (shop.folder / "cloud.json").write_text(json.dumps(world))
