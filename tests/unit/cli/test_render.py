"""`bootstrap render`, from the command line to the bytes on disk."""

from __future__ import annotations

import base64
import json
import random
import sys
from pathlib import Path

import presigned
import pytest
import yaml

from bootstrap.cli.main import main
from bootstrap.errors import ExitCode
from bootstrap.payload.bundle import unpack
from bootstrap.targets import table

DEPLOY = "20261120T120000-ab12cd"
SPEC = """\
version: 1
name: web
values: {port: 8080}
files:
  - {path: /etc/web/port, content: "{{ port }} {{ server }}\\n"}
stages:
  - {name: start, run: "true"}
health: {checks: [{file: /etc/web/port}]}
"""
SECRET = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BOOTSTRAP_SECRET", raising=False)
    (tmp_path / "web.yaml").write_text(SPEC)
    return tmp_path


def run(*arguments: str) -> int:
    """The exit code of `bootstrap ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def rendered(*arguments: str) -> int:
    return run("render", "web.yaml", "--server", "web-1", "--deploy-id", DEPLOY, *arguments)


def test_the_help_has_a_line_for_each_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("render", "--help") == ExitCode.GOOD
    # Help is wrapped, also at the hyphens of names.
    text = "".join(capsys.readouterr().out.split())
    assert all(f"{target.name}:{target.about}".replace(" ", "") in text for target in table.TARGETS)


def test_every_target_is_written_and_listed(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    targets = [word for target in ("tree", "user-data", "cloud-config", "stub") for word in ("--target", target)]

    assert rendered(*targets, "--provider", "gce", "--url", "https://deploy.example/bundle") == ExitCode.GOOD

    out, err = capsys.readouterr()
    folder = workdir / "build" / "web-1"
    manifest = json.loads((folder / "manifest.json").read_text())
    tree, script, config, stub = (packed["measures"][0]["used"] for packed in manifest["targets"])
    assert err == ""
    assert sorted(path.name for path in folder.iterdir()) == [
        "bundle", "cloud-config.yaml", "manifest.json", "stub.sh", "tree", "user-data",
    ]  # fmt: skip
    assert out == (
        f"web-1  deploy {DEPLOY}  revision {manifest['revision']}  in build/web-1\n"
        "target              what                as      used    limit     left\n"
        f"tree                bundle              text  {tree:,}                    bytes\n"
        f"user-data (gce)     user-data           text  {script:,}  262,144  {262_144 - script:,}  characters\n"
        f"cloud-config (gce)  user-data           text  {config:,}  262,144  {262_144 - config:,}  characters\n"
        f"stub (gce)          stub                text     {stub:,}  262,144  {262_144 - stub:,}  characters\n"
        f"stub (gce)          bundle, at the URL  text  {tree:,}                    bytes\n"
    )


@pytest.mark.fault(148)
def test_a_presigned_url_beside_user_data_of_ones_own_is_one_message(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "mine.yaml").write_text("#cloud-config\npackages: [git]\n")
    words = ["--target", "stub", "--url", presigned.url(), "--user-data", "mine.yaml"]

    assert rendered(*words, "--provider", "ec2") == ExitCode.GOOD

    out, err = capsys.readouterr()
    folder = workdir / "build" / "web-1"
    message = (folder / "stub-user-data").read_bytes()
    assert err == ""
    assert f"stub (ec2)  stub                text   {len(message):,}  16,384  {16_384 - len(message):,}  bytes" in out
    assert message.startswith(b"Content-Type: multipart/mixed") and b"packages: [git]" in message
    assert sorted(path.name for path in folder.iterdir()) == ["bundle", "manifest.json", "stub-user-data"]
    manifest = (folder / "manifest.json").read_text()
    assert json.loads(manifest)["targets"][0]["output"]["size"] == len(message)
    assert presigned.SIGNATURE not in out + manifest

    assert rendered(*words) == ExitCode.GOOD

    assert capsys.readouterr().err == (
        f"note: the stub has {len(message):,} bytes and was measured against no limit: give --provider NAME to "
        "check that it fits\n"
    )

    assert rendered(*words, "--provider", "rackspace") == ExitCode.REFUSED

    assert capsys.readouterr().err == (
        "error[payload.user-data]: rackspace takes files of 750 bytes: they carry a stub, and no user-data of yours\n"
        "  give your user-data to the create call itself, where the image runs cloud-init; or --target user-data "
        "--provider rackspace, which carries the bundle beside it\n"
    )


def test_a_small_stub_needs_no_provider_and_no_note(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered("--target", "stub", "--url", "https://deploy.example/bundle") == ExitCode.GOOD

    assert capsys.readouterr().err == ""


def test_an_unpublished_limit_is_noted_for_the_stub_and_not_for_the_bundle_elsewhere(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--target", "stub", "--url", "https://deploy.example/bundle", "--provider", "proxmox"]

    assert rendered(*words) == ExitCode.GOOD

    out, err = capsys.readouterr()
    assert err == "note: proxmox publishes no limit for stub: it may refuse what is taken here\n"
    assert [" unknown " in line for line in out.splitlines()[2:]] == [True, False]


def test_user_data_holds_the_values_and_files_of_the_spec(workdir: Path) -> None:
    assert rendered("--target", "user-data", "--set", "port=9090", "-o", "out") == ExitCode.GOOD

    unpacked = unpack((workdir / "out/web-1/user-data").read_bytes())
    assert (unpacked.plan["server"], unpacked.plan["deploy_id"]) == ("web-1", DEPLOY)
    assert unpacked.files == {"/etc/web/port": b"9090 web-1\n"}


def test_two_runs_with_one_deploy_id_are_byte_identical(workdir: Path) -> None:
    for name in ("a", "b"):
        assert rendered("--target", "user-data", "--target", "cloud-config", "--target", "tree", "-o", name) == 0

    def everything(name: str) -> dict[str, bytes]:
        root = workdir / name
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    assert everything("a") == everything("b")
    assert len(everything("a")) == 8


def test_a_deploy_id_is_drawn_when_none_is_given(workdir: Path) -> None:
    assert run("render", "web.yaml", "--server", "web-1", "--target", "tree") == 0

    manifest = json.loads((workdir / "build/web-1/manifest.json").read_text())
    assert len(manifest["deploy_id"]) == len(DEPLOY)


def test_json_is_the_manifest_and_its_folder(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered("--target", "user-data", "--json") == 0

    printed = json.loads(capsys.readouterr().out)
    assert printed.pop("directory") == "build/web-1"
    assert printed == json.loads((workdir / "build/web-1/manifest.json").read_text())


def test_a_payload_that_does_not_fit_is_refused_with_both_numbers_and_nothing_is_written(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "big").write_bytes(random.Random(1).randbytes(60_000))
    (workdir / "web.yaml").write_text(SPEC.replace("stages:", "  - {path: /srv/big, source: big}\nstages:"))

    assert rendered("--target", "tree", "--target", "user-data", "--provider", "digitalocean") == ExitCode.REFUSED

    out, err = capsys.readouterr()
    first = err.splitlines()[0]
    assert out == ""
    assert first.startswith("error[payload.size]: user-data: ")
    assert first.endswith(" bytes, and digitalocean takes 65,536")
    assert "move /srv/big, 60,000 bytes, to `fetch:`" in err
    assert not (workdir / "build").exists()


def test_an_earlier_output_stays_when_the_next_is_refused(workdir: Path) -> None:
    assert rendered("--target", "tree") == 0
    before = (workdir / "build/web-1/manifest.json").read_bytes()
    (workdir / "web.yaml").write_text(SPEC.replace("{{ port }}", "{{ prot }}"))

    assert rendered("--target", "tree") == ExitCode.SPEC

    assert (workdir / "build/web-1/manifest.json").read_bytes() == before


def test_an_own_cron_template_that_cron_would_not_run_is_a_spec_error(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "mine.j2").write_text("1/* * * * * root sh {{ files }} # {{ sha256 }} {{ mark }}\n")
    (workdir / "web.yaml").write_text(SPEC + "templates: {cron: mine.j2}\n")

    assert rendered("--target", "user-data") == ExitCode.SPEC

    assert capsys.readouterr().err.startswith("mine.j2:1:1: error[payload.cron-minute]: '1/*' is no minute")
    assert not (workdir / "build").exists()


@pytest.mark.parametrize("target", ["user-data", "personality"])
def test_a_provider_that_is_not_in_the_table_is_wrong_use(
    workdir: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    assert rendered("--target", target, "--provider", "nowa") == ExitCode.USAGE

    assert capsys.readouterr().err.startswith("error[usage]: there is no provider 'nowa'\n  one of: nova, rackspace, ")


REPORTS = SPEC + "report: {url: 'https://deploy.internal:8443'}\n"


def test_a_spec_that_reports_needs_the_secret_and_render_makes_none(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "web.yaml").write_text(REPORTS)

    assert rendered("--target", "user-data") == ExitCode.USAGE

    assert "no secret is given" in capsys.readouterr().err
    assert sorted(path.name for path in workdir.iterdir()) == ["web.yaml"]


@pytest.mark.parametrize("source", ["file", "environment"])
def test_the_report_key_is_derived_from_the_secret(workdir: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    from bootstrap.runner.contract import server_key

    (workdir / "web.yaml").write_text(REPORTS)
    (workdir / "secret").touch(mode=0o600)
    (workdir / "secret").write_text(SECRET)
    if source == "environment":
        monkeypatch.setenv("BOOTSTRAP_SECRET", SECRET)

    named = ["--secret-file", "secret"] if source == "file" else []
    assert rendered("--target", "user-data", "--report-url", "https://other:1", *named) == 0

    report = unpack((workdir / "build/web-1/user-data").read_bytes()).plan["report"]
    assert report["url"] == "https://other:1"
    assert base64.b64decode(report["key"]) == server_key(bytes(range(32)), "web-1", DEPLOY)


def test_output_is_private_whatever_the_umask(workdir: Path) -> None:
    import os

    before = os.umask(0)
    try:
        assert rendered("--target", "user-data") == 0
    finally:
        os.umask(before)

    folder = workdir / "build/web-1"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_cloud_config_starts_the_bundle(workdir: Path) -> None:
    assert rendered("--target", "cloud-config") == 0

    document = yaml.safe_load((workdir / "build/web-1/cloud-config.yaml").read_text())
    assert document["write_files"][-1]["path"] == "/etc/cron.d/initialrunner"


def test_show_takes_the_output_of_render(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered("--target", "user-data", "--target", "tree") == 0
    capsys.readouterr()

    assert run("show", "build/web-1") == 0

    assert capsys.readouterr().out.count(": a whole bundle of ") == 2


def test_volumes_are_written_as_folder_and_image_and_show_finds_the_bundle_in_each(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "mine.yaml").write_text("#cloud-config\npackages: [git]\n")
    volumes = ("--target", "nocloud", "--target", "config-drive", "--user-data", "mine.yaml")

    assert rendered(*volumes) == ExitCode.GOOD

    folder = workdir / "build/web-1"
    names = ["cidata", "cidata.iso", "config-2", "config-2.iso", "manifest.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [packed["output"]["path"] for packed in manifest["targets"]] == ["cidata.iso", "config-2.iso"]
    capsys.readouterr()
    for name in (".", "cidata", "cidata.iso", "config-2", "config-2.iso", "cidata/user-data"):
        assert run("show", str(folder / name)) == 0
        output = capsys.readouterr().out
        digests = [packed["bundle"]["sha256"] for packed in manifest["targets"]]
        expected = digests if name == "." else digests[:1] if name.startswith("cidata") else digests[1:]
        assert [line.split()[1] for line in output.splitlines() if line.startswith("  sha256 ")] == expected
    assert b"packages: [git]" in (folder / "config-2/openstack/latest/user_data").read_bytes()


def test_without_pycdlib_the_folders_are_written_and_the_images_named(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pycdlib", None)

    assert rendered("--target", "nocloud", "--target", "config-drive") == ExitCode.GOOD

    folder = workdir / "build/web-1"
    assert sorted(path.name for path in folder.iterdir()) == ["cidata", "config-2", "manifest.json"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [packed["output"] for packed in manifest["targets"]] == [{"path": "cidata/"}, {"path": "config-2/"}]
    notes = [line for line in capsys.readouterr().err.splitlines() if ".iso is left out" in line]
    assert [note.split()[1] for note in notes] == ["cidata.iso", "config-2.iso"]
    assert all("pip install 'initialrunner[iso]'" in note for note in notes)
    assert run("show", "build/web-1") == ExitCode.GOOD


def test_a_volume_that_differs_from_its_image_is_refused(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered("--target", "nocloud") == 0
    (workdir / "build/web-1/cidata/meta-data").write_text("instance-id: other\n")
    capsys.readouterr()

    assert run("show", "build/web-1") == ExitCode.REFUSED

    assert "build/web-1/cidata differs from cidata.iso beside it" in capsys.readouterr().err


def test_two_images_with_one_deploy_id_are_byte_identical(workdir: Path) -> None:
    for name in ("a", "b"):
        assert rendered("--target", "nocloud", "--target", "config-drive", "-o", name) == 0
    for image in ("cidata.iso", "config-2.iso"):
        assert (workdir / "a/web-1" / image).read_bytes() == (workdir / "b/web-1" / image).read_bytes()


@pytest.mark.parametrize("provider", [None, "ec2", "nova"])
def test_the_users_own_parts_go_along_and_show_still_finds_the_bundle(
    workdir: Path, capsys: pytest.CaptureFixture[str], provider: str | None
) -> None:
    import gzip

    (workdir / "mine.yaml").write_text("#cloud-config\npackages: [git]\n")
    (workdir / "mine.sh").write_text("#!/bin/sh\n" + f"echo {'x' * 70}\n" * 800)
    parts = ("--user-data", "mine.yaml", "--user-data", "mine.sh")
    limits = ("--provider", provider) if provider else ()
    if provider == "ec2":
        # Not even compressed.
        assert rendered("--target", "user-data", *parts, *limits) == ExitCode.REFUSED
        return
    assert rendered("--target", "user-data", *parts, *limits) == 0

    blob = (workdir / "build/web-1/user-data").read_bytes()
    text = gzip.decompress(blob) if provider else blob
    assert text.startswith(b'Content-Type: multipart/mixed; boundary="')
    assert text.index(b"#!/bin/sh\n# initialrunner") < text.index(b"packages: [git]") < text.index(b"echo xxx")
    capsys.readouterr()
    assert run("show", "build/web-1") == 0


def test_a_part_that_cloud_init_would_skip_is_refused_and_nothing_is_written(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "mine.yaml").write_text("packages: [git]\n")

    assert rendered("--target", "user-data", "--user-data", "mine.yaml") == ExitCode.REFUSED

    assert capsys.readouterr().err.startswith(
        "error[payload.user-data]: mine.yaml: cloud-init does not know what 'packages: [git]' begins"
    )
    assert not (workdir / "build").exists()


def test_a_target_without_user_data_takes_no_parts(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workdir / "mine.yaml").write_text("#cloud-config\n")

    assert rendered("--target", "tree", "--user-data", "mine.yaml") == ExitCode.USAGE

    assert capsys.readouterr().err.startswith("error[usage]: tree carries no user-data of yours\n")


def test_a_note_says_where_the_runner_comes_from_and_what_that_needs(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "secret").write_text(SECRET + "\n")
    (workdir / "secret").chmod(0o600)
    (workdir / "web.yaml").write_text(SPEC + 'report: {url: "https://deploy.internal:8443"}\n')
    for verb in (("check", "web.yaml"), ("render", "web.yaml", "--server", "web-1", "--secret-file", "secret")):
        assert run(*verb, "--target", "user-data", "--provider", "ec2") == ExitCode.GOOD
        # The whole URL has a SHA-256 in it and would fill two lines of a terminal.
        assert capsys.readouterr().err == (
            "note: ec2 has no room for a whole bundle, so hosts fetch the runner from deploy.internal:8443, and need "
            "the network before the first stage unless their image has the runner\n"
        )


def test_a_url_that_is_asked_as_it_stands_is_noted(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verb = ("render", "web.yaml", "--server", "web-1", "--target", "user-data", "--provider", "ec2", "--runner-from")

    assert run(*verb, "https://files.internal/boot?key=a") == ExitCode.GOOD
    assert capsys.readouterr().err == (
        "note: hosts take the runner from the very URL https://files.internal/boot; for a folder that holds it under "
        "its SHA-256, end the URL with a slash\n"
    )
    assert run(*verb, "https://files.internal/boot/") == ExitCode.GOOD
    assert capsys.readouterr().err == ""
