"""The layout that target and provider decide; the packing itself is the real one."""

from __future__ import annotations

import base64
import gzip
import random
from dataclasses import replace
from pathlib import Path

import pytest

import bootstrap
from bootstrap.errors import ExitCode, PayloadError, SpecError, UsageError
from bootstrap.payload import crontab
from bootstrap.payload.build import build
from bootstrap.payload.bundle import unpack
from bootstrap.payload.refused import Refused
from bootstrap.payload.split import runner_text
from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.targets import layout, mime, personality, starter, stub, table
from bootstrap.targets.model import Packed
from bootstrap.targets.providers import FILES, Limit, Provider, provider

DEPLOY = "20261120T120000-ab12cd"
CRON = "@reboot root sh @FILES@ # @SHA256@ @MARK@\n* * * * * root sh @FILES@ # @SHA256@ @MARK@\n"
PLAN = {"version": 1, "name": "web", "server": "web-1", "deploy_id": DEPLOY, "revision": "0" * 12, "stages": []}


def rendered(*files: RenderedFile, rc_local: str | None = None, cron: str = CRON) -> Rendered:
    return Rendered("web-1", DEPLOY, "0" * 12, dict(PLAN), files, cron, rc_local)


def roomy(most_files: int) -> Provider:
    """A nova whose files hold any bundle, so that only their number counts here."""
    nova = provider("nova")
    size = Limit(1_000_000, "base64 characters", "this test")
    return Provider(
        "roomy", "Roomy", nova.user_data, "base64", "bytes", "", Limit(most_files, FILES, "this test"), size, nova.path
    )


INJECTED = RenderedFile("/etc/rc.local.stage1", b"#!/bin/sh\n", deliver="inject")


def test_rc_local_is_a_file_of_its_own_where_the_provider_has_room() -> None:
    packed = layout.pack(rendered(INJECTED, rc_local="#!/bin/sh\n"), "personality", roomy(4))

    assert [file.path for file in packed.payload.files] == [
        "/etc/rc.local.stage1",
        "/etc/rc.local",
        "/etc/initialrunner/bundle",
        "/etc/cron.d/initialrunner",
    ]
    assert packed.measures[0].left == 0


@pytest.mark.parametrize(
    ("trigger", "most", "units", "has_cron"),
    [
        ("auto", 7, 3, True),
        ("auto", 6, 0, True),
        ("cron", 7, 0, True),
        ("both", 5, 3, True),
        ("both", 4, 0, True),
        ("systemd", 5, 3, False),
    ],
)
def test_units_travel_where_there_is_room_and_before_rc_local_where_the_spec_wants_them(
    trigger: str, most: int, units: int, has_cron: bool
) -> None:
    server = rendered(INJECTED, rc_local="#!/bin/sh\n")
    if trigger != "auto":
        server.host_plan["trigger"] = trigger

    payload = layout.pack(server, "personality", roomy(most)).payload

    paths = [file.path for file in payload.files]
    assert len(paths) <= most
    assert sum(path.startswith("/etc/systemd/system/") for path in paths) == units
    assert paths[-1] == "/etc/cron.d/initialrunner"
    assert bool(crontab.parse(payload.files[-1].content).entries) == has_cron
    # The runner can make the units again whether they travel or not; cron alone needs none.
    assert ("units" in unpack(payload.bundle).plan) == (trigger != "cron")


def test_units_for_systemd_alone_are_refused_where_there_is_no_room() -> None:
    server = rendered()
    server.host_plan["trigger"] = "systemd"

    with pytest.raises(Refused) as refused:
        layout.pack(server, "personality", roomy(4))

    assert refused.value.problems[0].message == "5 files to inject, and roomy takes 4"


def test_an_own_cron_template_is_judged_for_systemd_too() -> None:
    server = rendered(cron="1/* * * * * root sh @FILES@ # @SHA256@ @MARK@\n")
    server.host_plan["trigger"] = "systemd"

    with pytest.raises(SpecError):
        layout.pack(server, "tree", cron_template="mine.j2")


def test_rc_local_rides_in_the_bundle_where_files_are_few() -> None:
    packed = layout.pack(rendered(INJECTED, rc_local="#!/bin/sh\n"), "personality", roomy(3))

    assert [file.path for file in packed.payload.files] == [
        "/etc/rc.local.stage1",
        "/etc/initialrunner/bundle",
        "/etc/cron.d/initialrunner",
    ]
    assert unpack(packed.payload.bundle).files == {"/etc/rc.local": b"#!/bin/sh\n"}


def test_a_large_bundle_is_cut_at_the_providers_raw_size_and_goes_together_again() -> None:
    small = Limit(8_000, "base64 characters", "this test")
    taker = roomy(20)
    taker = Provider(taker.name, taker.title, None, "text", "no", "", taker.files, small, taker.path)

    packed = layout.pack(rendered(RenderedFile("/a", random.Random(1).randbytes(6_000))), "personality", taker)

    items = personality.items(packed.payload)
    pieces = [base64.b64decode(item["contents"]) for item in items if item["path"] in packed.payload.pieces]
    assert {len(piece) for piece in pieces[:-1]} == {6_000}
    assert b"".join(pieces) == packed.payload.bundle
    assert unpack(b"".join(pieces)).digest == packed.payload.digest


@pytest.mark.parametrize("target", ["personality", "user-data"])
def test_without_room_for_them_verbs_are_left_out_step_by_step_and_no_tick_differs(target: str) -> None:
    server = rendered()
    server.host_plan["trigger"] = "cron"  # else systemd's units give way first
    packed = [layout.pack(server, target, roomy(5))]
    for _ in range(2):
        room = Limit(len(packed[-1].payload.bundle) - 1, "bytes", "this test")
        tight = replace(roomy(2), content=room, user_data=room, gzip="no")
        packed.append(layout.pack(server, target, tight))

    assert [one.lean for one in packed] == [0, 1, 2]
    whole, fewer, fewest = (unpack(one.payload.bundle) for one in packed)
    assert whole.hot == fewer.hot == fewest.hot
    assert "was left out of this payload" not in whole.cold
    assert "was left out of this payload" in fewer.cold and "def doctor" in fewer.cold
    assert "was left out of this payload" in fewest.cold and "doctor=left_out" in fewest.cold


def test_in_user_data_everything_rides_in_the_bundle() -> None:
    packed = layout.pack(rendered(INJECTED, rc_local="#!/bin/sh\n"), "user-data", provider("gce"))

    assert packed.blob == packed.payload.bundle
    assert sorted(unpack(packed.blob).files) == ["/etc/rc.local", "/etc/rc.local.stage1"]
    assert [(m.what, m.used, m.limit) for m in packed.measures] == [("user-data", len(packed.blob), 262_144)]


def test_cloud_config_is_measured_as_user_data() -> None:
    big = rendered(RenderedFile("/a", random.Random(1).randbytes(200_000)))

    with pytest.raises(Refused) as refused:
        layout.pack(big, "cloud-config", provider("digitalocean"))

    assert [
        (p.code, p.hint and p.hint.endswith("move /a, 200,000 bytes, to `fetch:`")) for p in refused.value.problems
    ] == [("payload.size", True)]


def test_a_secret_is_never_proposed_for_fetch() -> None:
    big = rendered(RenderedFile("/secret", random.Random(1).randbytes(200_000), secret=True))

    with pytest.raises(Refused) as refused:
        layout.pack(big, "user-data", provider("ec2"))

    assert "/secret" not in (refused.value.problems[0].hint or "")


def test_a_bundle_too_large_for_nine_pieces_is_refused_with_the_files_it_would_take() -> None:
    with pytest.raises(Refused) as refused:
        layout.pack(rendered(RenderedFile("/a", random.Random(1).randbytes(200_000))), "personality", provider("nova"))

    big = rendered(RenderedFile("/a", random.Random(1).randbytes(200_000)))
    pieces = -(-len(build(big, units="none", lean=2).bundle) // 7_680)
    (problem,) = refused.value.problems
    assert problem.message == (
        f"{pieces + 1} files to inject ({pieces} of them pieces of the bundle), and nova takes 5"
    )


@pytest.mark.parametrize("target", table.NAMES)
def test_an_entry_that_cron_would_not_run_is_refused_for_every_target(target: str) -> None:
    bad = rendered(cron="1/* * * * * root sh @FILES@ @SHA256@ @MARK@\n")
    url = "https://deploy.example/bundle" if target == "stub" else None

    with pytest.raises(Refused) as refused:
        layout.pack(bad, target, roomy(5), url=url)
    with pytest.raises(SpecError) as theirs:
        layout.pack(bad, target, roomy(5), cron_template="mine-cron.j2", url=url)

    assert [problem.code for problem in refused.value.problems] == ["payload.cron-minute"]
    assert (refused.value.exit_code, theirs.value.exit_code) == (ExitCode.REFUSED, ExitCode.SPEC)
    assert str(theirs.value.problems[0].where) == "mine-cron.j2:1:1"


@pytest.mark.parametrize("target", ["personality", "stub"])
def test_user_data_of_ones_own_is_never_dropped_where_files_carry_a_stub(target: str) -> None:
    beside = [mime.Part("mine.yaml", b"#cloud-config\n{}\n")]

    with pytest.raises(Refused) as refused:
        layout.pack(rendered(), target, provider("rackspace"), beside=beside)

    assert [problem.code for problem in refused.value.problems] == ["payload.url", "payload.user-data"]


def test_a_stub_beside_parts_is_judged_compressed_and_measured_as_user_data_is() -> None:
    url, script = "https://deploy.example/bundle", "#!/bin/sh\n" + "".join(f"echo {n}\n" for n in range(2_000))
    part = mime.Part("mine.sh", script.encode())

    packed = layout.pack(rendered(), "stub", provider("ec2"), url=url, beside=[part])

    assert (packed.measures[0].form, packed.measures[0].used) == ("gzip", len(packed.blob))
    message = gzip.decompress(packed.blob)
    assert len(message) > 16_384 and script.encode() in message
    hook = starter.in_background(stub.text(url, packed.payload.digest), DEPLOY)
    assert hook in message and b"text/cloud-boothook" in message
    with pytest.raises(Refused, match="does not know what"):
        layout.pack(rendered(), "stub", provider("ec2"), url=url, beside=[mime.Part("mine.txt", b"hello\n")])


def test_a_stub_is_no_way_where_there_is_no_user_data() -> None:
    big = rendered(RenderedFile("/secret", random.Random(1).randbytes(60_000), secret=True))

    with pytest.raises(Refused) as refused:
        layout.pack(big, "personality", provider("rackspace-v1"))
    assert "stub" not in (refused.value.problems[0].hint or "")
    with pytest.raises(Refused, match="has no user-data"):
        layout.pack(rendered(), "stub", provider("rackspace-v1"), url="https://deploy.example/bundle")


def test_hello_with_reports_fits_the_five_files_of_nova() -> None:
    """The smallest spec that is of any use, with a collector: this is what the size of the runner is measured by."""
    plan = bootstrap.load(Path(__file__).parents[3] / "examples/hello").plan(
        "hello-1", report_url="https://deploy.internal:8443", deploy_id="20261120T120000-ab12cd"
    )
    packed = plan.render(bytes(32)).pack("personality")
    assert len(packed.payload.files) == 5
    assert b"webhook-signature" not in packed.payload.bundle
    assert b"webhook-signature" in plan.render(bytes(32)).pack("tree").payload.bundle


def real(tmp_path: Path, provider: str, published: tuple[str, ...] = (), report: str | None = None) -> Packed:
    (tmp_path / "x.yaml").write_text("version: 1\nname: x\nstages: [{name: a, run: 'true'}]\n")
    rendering = bootstrap.load(tmp_path / "x.yaml").plan("x-1", report_url=report).render(bytes(32))
    return replace(rendering, runner_at=published).pack("user-data", provider)


def test_a_carrier_is_chosen_where_a_whole_bundle_does_not_fit_and_a_source_is_known(tmp_path: Path) -> None:
    packed = real(tmp_path, "ec2", report="https://deploy.internal")
    assert packed.chosen and packed.sources == (f"https://deploy.internal/v1/runner/{runner_text().sha256}",)
    assert packed.blob.startswith(b"\x1f\x8b")
    published = real(tmp_path, "ec2", ("https://s3.example/r?X-Amz-Signature=a",), "https://deploy.internal")
    assert published.sources is not None and published.sources[0] == "https://s3.example/r?X-Amz-Signature=a"
    # Where the whole fits, the host should not depend on a source.
    assert real(tmp_path, "gce", report="https://deploy.internal").sources is None


def test_without_a_source_the_refusal_names_it_as_the_mend(tmp_path: Path) -> None:
    with pytest.raises(PayloadError) as refused:
        real(tmp_path, "ec2")
    [problem] = refused.value.problems
    mend = "let hosts fetch the runner, and all of it fits: add `report:`, or give --runner-from SOURCE; or "
    assert problem.hint is not None and problem.hint.startswith(mend + "use --target stub, or choose a provider with")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("https://user:word@files.internal/r/", r"'https://\*\*\*@files.internal/r/' contains a name or a"),
        ("https://[x/r/", "is no source of the runner's text"),
        (f"https://files.internal/{64 * '0'}", "is the runner of another version"),
        ("collector", "the spec reports to no collector"),
        ("http://mirror.internal/r", "is not encrypted"),
        ("ftp://x/r", "is no source of the runner's text"),
        ("https://x/a'b", "is no source of the runner's text"),
        ("disc", "'disc' is no source"),
    ],
)
def test_a_source_that_leads_nowhere_is_refused(tmp_path: Path, name: str, part: str) -> None:
    (tmp_path / "x.yaml").write_text("version: 1\nname: x\n")
    rendering = bootstrap.load(tmp_path / "x.yaml").plan("x-1").render()
    with pytest.raises(PayloadError, match=part):
        rendering.pack("user-data", runner_from=[name])


def test_a_misspelt_word_is_told_from_a_misspelt_url(tmp_path: Path) -> None:
    hints = [refused_hint(tmp_path, name) for name in ("dsik", "Colector", "ftp://x/r")]

    assert hints == [
        "did you mean disk?", "did you mean collector?",
        "write disk, collector, s3://BUCKET/KEY or an https:// URL without quotes and blanks",
    ]  # fmt: skip


def refused_hint(folder: Path, name: str) -> str | None:
    (folder / "x.yaml").write_text("version: 1\nname: x\n")
    with pytest.raises(PayloadError) as refused:
        bootstrap.load(folder / "x.yaml").plan("x-1").render().pack("user-data", runner_from=[name])
    return refused.value.problems[0].hint


def test_an_address_of_s3_is_refused_where_no_instance_has_a_role(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("version: 1\nname: x\n")
    rendering = bootstrap.load(tmp_path / "x.yaml").plan("x-1").render()

    # The root of a bucket is a folder like any other.
    packed = rendering.pack("user-data", "ec2", runner_from=["s3://acme/", "s3://acme/runner/"])
    assert packed.sources == tuple(f"s3://acme/{folder}{runner_text().sha256}" for folder in ("", "runner/"))
    with pytest.raises(PayloadError, match="an instance of hetzner has no role that S3 takes"):
        rendering.pack("user-data", "hetzner", runner_from=["s3://acme/runner/"])
    with pytest.raises(PayloadError, match="an instance of linode has no role that S3 takes"):
        real(tmp_path, "linode", (f"s3://acme/runner/{runner_text().sha256}",))


def test_a_published_runner_of_another_version_is_refused_where_hosts_need_it(tmp_path: Path) -> None:
    """No host could start: what it fetches would have another SHA-256 for ever."""
    stale = (f"https://s3.example/runner/{64 * '0'}?X-Amz-Signature=a",)

    with pytest.raises(PayloadError) as refused:
        real(tmp_path, "ec2", stale, "https://deploy.internal")

    [problem] = refused.value.problems
    assert problem.message.startswith(f"'https://s3.example/runner/{64 * '0'}' is the runner of another version")
    assert problem.hint == "publish the text of this version beside it: bootstrap publish --runner"
    # A whole bundle needs none of it.
    assert real(tmp_path, "gce", stale).sources is None


def test_a_stub_takes_no_source_of_the_runner(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("version: 1\nname: x\n")
    rendering = bootstrap.load(tmp_path / "x.yaml").plan("x-1").render()
    with pytest.raises(UsageError, match="--runner-from is not for stub, which fetches the whole bundle"):
        rendering.pack("stub", url="https://x.io/b", runner_from=["disk"])
