"""The pages on GitLab CI and GitHub Actions: their jobs run as they stand, with a real Nova, collector and server."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import ci_jobs
import pytest
import reports
import sdk_pages
import venvs
from box import Box, needs_root
from ci_jobs import Ended, Job, Pipeline
from collector_process import TOKEN, CollectorProcess, until
from nova import FLAVOR, IMAGE, Nova, Spawned

from bootstrap.payload.bundle import unpack

pytestmark = [pytest.mark.integration, needs_root]
WEB_TOKEN = "web-token-7f3a"
SCHEMAS = {"gitlab-ci.md": "vendor.gitlab-ci", "github-actions.md": "vendor.github-workflows"}
FILES = {"gitlab-ci.md": ".gitlab-ci.yml", "github-actions.md": "deploy.yml"}


@dataclass(frozen=True)
class Site:
    """A page's files, its jobs by name, and what runs them."""

    jobs: Mapping[str, Job]
    pipeline: Pipeline
    nova: Nova

    def run(self, name: str) -> Ended:
        return self.pipeline.run(self.jobs[name])

    def create(self) -> Spawned:
        """Run the job that creates the server; what Nova's driver got of it."""

        def make() -> Spawned:
            ended = self.run("create")
            assert ended.result == "success", ended.text
            return self.nova.built()

        return self.nova.twice(make)

    def servers(self) -> int:
        _, listing = self.nova.request("GET", "/servers")
        return len(listing["servers"])


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[CollectorProcess]:
    folder = tmp_path / "collector"
    folder.mkdir()
    with CollectorProcess(folder) as running:
        yield running


@pytest.fixture(params=sorted(SCHEMAS))
def page(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(page: str, nova: Nova, collector: CollectorProcess, tmp_path: Path) -> Site:
    repository, programs = tmp_path / "repository", tmp_path / "programs"
    for folder in (repository, programs):
        folder.mkdir()
    sdk_pages.saved(page, repository)
    # The programs that the jobs install: ours, and a Python with the SDK.
    for name, command in (
        ("bootstrap", f"PYTHONPATH={sdk_pages.TOP} exec {sys.executable} -m bootstrap"),
        ("python3", f"exec {venvs.python('sdks')}"),
    ):
        (programs / name).write_text(f'#!/bin/sh\n{command} "$@"\n')
        (programs / name).chmod(0o755)
    secrets = {
        "BOOTSTRAP_SECRET": base64.b64encode(reports.SECRET).decode(),
        "BOOTSTRAP_TOKEN": TOKEN,
        "WEB_TOKEN": WEB_TOKEN,
        "ARTIFACT_KEY": "a-long-random-text",
        **{name: nova.environment[name] for name in ("OS_USERNAME", "OS_PASSWORD")},
    }
    variables = {**nova.environment, "BOOTSTRAP_COLLECTOR": collector.url, "IMAGE": IMAGE, "FLAVOR": FLAVOR}
    text = (repository / FILES[page]).read_text()
    if page == "gitlab-ci.md":
        found = ci_jobs.gitlab(text, variables | secrets)
    else:
        found = ci_jobs.github(text, secrets, variables)
    path = f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return Site({job.name: job for job in found}, Pipeline(repository, tmp_path / "work", path), nova)


def rendered(site: Site) -> None:
    ended = site.run("render")
    assert ended.result == "success", ended.text


def started(box: Box, spawned: Spawned) -> None:
    """Run the user-data that Nova's driver got, as cloud-init does on the new server."""
    assert spawned.user_data is not None
    box.put("/root/user-data", spawned.user_data, mode=0o700)
    done = box.run("/root/user-data")
    assert done.returncode == 0, done.stderr


def test_the_schema_of_its_makers_takes_the_file(page: str, tmp_path: Path) -> None:
    names = [name for name in sdk_pages.saved(page, tmp_path) if name.endswith(".yml")]
    assert FILES[page] in names
    for name in names:
        assert ci_jobs.judge(SCHEMAS[page], tmp_path / name) == "", name
    # And it does judge.
    broken = tmp_path / "broken.yml"
    broken.write_text((tmp_path / FILES[page]).read_text().replace("timeout", "timeuot"))
    assert ci_jobs.judge(SCHEMAS[page], broken) != ""


def test_the_jobs_in_order_end_with_a_healthy_server(site: Site, collector: CollectorProcess) -> None:
    rendered(site)
    spawned = site.create()
    assert spawned.user_data is not None and unpack(spawned.user_data).files["/etc/web/token"] == b"web-token-7f3a\n"
    # A job that runs again finds its server.
    before = site.servers()
    assert site.run("create").result == "success"
    assert site.servers() == before
    with Box(network="host") as box:
        started(box, spawned)
        waited = site.run("wait")
        assert (waited.result, waited.code) == ("success", 0), waited.text
        assert waited.text.splitlines()[-1] == "web-1 healthy"
        # Again, as a retry does.
        assert site.run("wait").result == "success"
    assert site.run("take-back").result == "skipped"
    assert site.servers() == before


def test_a_server_that_fails_is_said_and_taken_back(site: Site, collector: CollectorProcess) -> None:
    spec = site.pipeline.repository / "web.yaml"
    spec.write_text(spec.read_text().replace("run: touch /srv/marker", "run: echo no such package >&2; exit 100"))
    rendered(site)
    before = site.servers()
    spawned = site.create()
    with Box(network="host") as box:
        started(box, spawned)
        waited = site.run("wait")
    assert (waited.result, waited.code) == ("failed", 5), waited.text
    assert "web-1 failed in stage marker: exit 100, after 1 attempt\n" in waited.text
    assert "first failing line: no such package\n" in waited.text
    assert site.run("take-back").result == "success"
    assert collector.get("/v1/servers/web-1")["state"] == "failed"
    until(lambda: site.servers() == before)


def test_no_server_in_time_is_exit_6_and_taken_back(site: Site) -> None:
    rendered(site)
    before = site.servers()
    site.create()
    wait = site.jobs["wait"]
    hasty = [replace(step, script=step.script.replace("15m", "300ms")) for step in wait.steps]
    waited = site.pipeline.run(replace(wait, steps=tuple(hasty)))
    assert (waited.result, waited.code) == ("failed", 6), waited.text
    assert "web-1 never heard of\n" in waited.text
    assert site.run("take-back").result == "success"
    until(lambda: site.servers() == before)


def test_nothing_is_created_of_what_was_not_rendered(site: Site) -> None:
    spec = site.pipeline.repository / "web.yaml"
    spec.write_text(spec.read_text().replace("run:", "rum:"))
    before = site.servers()
    ended = site.run("render")
    assert (ended.result, ended.code) == ("failed", 3)
    assert [site.run(name).result for name in ("create", "wait")] == ["skipped", "skipped"]
    assert site.run("take-back").result in ("skipped", "success")
    assert site.servers() == before


def test_what_is_open_to_others_holds_no_secret(page: str, site: Site) -> None:
    rendered(site)
    site.create()
    secrets = [WEB_TOKEN.encode(), base64.b64encode(reports.SECRET)]
    artifacts = site.pipeline.artifact("render" if page == "gitlab-ci.md" else "").rglob("*")
    contents = {path.name: path.read_bytes() for path in artifacts if path.is_file()}
    if page == "gitlab-ci.md":
        # The payload lies in the artifact as it is, so nobody may download that.
        assert sorted(contents) == ["manifest.json", "user-data"]
        assert "    access: none\n" in (site.pipeline.repository / FILES[page]).read_text()
        contents = {"manifest.json": contents["manifest.json"]}
    else:
        assert sorted(contents) == ["manifest.json", "web-1.tar.enc"]
    for name, content in contents.items():
        assert [secret for secret in secrets if secret in content] == [], name
        assert b"#!/bin/sh" not in content, name


def test_each_job_of_github_names_the_secrets_that_it_needs_and_no_other(nova: Nova, tmp_path: Path) -> None:
    sdk_pages.saved("github-actions.md", tmp_path)
    names = ("BOOTSTRAP_SECRET", "BOOTSTRAP_TOKEN", "WEB_TOKEN", "ARTIFACT_KEY", "OS_USERNAME", "OS_PASSWORD")
    jobs = ci_jobs.github((tmp_path / "deploy.yml").read_text(), dict.fromkeys(names, "x"), {})
    named = {job.name: {n for step in job.steps for n, value in step.environment.items() if value} for job in jobs}
    assert named == {
        "render": {"BOOTSTRAP_SECRET", "WEB_TOKEN", "ARTIFACT_KEY"},
        "create": {"ARTIFACT_KEY", "OS_USERNAME", "OS_PASSWORD"},
        "wait": {"BOOTSTRAP_TOKEN"},
        "take-back": {"OS_USERNAME", "OS_PASSWORD"},
    }
