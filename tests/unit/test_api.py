"""The Python API: what each method gives is what an SDK's call takes."""

from __future__ import annotations

import base64
import importlib
import pkgutil
import re
import rlcompleter
from pathlib import Path
from typing import get_args

import pytest

import bootstrap
import initialrunner
from bootstrap.errors import PayloadError, SpecError, UsageError
from bootstrap.payload.bundle import unpack
from bootstrap.rendering import Rendering
from bootstrap.targets import user_data
from bootstrap.targets.providers import NEVER_BYTES, PROVIDERS, TAKES_BASE64, Provider

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
    argument = web.user_data(name)

    assert isinstance(argument, str)
    text = base64.b64decode(argument, validate=True) if kind == "base64" else argument.encode()
    assert unpack(text).plan["server"] == "web-1"


def test_a_call_that_encodes_by_itself_gets_text(web: Rendering) -> None:
    assert web.user_data("nova", encoded=False) == web.user_data()


def test_text_and_bytes_are_what_they_are_called_small_and_large(web: Rendering) -> None:
    """Whatever form the provider's usual call takes; where only compressed bytes fit, the text is refused."""
    for provider in (None, "nova", "gce", "azure", "hetzner", "scaleway"):
        blob = web.pack("user-data", provider).blob
        assert web.user_data_bytes(provider) == blob
        if not blob.startswith(b"\x1f\x8b"):
            assert web.user_data_text(provider).encode() == blob
    assert web.user_data_text() == web.user_data() == web.user_data_bytes().decode()
    assert isinstance(web.user_data_bytes("nova"), bytes)
    large = [f"#cloud-config\nwrite_files: [{{path: /x, content: {'x' * 60_000}}}]\n"]
    assert isinstance(web.user_data("azure", beside=large, encoded=False), bytes)
    with pytest.raises(PayloadError, match="azure has room for this user-data only when it is compressed") as caught:
        web.user_data_text("azure", beside=large)
    assert caught.value.hint == "take user_data_bytes(), or user_data(encoded=True) where the call takes base64"
    assert web.user_data_bytes("azure", beside=large).startswith(b"\x1f\x8b")


def test_a_stub_alone_is_text_and_never_compressed(web: Rendering) -> None:
    assert isinstance(web.stub("https://x.io/b", "ec2"), str)
    # Compressed it would fit by far.
    with pytest.raises(PayloadError, match="the URL has 20,014 characters and a stub has room for"):
        web.stub("https://x.io/b" + "b" * 20_000, "ec2")


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
    assert target["bundle"]["sha256"] == unpack(web.user_data("gce").encode()).digest
    assert [entry["target"] for entry in web.manifest()["targets"]] == ["tree", "user-data", "cloud-config"]


def test_one_roll_out_has_one_revision_and_servers_of_their_own(spec: Path) -> None:
    project = bootstrap.load(spec)

    first, second = (project.plan(name, deploy_id=DEPLOY).render() for name in ("web-1", "web-2"))

    assert first.revision == second.revision == first.rendered.revision
    assert first.user_data() != second.user_data()


def test_mistakes_are_raised_as_errors_of_the_library(spec: Path, web: Rendering) -> None:
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


def test_a_plan_and_its_rendering_say_which_server_roll_out_and_revision_they_are_of(spec: Path) -> None:
    fleet = bootstrap.load(spec).fleet(["web-1", "web-2"], deploy_id=DEPLOY)

    for name, plan in zip(["web-1", "web-2"], fleet, strict=True):
        rendering = plan.render()
        assert (plan.server, plan.deploy_id, plan.revision) == (name, DEPLOY, fleet.revision)
        assert (rendering.server, rendering.deploy_id, rendering.revision) == (name, DEPLOY, fleet.revision)
    assert re.fullmatch("[0-9a-f]{12}", fleet.revision)
    assert bootstrap.load(spec).fleet([], deploy_id=DEPLOY).revision == fleet.revision


@pytest.mark.parametrize("profile", [p for p in PROVIDERS if p.user_data], ids=lambda profile: profile.name)
def test_the_declared_type_of_user_data_is_that_of_the_provider(profile: Provider) -> None:
    """Small and large: a text that fits only when compressed is given as the provider takes it."""
    most = profile.user_data.most if profile.user_data else None
    blobs = [user_data.content(b"#!/bin/sh\n" * times, profile) for times in (1, (most or 10_000) // 10 + 10)]
    types = {
        encoded: {type(user_data.argument(blob, profile, encoded=encoded)) for blob in blobs}
        for encoded in (None, True, False)
    }

    assert types[True] == {str}
    never_bytes, takes_base64 = profile.name in get_args(NEVER_BYTES), profile.name in get_args(TAKES_BASE64)
    assert (types[None] == {str}, types[False] == {str}) == (never_bytes or takes_base64, never_bytes)


def test_dir_and_completion_list_the_public_names() -> None:
    names = [name for name in dir(bootstrap) if not name.startswith("__")]

    assert names == sorted(set(bootstrap.__all__) - {"__version__"})
    assert names == [name for name in dir(initialrunner) if not name.startswith("__")]
    completer = rlcompleter.Completer({"bootstrap": bootstrap})
    assert completer.complete("bootstrap.lo", 0) == "bootstrap.load("
    assert completer.complete("bootstrap.Sp", 0) == "bootstrap.SpecError("


@pytest.mark.parametrize("library", [bootstrap, initialrunner], ids=["bootstrap", "initialrunner"])
def test_a_missing_name_is_an_error_that_names_the_module(library: object) -> None:
    name = "laod"
    with pytest.raises(AttributeError, match=rf"module '\w+' \(/.+/__init__.py\) has no attribute '{name}'"):
        getattr(library, name)


def test_both_names_of_the_library_give_the_same_objects() -> None:
    assert initialrunner.__all__ == bootstrap.__all__ == sorted(bootstrap.__all__)
    assert [name for name in bootstrap.__all__ if getattr(bootstrap, name) is not getattr(initialrunner, name)] == []
    # A module of that name would take its place as soon as anything imports it.
    assert {module.name for module in pkgutil.iter_modules(bootstrap.__path__)} & set(bootstrap.__all__) == set()


def test_a_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from initialrunner import *", names)
    assert {name for name in names if name != "__builtins__"} == set(bootstrap.__all__)


def test_every_public_name_is_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/api.md").read_text(encoding="utf-8")
    classes = {"project": bootstrap.Project, "fleet": bootstrap.Fleet, "plan": bootstrap.ServerPlan, "web": Rendering}
    members = {
        f"{variable}.{name}"
        for variable, of in classes.items()
        for name, member in vars(of).items()
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    }

    missing = [name for name in bootstrap.__all__ if f"`bootstrap.{name}" not in page]
    missing += [name for name in sorted(members) if f"`{name}" not in page]
    assert missing == []
    # And the other way round: what the page names is there.
    for name in re.findall(r"`bootstrap\.(?!py\b)([\w.]+)", page):
        home, _, last = f"bootstrap.{name}".rpartition(".")
        assert hasattr(importlib.import_module(home), last), name
