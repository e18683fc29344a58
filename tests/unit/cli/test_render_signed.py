"""`render --sign` and `show --allowed-signers`, and the same by the Python API."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import keys
import pytest

import bootstrap
from bootstrap.cli.main import main
from bootstrap.errors import ExitCode, PayloadError
from bootstrap.payload import bundle as bundles
from bootstrap.payload.bundle import unpack
from bootstrap.payload.sign import signer, verify
from bootstrap.rendering import Rendering
from bootstrap.runner.baked.signed import split
from bootstrap.targets import layout
from bootstrap.targets.model import Packed
from bootstrap.targets.providers import provider

pytestmark = keys.needs_ssh_keygen
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
TARGETS = ("tree", "personality", "user-data", "cloud-config", "nocloud", "config-drive", "stub")


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "web.yaml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return keys.key(tmp_path)


def run(*arguments: object) -> int:
    """The exit code of `bootstrap ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in arguments])
    return int(ended.value.code or 0)


def rendered(*arguments: object, targets: tuple[str, ...] = TARGETS) -> int:
    named = [word for target in targets for word in ("--target", target)]
    return run(
        "render", "web.yaml", "--server", "web-1", "--deploy-id", DEPLOY, "--provider", "nova",
        "--url", "https://deploy.example/b", *named, *arguments,
    )  # fmt: skip


def everything(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_every_target_carries_a_signature_that_verifies(
    workdir: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = keys.allowed(workdir / "allowed", key, options='namespaces="initialrunner",valid-before="29990101Z"')
    assert rendered("--sign", key) == ExitCode.GOOD
    assert capsys.readouterr().out.endswith(f"\nsigned by ssh-ed25519 {keys.fingerprint(key)}\n")
    manifest = json.loads((workdir / "build/web-1/manifest.json").read_text())
    assert {packed["bundle"]["signed_by"] for packed in manifest["targets"]} == {keys.fingerprint(key)}

    assert run("show", "build/web-1", "--allowed-signers", allowed) == ExitCode.GOOD
    output = capsys.readouterr().out
    line = f"  signed    by ssh-ed25519 {keys.fingerprint(key)}, who is deploy@example.org\n"
    assert output.count(line) == output.count("a whole bundle of") == len(TARGETS)


def test_a_deterministic_key_gives_the_same_bytes_twice(workdir: Path, key: Path) -> None:
    assert rendered("--sign", key, "-o", "a") == rendered("--sign", key, "-o", "b") == 0
    assert everything(workdir / "a") == everything(workdir / "b")
    assert rendered("-o", "plain") == 0
    signed, plain = ((workdir / name / "web-1/user-data").read_bytes() for name in ("a", "plain"))
    assert split(signed)[0] == plain, "what is signed is the bundle as it is without --sign"


def test_the_signed_payload_is_measured(workdir: Path, key: Path) -> None:
    rendering = bootstrap.load("web.yaml").plan("web-1", deploy_id=DEPLOY).render(sign=key)
    for target in ("user-data", "personality", "stub"):
        packed = rendering.pack(target, "nova", url="https://deploy.example/b")
        assert packed.signed_by == keys.fingerprint(key)
        assert unpack(packed.payload.bundle).signature == signer(key).sign(split(packed.payload.bundle)[0])
    injected = rendering.pack("personality", "nova")
    used = {measure.what: measure.used for measure in injected.measures}
    pieces = [file for file in injected.payload.files if file.path in injected.payload.pieces]
    assert b"".join(file.content for file in pieces) == injected.payload.bundle
    assert all(used[file.path] == 4 * -(-len(file.content) // 3) for file in pieces)
    assert injected.payload.digest.encode() in injected.payload.files[-1].content


def test_only_the_chosen_layout_is_signed(workdir: Path, key: Path) -> None:
    """A file to inject, with the bundle's pieces and the trigger, is one more than Nova takes."""
    apart = "  - {path: /srv/apart, content: x, deliver: inject}\nstages:"
    (workdir / "web.yaml").write_text(SPEC.replace("stages:", apart))
    key_signer = signer(key)
    rendering = bootstrap.load("web.yaml").plan("web-1", deploy_id=DEPLOY).render(sign=key_signer)
    assert rendering.pack("personality", "nova").moved == ("/srv/apart",)
    assert rendering.personality() == rendering.personality()
    assert len(key_signer.made) == 1


def test_a_key_that_signs_differently_each_time_still_makes_one_payload(workdir: Path) -> None:
    key = keys.key(workdir, "key", "ecdsa")
    rendering = bootstrap.load("web.yaml").plan("web-1", deploy_id=DEPLOY).render(sign=key)
    assert rendering.user_data() == rendering.user_data()
    assert rendering.manifest("user-data") == rendering.manifest("user-data")


def test_a_signature_counts_in_a_limit(workdir: Path) -> None:
    """A payload that fits by less than a signature drops verbs; if they are dropped already, it is refused."""
    project = bootstrap.load("web.yaml").plan("web-1", deploy_id=DEPLOY)
    plain, signed = project.render(), project.render(sign=keys.key(workdir, "rsa", "rsa"))

    def pack(rendering: Rendering, most: int) -> Packed:
        nova = provider("nova")
        assert nova.user_data is not None
        tight = replace(nova, gzip="no", user_data=replace(nova.user_data, most=most))
        return layout.pack(rendering.rendered, "user-data", tight, sign=rendering.signer)

    whole = pack(plain, 1 << 20).measures[0].used
    assert not pack(plain, whole + 400).lean
    assert pack(signed, whole + 400).lean
    least = pack(plain, pack(plain, whole - 1).measures[0].used - 1).measures[0].used
    assert pack(plain, least + 400).lean
    with pytest.raises(PayloadError, match=f"base64 characters .*, and nova takes {least + 400:,}"):
        pack(signed, least + 400)


def test_a_fleet_is_signed(workdir: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workdir / "servers.yaml").write_text("[web-1, web-2, web-3]\n")
    assert run(
        "render", "web.yaml", "--servers", "servers.yaml", "--target", "user-data", "--sign", key, "-o", "fleet"
    ) == 0  # fmt: skip
    assert f"signed by ssh-ed25519 {keys.fingerprint(key)}" in capsys.readouterr().out
    allowed = keys.allowed(workdir / "allowed", key)
    bundled = [(workdir / f"fleet/web-{n}/user-data").read_bytes() for n in (1, 2, 3)]
    assert [verify(bundle, allowed) for bundle in bundled] == [f"deploy@example.org {keys.fingerprint(key)}"] * 3
    assert len({unpack(bundle).signature for bundle in bundled}) == 3
    index = json.loads((workdir / "fleet/manifest.json").read_text())
    assert {entry["targets"][0]["bundle"]["signed_by"] for entry in index["servers"]} == {keys.fingerprint(key)}

    fleet = bootstrap.load("web.yaml").fleet(["web-1", "web-2"])
    assert all(verify(rendering.pack("user-data").payload.bundle, allowed) for rendering in fleet.render(sign=key))


def test_a_key_that_fails_fails_the_whole_fleet(workdir: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workdir / "servers.yaml").write_text("[web-1, web-2]\n")
    key.unlink()
    code = run(
        "render", "web.yaml", "--servers", "servers.yaml", "--target", "tree", "--sign", f"{key}.pub", "-o", "fleet"
    )
    assert code == ExitCode.REFUSED
    assert (
        capsys.readouterr().err.count("its private half is not beside it, and no agent runs (all 2 servers)") == 1
    )
    assert not (workdir / "fleet").exists()


def test_a_key_that_is_not_there_is_wrong_use(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered("--sign", "nowhere") == ExitCode.USAGE
    assert capsys.readouterr().err == (
        "error[usage]: the key nowhere cannot be read: No such file or directory\n  name the file of a key\n"
    )
    assert not (workdir / "build").exists()


def test_show_names_the_key_that_a_bundle_claims(workdir: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered("--sign", key, targets=("user-data",)) == 0
    capsys.readouterr()
    assert run("show", "build/web-1/user-data") == 0
    output = capsys.readouterr().out
    claimed = f"  signed    by ssh-ed25519 {keys.fingerprint(key)}, not verified: --allowed-signers FILE does that\n"
    assert claimed in output and ", signature 247, head " in output
    assert run("show", "build/web-1/user-data", "--json") == 0
    assert json.loads(capsys.readouterr().out)["signature"] == {
        "key": keys.fingerprint(key), "kind": "ssh-ed25519", "verified": False, "principal": None,
    }  # fmt: skip
    assert run("show", "build/web-1/user-data", "--json", "--allowed-signers", keys.allowed(workdir / "as", key)) == 0
    assert json.loads(capsys.readouterr().out)["signature"] == {
        "key": keys.fingerprint(key), "kind": "ssh-ed25519", "verified": True, "principal": "deploy@example.org",
    }  # fmt: skip


def test_show_refuses_what_does_not_verify(workdir: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    allowed = keys.allowed(workdir / "allowed", key)
    assert rendered(targets=("user-data",)) == 0
    assert run("show", "build/web-1/user-data", "--allowed-signers", allowed) == ExitCode.REFUSED
    err = capsys.readouterr().err
    assert "error[payload.signature]: the bundle is not signed" in err
    assert rendered("--sign", keys.key(workdir, "other"), targets=("user-data",)) == 0
    for more in ([], ["--json"], ["--source"], ["--file", "/etc/web/port"]):
        assert run("show", "build/web-1/user-data", "--allowed-signers", allowed, *more) == ExitCode.REFUSED
    assert run("show", "web.yaml", "--allowed-signers", allowed) == ExitCode.USAGE
    assert run("show", "build/web-1/user-data", "--allowed-signers", "nowhere") == ExitCode.USAGE


def test_show_does_not_mention_a_missing_signature(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered(targets=("user-data",)) == 0
    assert run("show", "build/web-1/user-data") == 0
    assert "sign" not in capsys.readouterr().out
    assert run("show", "build/web-1/user-data", "--json") == 0
    assert json.loads(capsys.readouterr().out)["signature"] is None


def test_more_parts_than_four_are_no_bundle(workdir: Path) -> None:
    payload = bootstrap.load("web.yaml").plan("web-1").render().pack("user-data").payload
    data = payload.bundle.decode().split("\nD='", 1)[1].split("'\n", 1)[0].split("\n-\n")
    with pytest.raises(PayloadError, match="more parts than this program knows"):
        unpack(bundles.compose([*data, "AAAA", "AAAA"]))


def test_ssh_keygen_itself_verifies_what_was_rendered(workdir: Path, key: Path) -> None:
    """Without any program of ours but `split`: as the page on signing says how."""
    rendering = bootstrap.load("web.yaml").plan("web-1").render(sign=key)
    unsigned, signature = split(rendering.pack("user-data").payload.bundle)
    (workdir / "sig").write_text(f"-----BEGIN SSH SIGNATURE-----\n{signature}\n-----END SSH SIGNATURE-----\n")
    allowed = keys.allowed(workdir / "allowed", key)
    verb = ["ssh-keygen", "-Y", "verify", "-n", "initialrunner", "-I", "deploy@example.org", "-f", allowed, "-s", "sig"]
    assert subprocess.run(verb, input=unsigned, check=False, capture_output=True).returncode == 0
