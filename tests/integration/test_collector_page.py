"""The dashboard in a real browser, and its login without one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import requests
from collector_process import TOKEN, CollectorProcess, assert_error
from reports import failed_story, healthy_story

BROWSER = shutil.which("chromium")


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture
def visitor() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["accept"] = "text/html"
        yield session


def test_a_visitor_logs_in_and_sees_the_servers(collector: CollectorProcess, visitor: requests.Session) -> None:
    collector.report(failed_story(), server="seen")
    arrived = visitor.get(collector.url, timeout=20)
    assert (arrived.url, arrived.status_code) == (f"{collector.url}/login", 200)
    wrong = visitor.post(f"{collector.url}/login", data={"token": "wrong"}, timeout=20)
    assert wrong.status_code == 401 and "not the token" in wrong.text and not visitor.cookies
    page = visitor.post(f"{collector.url}/login", data={"token": TOKEN}, timeout=20)
    assert (page.url, page.status_code) == (f"{collector.url}/", 200)
    assert 'data-server="seen"' in page.text
    assert "E: Unable to locate package nope" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_cookie_is_not_for_scripts_nor_for_other_sites(collector: CollectorProcess) -> None:
    answer = collector.ask("POST", "/login", token=False, data={"token": TOKEN})
    assert answer.status_code == 303
    parts = [part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]]
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= set(parts)
    assert TOKEN not in answer.headers["set-cookie"]


def test_a_program_that_logs_in_wrongly_gets_the_error_shape(collector: CollectorProcess) -> None:
    assert_error(collector.ask("POST", "/login", token=False, data={"token": "x"}), 401, "unauthorised")


@pytest.mark.parametrize(("name", "kind"), [("dashboard.css", "text/css"), ("dashboard.js", "text/javascript")])
def test_the_pages_own_files_are_served(collector: CollectorProcess, name: str, kind: str) -> None:
    answer = collector.ask("GET", f"/assets/{name}", token=False)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.integration
@pytest.mark.skipif(BROWSER is None, reason="no chromium: apt-get install chromium")
def test_a_browser_follows_a_server_live(collector: CollectorProcess) -> None:
    from playwright.sync_api import expect, sync_playwright

    story = healthy_story("packages", "site")
    with sync_playwright() as play, play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"]) as browser:
        page = browser.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.goto(collector.url)
        page.fill("#token", TOKEN)
        page.click("button")
        expect(page.locator("#live")).to_have_class("on")
        row = page.locator("[data-server=live-1]")
        expect(row).to_have_count(0)
        # A new server, its stages, and its end appear without a reload.
        collector.report(story[:3], server="live-1")
        expect(row.locator(".stage.running")).to_have_text("packagesrunning")
        collector.report(story[3:], server="live-1")
        expect(row.locator(".state")).to_have_text("healthy")
        expect(row.locator(".stage.done")).to_have_count(2)
        # An open log stays open while other rows come and go; nothing of it is markup.
        evil = "<img src=x onerror=document.title='owned'>\nerror: <b>bold</b>"
        collector.report(failed_story(tail=evil), server="live-2")
        log = page.locator("[data-server=live-2] details")
        log.locator("summary").click()
        collector.report(healthy_story("a"), server="live-3")
        expect(page.locator("[data-server=live-3]")).to_have_count(1)
        expect(log).to_have_attribute("open", "")
        expect(log.locator("pre")).to_have_text(evil)
        assert page.title() != "owned"
        # The one stop that a page has: it says that it is not live any more.
        collector.stop()
        expect(page.locator("#live")).not_to_have_class("on")
        expect(row).to_have_count(1)
    assert [text for text in wrong if "ERR_CONNECTION_REFUSED" not in text and "ERR_INCOMPLETE" not in text] == []
