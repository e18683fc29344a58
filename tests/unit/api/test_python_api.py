"""The Python API: what each method gives is what an SDK's call takes."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

import bootstrap
from bootstrap.api import Rendering
from bootstrap.errors import PayloadError, SpecError, UsageError
from bootstrap.payload.bundle import unpack

DEPLOY = "20261120T120000-ab12cd"
SPEC = """\
version: 1
name: web
values: {port: 8080}
files:
  - {path: /etc/web/port, content: "{{ port }}\\n"}
stages:
  - {name: start, run: "true"}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "web.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def web(spec: Path) -> Rendering:
    return bootstrap.load(spec).plan("web-1", {"port": 9090}, deploy_id=DEPLOY).render()


def test_personality_is_a_list_of_path_and_base64_with_the_trigger_last(web: Rendering) -> None:
    items = web.personality()

    bundle = b"".join(base64.b64decode(item["contents"]) for item in items[:-1])
    assert items[-1]["path"] == "/etc/cron.d/initialrunner"
    assert unpack(bundle).files == {"/etc/web/port": b"9090\n"}
    assert all(len(item["contents"]) <= 10_240 for item in items) and len(items) <= 5


def test_injected_files_are_the_same_without_base64_in_the_same_order(web: Rendering) -> None:
    files = web.injected_files()

    assert [(p, base64.b64encode(c).decode()) for p, c in files.items()] == [
        (item["path"], item["contents"]) for item in web.personality()
    ]
    with pytest.raises(PayloadError, match="AWS EC2 has no injected files"):
        web.injected_files("ec2")


@pytest.mark.parametrize(("name", "kind"), [("nova", "base64"), ("gce", "text"), (None, "text")])
def test_user_data_has_the_form_of_the_providers_call(web: Rendering, name: str | None, kind: str) -> None:
    given = web.user_data(name)

    assert isinstance(given, str)
    text = base64.b64decode(given, validate=True) if kind == "base64" else given.encode()
    assert unpack(text).plan["server"] == "web-1"


def test_a_call_that_encodes_by_itself_gets_text(web: Rendering) -> None:
    assert web.user_data("nova", encoded=False) == web.user_data()


def test_cloud_config_and_tree_carry_the_same_bundle(web: Rendering, tmp_path: Path) -> None:
    paths = web.tree(tmp_path / "root")

    bundle = (tmp_path / "root/etc/initialrunner/bundle").read_text()
    assert (paths[0], paths[-1]) == ("/etc/initialrunner/bundle", "/etc/cron.d/initialrunner")
    assert [path for path in paths[1:-1] if not path.startswith("/etc/systemd/system/")] == []
    assert "\n".join(f"    {line}" if line else "" for line in bundle.splitlines()) in web.cloud_config()


def test_the_manifest_names_server_deploy_and_digests(web: Rendering, tmp_path: Path) -> None:
    manifest = web.manifest("user-data", provider="gce")

    assert (manifest["server"], manifest["deploy_id"]) == ("web-1", DEPLOY) == (web.server, web.deploy_id)
    (target,) = manifest["targets"]
    assert target["bundle"]["sha256"] == unpack(str(web.user_data("gce")).encode()).digest
    assert [one["target"] for one in web.manifest()["targets"]] == ["tree", "user-data", "cloud-config"]


def test_one_roll_out_has_one_revision_and_servers_of_their_own(spec: Path) -> None:
    project = bootstrap.load(spec)

    one, two = (project.plan(name, deploy_id=DEPLOY).render() for name in ("web-1", "web-2"))

    assert one.rendered.revision == two.rendered.revision
    assert one.user_data() != two.user_data()


def test_what_is_wrong_is_raised_as_an_error_of_ours(spec: Path, web: Rendering) -> None:
    with pytest.raises(PayloadError, match="AWS EC2 has no injected files"):
        web.personality("ec2")
    with pytest.raises(UsageError, match="there is no provider 'nowa'"):
        web.user_data("nowa")
    spec.write_text(SPEC.replace("{{ port }}", "{{ prot }}"))
    with pytest.raises(SpecError, match="prot"):
        bootstrap.load(spec).plan("web-1").render()


def test_a_spec_that_reports_says_so(spec: Path) -> None:
    project = bootstrap.load(spec)

    assert not project.plan("web-1").reports
    assert project.plan("web-1", report_url="https://deploy.internal:8443").reports
