"""The program of an image over a machine in a folder: it looks, judges, hands over once, and says what it waits for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from checkout import Machine, MakeMachine, as_root
from handmade import payload, stage, whole_code
from scripted_site import Site

from bootstrap.payload.split import runner_text
from bootstrap.runner.baked import program, sources, verbs
from bootstrap.targets import stub

Capture = pytest.CaptureFixture[str]
with whole_code():
    PAYLOAD = payload([stage("one", "true")])


@pytest.fixture
def image(machine: MakeMachine, mocker: Any) -> Callable[..., Machine]:
    """Makes a machine from an image: no bundle yet. What it logs is its attribute `logged`."""
    mocker.patch.object(program, "cloud_init_runs", return_value=False)
    logged = mocker.patch.object(program.syslog, "syslog")
    read = sources.read_some

    def read_as_root(host: Any, path: str) -> Any:
        content = read(host, path)
        return content and (content[0], as_root(content[1]))

    mocker.patch.object(sources, "read_some", side_effect=read_as_root)

    def make(*sources: str) -> Machine:
        box = machine(PAYLOAD)
        for path in ("/etc/initialrunner/bundle", "/etc/cron.d/initialrunner"):
            box.path(path).unlink()
        box.put("/etc/initialrunner/image.json", json.dumps({"version": 1, "sources": sources or ["files"]}))
        box.put("/etc/cloud/cloud.cfg", "")
        for program_ in ("sh",):
            box.host.exits[program_] = 0
        box.logged = logged  # type: ignore[attr-defined]
        return box

    return make


def tick(box: Machine, *words: str) -> int:
    try:
        return int(program.tick(box.host, list(words)))
    finally:
        box.unlock()


def started(box: Machine) -> None:
    """As a bundle leaves the machine that has begun: with its trigger and a journal."""
    box.put("/etc/cron.d/initialrunner", f"sha256sum {PAYLOAD.digest}\n")
    box.put("/var/lib/initialrunner/journal", '{"type": "started", "seq": 1}\n')


def verb(box: Machine, capsys: Capture, name: str, *words: str) -> tuple[int, str]:
    code = getattr(verbs, name)(box.host, list(words))
    return code, capsys.readouterr().out


def test_without_a_bundle_it_waits_and_says_for_what(image: Any, capsys: Capture) -> None:
    box = image()
    assert tick(box, "--for", "9") == 75
    code, text = verb(box, capsys, "why")
    assert code == 75 and "no " in text and "files" in text
    assert "waiting" in verb(box, capsys, "status")[1]
    facts = json.loads(verb(box, capsys, "status", "--json")[1])
    assert facts["state"] == "waiting" and "files" in facts["sources"]


def test_an_injected_bundle_is_taken_once(image: Any, capsys: Capture) -> None:
    box = image()
    box.put("/etc/initialrunner/bundle", PAYLOAD.bundle)
    box.monkeypatch.setattr(program, "goes_on", lambda host: bool(box.host.started))
    assert tick(box) == 0
    assert box.host.started[0].startswith("sh ") and box.host.started[0].endswith("/found")
    taken = json.loads(box.path("/var/lib/initialrunner/taken").read_text())
    assert (taken["source"], taken["sha256"]) == ("files", PAYLOAD.digest)
    assert tick(box) == 0
    assert len([command for command in box.host.started if command.startswith("sh ")]) == 1
    assert "taken" in verb(box, capsys, "status")[1]
    assert verb(box, capsys, "why")[0] == 0


def test_a_bundle_that_does_not_start_is_tried_again(image: Any, capsys: Capture) -> None:
    box = image()
    box.put("/etc/initialrunner/bundle", PAYLOAD.bundle)
    box.host.exits["sh"] = 7
    assert tick(box) == 75
    assert not box.path("/var/lib/initialrunner/taken").exists()
    assert "7" in verb(box, capsys, "why")[1] and "exit 7" in verb(box, capsys, "status")[1]


@pytest.mark.parametrize(("content", "part"), [(PAYLOAD.bundle[:5000], "torn"), (b"words", "no bundle")])
def test_what_is_no_whole_bundle_is_named(image: Any, capsys: Capture, content: bytes, part: str) -> None:
    box = image()
    box.put("/etc/initialrunner/bundle", content)
    assert tick(box) == 75
    assert part in verb(box, capsys, "why")[1]


def test_a_bundle_that_others_could_write_is_refused(image: Any, capsys: Capture) -> None:
    box = image()
    box.put("/etc/initialrunner/bundle", PAYLOAD.bundle, 0o666)
    # The stat of a source is not as of root: whoever runs the tests owns it.
    assert tick(box) == 75
    assert "0666" in verb(box, capsys, "why")[1]


def test_an_unsigned_bundle_is_refused_where_signers_are_named(image: Any, capsys: Capture, mocker: Any) -> None:
    box = image("cloud-init")
    box.put("/etc/initialrunner/allowed_signers", "me ssh-ed25519 AAAA\n")
    box.put("/var/lib/cloud/instance/user-data.txt", PAYLOAD.bundle)
    assert tick(box) == 75
    assert "refused" in verb(box, capsys, "why")[1]


@pytest.mark.parametrize("source", ["ec2", "openstack"])
def test_a_metadata_service_is_asked(image: Any, mocker: Any, source: str) -> None:
    answers = {"/latest/api/token": b"token"}
    mocker.patch.object(sources, "request", side_effect=lambda method, url, *_: answers.get(url.partition("1:1")[2]))
    box = image(f"{source}=http://127.0.0.1:1")
    assert tick(box) == 75
    answers["/latest/user-data" if source == "ec2" else "/openstack/latest/user_data"] = PAYLOAD.bundle
    box.monkeypatch.setattr(program, "goes_on", lambda host: bool(box.host.started))
    assert tick(box) == 0
    taken = json.loads(box.path("/var/lib/initialrunner/taken").read_text())
    assert taken["source"].startswith(source)


def test_files_beside_the_bundle_come_along(image: Any) -> None:
    from bootstrap.render.model import RenderedFile

    beside = payload([stage("one", "true")], files=[RenderedFile("/srv/beside", b"beside", deliver="inject")])
    with Site() as site:
        root = site.put("/", b"").rstrip("/")
        files = [
            {"path": "/etc/initialrunner/bundle", "content_path": "/content/0000"},
            {"path": "/srv/beside", "content_path": "/content/0001"},
        ]
        site.put("/openstack/latest/meta_data.json", json.dumps({"files": files}).encode())
        site.put("/openstack/content/0000", beside.bundle)
        site.put("/openstack/content/0001", b"beside")
        box = image(f"openstack={root}")
        box.everywhere("BUNDLE", "/etc/initialrunner/bundle")  # the name in the layout, not a path of this machine
        box.monkeypatch.setattr(program, "goes_on", lambda host: bool(box.host.started))
        assert tick(box) == 0
    assert box.path("/srv/beside").read_bytes() == b"beside"


@pytest.mark.parametrize(
    ("mark", "clone", "state"), [("", False, "builder"), ("{}", False, "builder"), ("", True, "waiting")]
)
def test_the_builder_of_an_image_takes_nothing_and_its_clones_do(
    image: Any, capsys: Capture, mark: str, clone: bool, state: str
) -> None:
    box = image()
    facts = {"boot_id": box.host.boot_id, "product_uuid": box.host.ids()[0]}
    box.put("/var/lib/initialrunner/builder", mark or json.dumps(facts))
    if clone:
        box.host.boot_id, box.host.identity = "boot-2", ("another", "machine")
    facts = json.loads(verb(box, capsys, "status", "--json")[1])
    assert facts["state"] == state
    assert verb(box, capsys, "why")[0] == (75 if clone else 0)


def test_an_image_without_its_settings_says_so(image: Any, capsys: Capture) -> None:
    box = image()
    box.path("/etc/initialrunner/image.json").unlink()
    assert tick(box) == 0
    assert verb(box, capsys, "why")[0] == 5


def test_a_bundle_that_came_another_way_ends_the_search(image: Any) -> None:
    box = image()
    started(box)
    assert tick(box) == 0
    taken = json.loads(box.path("/var/lib/initialrunner/taken").read_text())
    assert (taken["source"], taken["sha256"]) == ("another way", PAYLOAD.digest)


def test_after_ten_minutes_people_are_told(image: Any) -> None:
    box = image()
    tick(box)
    box.host.clock += 600
    tick(box)
    tick(box)
    assert len(box.host.said) == 1


def test_cloud_init_comes_first_and_has_its_time(image: Any, mocker: Any) -> None:
    box = image("ec2=http://127.0.0.1:1")
    mocker.patch.object(program, "cloud_init_runs", return_value=True)
    assert tick(box) == 75
    assert program.read_json(box.host, program.SEEN) == {}
    box.host.clock += 601
    tick(box)
    assert len(program.read_json(box.host, program.SEEN)["sources"]) == 2


@pytest.mark.parametrize(("argv", "code"), [([], 0), (["help"], 0), (["nonsense"], 2), (["status"], 2), (["tick"], 0)])
def test_main_answers(image: Any, mocker: Any, capsys: Capture, argv: list[str], code: int) -> None:
    box = image()
    mocker.patch.object(verbs, "guard")
    mocker.patch.object(verbs, "Host", return_value=box.host)
    mocker.patch.dict(verbs.os.environ)
    mocker.patch.object(program, "locked", return_value=False)
    mocker.patch("os.geteuid", return_value=0 if argv == ["tick"] else 1000)
    assert verbs.main(argv) == code


# --- a carrier ---


def carried_image(image: Any, *urls: str) -> Machine:
    """An image whose cloud-init has stored a carrier of the payload; its text is not there yet."""
    box: Machine = image("cloud-init")
    box.put("/var/lib/cloud/instance/user-data.txt", payload([stage("one", "true")], sources=urls).script)
    box.monkeypatch.setattr(program, "goes_on", lambda host: bool(box.host.started))
    return box


TEXT = runner_text()
PLACE = f"/usr/lib/initialrunner/{TEXT.sha256}"
WHOLE = payload([stage("one", "true")], sources=[])


def seen(box: Machine) -> str:
    return str(program.read_json(box.host, program.SEEN)["sources"]["cloud-init"])


def test_a_carrier_is_taken_with_the_text_of_the_image(image: Any) -> None:
    box = carried_image(image)
    box.put(PLACE, TEXT.content)
    assert tick(box) == 0
    taken = json.loads(box.path("/var/lib/initialrunner/taken").read_text())
    assert (taken["source"], taken["sha256"]) == ("cloud-init", WHOLE.digest)
    assert seen(box) == f"a whole bundle of {len(WHOLE.bundle)} bytes, with the runner of this image"


def test_a_carrier_for_another_toolkit_is_explained_and_waited_for(image: Any, capsys: Capture) -> None:
    box = carried_image(image)
    box.put(f"/usr/lib/initialrunner/{'0' * 64}", "of another version")
    assert tick(box) == 75
    needs = (
        f"this image has the runner 000000000000, the payload needs {TEXT.sha256[:12]}: "
        "bake again with that toolkit, or render with --runner-from URL"
    )
    assert seen(box) == needs
    assert needs in verb(box, capsys, "why")[1] and needs in verb(box, capsys, "status")[1]
    assert not box.host.started and not box.path(program.REST).exists()
    box.put(PLACE, TEXT.content)
    assert tick(box) == 0


def test_a_damaged_text_is_named_and_the_next_place_is_asked(image: Any) -> None:
    with Site() as site:
        secret, right = site.put("/wrong?secret", TEXT.content[1:]), site.put("/right", TEXT.content)
        wrong = secret.removesuffix("?secret")
        box = carried_image(image, secret, f"{site.url}/none")
        box.put(PLACE, TEXT.content[:-9])
        assert tick(box) == 75
        assert seen(box) == (
            f"{box.host.at(PLACE)} is damaged; {wrong}: other bytes than the carrier names: "
            f"SHA-256 {hashlib.sha256(TEXT.content[1:]).hexdigest()}; {site.url}/none: answer 404"
        )
        assert not box.path(program.REST).exists()
        carrier = payload([stage("one", "true")], sources=[secret, right]).script
        box.put("/var/lib/cloud/instance/user-data.txt", carrier)
        box.host.clock += 60
        assert tick(box) == 0
        assert seen(box).endswith(f", with the runner from {right}")
    assert not box.path(program.REST).exists()


def test_the_urls_of_a_carrier_are_not_asked_at_every_look(image: Any) -> None:
    with Site() as site:
        box = carried_image(image, f"{site.url}/none")
        assert tick(box, "--for", "40") == 75
        assert len(site.asked) == 3


def test_a_stub_may_lead_to_a_carrier(image: Any) -> None:
    with Site() as site:
        box = carried_image(image)
        carrier = box.path("/var/lib/cloud/instance/user-data.txt").read_bytes()
        url = site.put("/carrier", carrier)
        box.put("/var/lib/cloud/instance/user-data.txt", stub.text(url, hashlib.sha256(carrier).hexdigest()))
        box.put(PLACE, TEXT.content)
        assert tick(box) == 0
