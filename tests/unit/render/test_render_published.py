"""What `bootstrap publish` has put into an object store becomes files that the host fetches."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bootstrap.errors import RenderError, UsageError
from bootstrap.plan.model import Plan
from bootstrap.plan.resolve import resolve
from bootstrap.publish import result
from bootstrap.render.model import Published
from bootstrap.render.render import render
from bootstrap.spec.load import load

DATA = b"large\n"
DIGEST = hashlib.sha256(DATA).hexdigest()
SPEC = """version: 1
name: web
values: {host: deploy.example}
files:
  - {path: /srv/a, source: a, publish: true}
  - {path: /srv/b, fetch: {url: "swift://c/b", sha256: SHA, max_size: 1MiB}}
  - {path: /srv/d, fetch: {url: "https://{{ host }}/d", sha256: SHA}}
""".replace("SHA", "ab" * 32)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "a").write_bytes(DATA)
    (tmp_path / "web.yaml").write_text(SPEC)
    return resolve(load(tmp_path / "web.yaml"), server="web-1", deploy_id="20261120T120000-ab12cd")


def test_published_files_are_fetched_with_their_size_and_digest(plan: Plan) -> None:
    urls = {DIGEST: "https://store.example/a?temp_url_sig=1", "swift://c/b": "https://store.example/b?temp_url_sig=2"}
    first, second, third = render(plan, published=Published(urls)).files
    assert (first.deliver, first.content, first.fetch) == (
        "fetch", b"", {"url": urls[DIGEST], "sha256": DIGEST, "max_size": len(DATA)},
    )  # fmt: skip
    assert second.fetch == {"url": urls["swift://c/b"], "sha256": "ab" * 32, "max_size": 1 << 20}
    assert third.fetch == {"url": "https://deploy.example/d", "sha256": "ab" * 32}


def test_without_a_publication_a_file_rides_in_the_bundle_and_an_object_has_no_url(plan: Plan) -> None:
    assert render(plan, stand_in=True).files[0].content == DATA
    with pytest.raises(RenderError) as refused:
        render(plan)
    (problem,) = refused.value.problems
    assert (problem.code, problem.message, problem.where and problem.where.line) == (
        "render.published", "files[1].fetch.url: 'swift://c/b' is not published", 6,
    )  # fmt: skip


def test_a_file_that_has_changed_since_it_was_published_is_refused(plan: Plan) -> None:
    urls = {"0" * 64: "https://store.example/old", "swift://c/b": "https://store.example/b"}
    with pytest.raises(RenderError) as refused:
        render(plan, published=Published(urls))
    (problem,) = refused.value.problems
    assert (problem.code, problem.hint) == ("render.published", "run bootstrap publish again")
    assert "a was not published, or has changed since" in problem.message


def test_a_url_that_a_template_spoils_is_refused(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(SPEC.replace("https://{{ host }}", "{{ host }}").replace("deploy.example", "x"))
    one = resolve(load(tmp_path / "web.yaml"), server="web-1", deploy_id="20261120T120000-ab12cd")
    with pytest.raises(RenderError, match="'x/d' is not https://"):
        render(one, stand_in=True)


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', '{"version": 2, "urls": {}, "bundles": {}}', "\x00"])
def test_what_publish_did_not_write_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "published.json").write_text(text)
    with pytest.raises(UsageError, match=r"published\.json (is|has version)"):
        result.read(tmp_path / "published.json")


def test_what_publish_wrote_is_private_and_read_again(tmp_path: Path) -> None:
    one = Published({DIGEST: "https://x"}, {"web-1": {"url": "https://y", "sha256": "0" * 64, "size": 1}})
    path = result.write(one, tmp_path / "build", expires="2999-01-01T00:00:00Z")
    assert (path.stat().st_mode & 0o777, result.read(path)) == (0o600, one)
    assert "https" not in repr(one)
