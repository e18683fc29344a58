"""The live view as text: every width and height."""

from __future__ import annotations

import pytest
from rollouts import DEPLOY, EARLIER, Story, gated, new_name, old_server, plan, rolled_back, swapped, tier

from bootstrap.deploy.model import DeployPlan, OldServer
from bootstrap.deploy.progress import Progress
from bootstrap.deploy.view import cells, fit, phase_text, view


def after(story: Story, roll_out: DeployPlan | None = None) -> Progress:
    progress = Progress(roll_out or plan())
    for record in story.records:
        progress.take(record)
    return progress


def texts(progress: Progress, columns: int = 80, rows: int = 24, later_s: float = 5.0) -> list[str]:
    return [line.text for line in view(progress, columns, rows, progress.at + later_s)]


def test_each_server_and_each_pool_has_a_line() -> None:
    assert texts(after(gated())) == [
        f"shop  deploy {DEPLOY}  14s",
        "web: waiting until the new servers have proven themselves, at most 14m47s more",
        "    1  shop-web-1-ab12cd    7.0s  -                passed its probe",
        "    2  shop-web-2-ab12cd    5.0s  -                passed its probe",
        "  old  shop-web-1-99ffee     14s  10.0.0.1         serving",
        "  old  shop-web-2-99ffee     14s  10.0.0.2         serving",
        "  pool web: 0 new and 2 old up; floor 2",
    ]


def test_after_the_swap_the_new_ones_serve() -> None:
    assert texts(after(swapped()))[1:] == [
        "web: taking the old servers out of the pools",
        "    1  shop-web-1-ab12cd   1m08s  10.0.0.11        up",
        "    2  shop-web-2-ab12cd   1m08s  10.0.0.12        up",
        "  old  shop-web-1-99ffee    5.0s  10.0.0.1         out of its pools",
        "  old  shop-web-2-99ffee    5.0s  10.0.0.2         out of its pools",
        "  pool web: 2 new and 0 old up; floor 2",
    ]


def test_a_deadline_that_has_passed_is_said() -> None:
    assert phase_text(after(gated()), gated().at + 2000).endswith("themselves, its deadline has passed")


def test_tiers_and_batches_are_counted_where_there_are_several() -> None:
    roll_out = plan(tier(name="db"), tier(count=4, batch=2))
    story = Story().add("begun").add("phase", tier="web", phase="creating", slots=[3, 4])
    assert phase_text(after(story, roll_out), story.at) == "web (2 of 2): asking for new servers, batch 2"


@pytest.mark.parametrize("columns", [20, 40, 79, 80, 132])
@pytest.mark.parametrize("rows", [1, 3, 5, 10, 24])
def test_no_line_is_too_wide_and_none_too_many(columns: int, rows: int) -> None:
    story = gated().add("seen", server=new_name(1), state="the probe: " + "x" * 200)
    lines = texts(after(story), columns, rows)
    assert len(lines) <= rows
    assert max(len(line) for line in lines) <= columns


def many(count: int) -> tuple[DeployPlan, Story]:
    old = tuple(OldServer(f"i{n}", f"shop-web-{n}-99ffee", f"10.0.1.{n}", EARLIER, ("web",)) for n in range(1, count))
    story = Story().add("begun").add("phase", tier="web", phase="creating", slots=[*range(1, count + 1)])
    for slot in range(1, count + 1):
        story.created(slot)
    return plan(tier(count=count, floor=count - 1, old=old)), story


def test_with_200_servers_those_to_look_at_keep_their_lines() -> None:
    roll_out, story = many(200)
    story.add("seen", server=new_name(177), state="the cloud says ERROR and gives no reason")
    story.call("drain", pool="web", server="shop-web-3-99ffee")
    lines = texts(after(story, roll_out), rows=20)
    assert len(lines) == 20
    assert any("shop-web-177-ab12cd" in line for line in lines)
    assert any(line == "  … and 383 more: 198 serving, 184 building, 1 draining" for line in lines), lines
    assert lines[-1] == "  pool web: 0 new and 198 old up, 1 draining; floor 199"


def test_a_failed_server_is_bad_and_a_pool_below_its_floor_too() -> None:
    progress = after(rolled_back())
    progress.take({"type": "seen", "server": new_name(1), "state": "the server is gone", "at": progress.at})
    tones = {line.text.split()[1]: line.tone for line in view(progress, 80, 24, progress.at)[2:-1]}
    assert tones[new_name(1)] == "bad"
    assert tones[old_server(1).name] == "good"
    story = gated().call("drain", pool="web", server=old_server(1).name)
    assert view(after(story), 80, 24, story.at)[-1].tone == "bad"


def test_no_control_character_of_a_host_reaches_the_terminal() -> None:
    story = gated().add("seen", server=new_name(1), state="the probe: \x1b[31m\r\n\x9b2J\u202e")
    assert all(line.isprintable() for line in texts(after(story), 200))


@pytest.mark.parametrize(
    ("text", "columns", "kept"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("", 0, ""),
    ],
)
def test_wide_characters_take_two_cells(text: str, columns: int, kept: str) -> None:
    assert fit(text, columns) == kept
    assert sum(map(cells, fit(text, columns))) <= max(columns, 0)
