"""The bundle: reproducible, ASCII, whole or nothing, and its own source can be read."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import re
import subprocess

import pytest
from box import needs_root

from bootstrap.errors import PayloadError
from bootstrap.payload import gates, pack
from bootstrap.payload.build import build
from bootstrap.payload.bundle import compose, head, reader, unpack
from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.runner import form
from bootstrap.runner.form import decode, deflated, encode

NOBODY: dict = {} if os.geteuid() else {"user": 65534, "group": 65534, "extra_groups": []}
CRON = "* * * * * root cat @FILES@ | grep -q @SHA256@ || test -e @MARK@\n"


def rendered(**changes: object) -> Rendered:
    plan = {"version": 1, "server": "web-1", "deploy_id": "d1", "revision": "0" * 12, "stages": []}
    fields: dict = {
        "server": "web-1",
        "deploy_id": "d1",
        "revision": "0" * 12,
        "host_plan": plan,
        "files": (
            RenderedFile("/etc/a", b"\x00\xff\\binary'\n"),
            RenderedFile("/etc/stage1", b"#!/bin/sh\n", 0o755, deliver="inject"),
            RenderedFile("/srv/big", b"", fetch={"url": "https://x/y", "sha256": "ab" * 32}, deliver="fetch"),
        ),
        "cron": CRON,
        "rc_local": "#!/bin/sh\nexit 0\n",
    }
    return Rendered(**{**fields, **changes})


def test_equal_input_gives_equal_bytes() -> None:
    assert build(rendered()).bundle == build(rendered()).bundle


def test_the_bundle_is_ascii_with_one_final_newline_and_no_backslash() -> None:
    bundle = build(rendered()).bundle
    assert bundle.isascii() and bundle.endswith(b"\n") and not bundle.endswith(b"\n\n")
    assert not set(bundle) & set(b"\\\r\0\t")
    assert max(map(len, bundle.splitlines())) < 998


def test_what_goes_in_comes_out() -> None:
    payload = build(rendered())
    inside = unpack(payload.bundle)
    assert inside.files == {"/etc/a": b"\x00\xff\\binary'\n"}
    assert inside.digest == payload.digest == hashlib.sha256(payload.bundle).hexdigest()
    assert [f["path"] for f in inside.plan["files"]] == ["/etc/a", "/etc/stage1", "/srv/big", "/etc/rc.local"]
    assert (inside.hot, inside.cold) == pack.sources(absent=gates.absent(inside.plan))


def test_injected_files_travel_apart_and_the_trigger_is_last() -> None:
    payload = build(rendered())
    assert [f.path for f in payload.files] == [
        "/etc/stage1",
        "/etc/rc.local",
        "/etc/initialrunner/bundle",
        "/etc/cron.d/initialrunner",
    ]
    assert payload.digest in payload.files[-1].content.decode()


def test_in_one_stream_everything_rides_inside() -> None:
    inside = unpack(build(rendered(), channel="single").bundle)
    assert set(inside.files) == {"/etc/a", "/etc/stage1", "/etc/rc.local"}
    assert all(f.get("deliver", "bundle") != "inject" for f in inside.plan["files"])


def test_a_large_bundle_is_cut_into_named_pieces_under_one_digest() -> None:
    payload = build(rendered(), chunk_bytes=7680)
    pieces = [f for f in payload.files if f.path.startswith("/etc/initialrunner/")]
    assert [p.path for p in pieces] == [f"/etc/initialrunner/bundle.{n}" for n in range(1, len(pieces) + 1)]
    assert b"".join(p.content for p in pieces) == payload.bundle
    assert max(len(p.content) for p in pieces) <= 7680
    assert " ".join(p.path for p in pieces) in payload.files[-1].content.decode()


def test_more_than_nine_pieces_are_refused_with_the_numbers() -> None:
    with pytest.raises(PayloadError, match=r"the bundle has \d+ bytes: \d+ files of 1000 bytes; 9 is the most"):
        build(rendered(), chunk_bytes=1000)


@pytest.mark.parametrize("wrap", [bytes, gzip.compress, base64.b64encode, lambda b: base64.b64encode(gzip.compress(b))])
def test_a_bundle_is_known_in_every_wrapping(wrap) -> None:
    bundle = build(rendered()).bundle
    assert unpack(wrap(bundle)).digest == hashlib.sha256(bundle).hexdigest()


@pytest.mark.parametrize("at", [40, 700, 3000, -200, -80, -1])
def test_one_changed_byte_is_found(at: int) -> None:
    bundle = bytearray(build(rendered()).bundle)
    bundle[at] ^= 1
    with pytest.raises(PayloadError):
        unpack(bytes(bundle))


def test_damage_within_gzip_is_found() -> None:
    """Found by fuzzing: zlib's own error is none of those that gzip documents."""
    wrapped = bytearray(gzip.compress(build(rendered()).bundle, mtime=0))
    wrapped[10] = 0xFF
    with pytest.raises(PayloadError, match="outside ASCII"):
        unpack(bytes(wrapped))


@pytest.mark.parametrize(
    "plan", [b"null", b"[]", b"{}", b'{"files": [1]}', b"[" * 20_000], ids=lambda plan: plan[:9].decode()
)
def test_a_right_digest_around_a_plan_that_is_none_of_ours_is_refused(plan: bytes) -> None:
    """Found by fuzzing: each was a traceback."""
    dictionary = pack.sources()[0].encode()
    parts = [pack.packed(), *(pack.deflate(part, dictionary) for part in (plan, b""))]
    with pytest.raises(PayloadError, match="its plan is not one of this program's"):
        unpack(compose(parts))


@pytest.mark.parametrize("size", [0, 1, 2, 12, 13, 14, 100, 403, 404, 4095, 4096])
def test_sixteen_for_thirteen_text_carries_any_bytes(size: int) -> None:
    data = os.urandom(size)
    text = encode(data)
    assert decode(text)[:size] == data and set(decode(text)[size:]) <= {0} and len(decode(text)) < size + 13
    assert not set(text) & set("'\\{") and "\n-\n" not in f"\n{text}\n"


def cut_points() -> list[int]:
    """Fifty places before the end of the digest: the first bytes, the seams of the parts, the last line, a spread."""
    size = len(build(rendered(), channel="single").bundle)
    digest_ends = size - len(' "$@"\n')
    last_line = range(digest_ends - 72, digest_ends, 4)
    return sorted({1, 9, 10, 40, 90, 107, *last_line, *range(120, size - 80, size // 26)})


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_a_bundle_cut_off_anywhere_runs_nothing(shell: str) -> None:
    """The verb `source` prints the runner: harmless, and proof that the runner was started.

    No cut behind the digest: that loses only the arguments, and without them a bundle installs itself. A cut within
    it would too if nobody looked at the digest; so not as root, who alone may install.
    """
    bundle = build(rendered(), channel="single").bundle
    points, digest = cut_points(), bundle.rindex(b"_bundle ") + len(b"_bundle ")
    assert len(points) >= 50
    for cut in points:
        run = subprocess.run(
            [*shell.split(), "-s", "source"], input=bundle[:cut], capture_output=True, timeout=30, **NOBODY
        )
        assert run.stdout == b"", (cut, run.stdout[:200])
        assert cut <= digest or (run.returncode, b"nothing was run" in run.stderr) == (4, True), (cut, run.stderr[:200])


@needs_root
def test_the_whole_bundle_prints_the_source_it_holds() -> None:
    bundle = build(rendered(), channel="single").bundle
    run = subprocess.run(["sh", "-s", "source"], input=bundle, capture_output=True, timeout=30, check=True)
    assert run.stdout == b"\n".join(modules_in(bundle)) + b"\n"


def modules_in(bundle: bytes) -> list[bytes]:
    inside = unpack(bundle)
    return [module for part in (inside.hot, inside.cold) for module in part.encode().split(form.SEAM)]


def test_a_traceback_names_a_line_of_a_module_that_source_prints() -> None:
    bundle = build(rendered(), channel="single").bundle
    code, _, files = form.WHOLE.fullmatch(bundle)[2].decode().split(form.SEPARATOR)
    # Its plan is no map, which no renderer would write.
    broken = compose([code, pack.deflate(b"null", unpack(bundle).hot.encode()), files])
    run = subprocess.run(["sh", "-s", "why"], input=broken, capture_output=True, timeout=30, **NOBODY)
    module, line, error = re.findall(r'File "([a-z/]+\.py)", line (\d+), in filled\n(.*)', run.stderr.decode())[-1]
    assert module == "defaults.py" and error.startswith("TypeError")
    printed = subprocess.run(["sh", "-s", "source", module], input=bundle, capture_output=True, timeout=30, check=True)
    lines = printed.stdout.decode().split("\n")
    assert lines[0] == "#defaults.py" and "dict(PLAN" in lines[int(line) - 1]
    assert sum(line.startswith("#") for line in lines) == 1


@pytest.mark.fault(83)
def test_the_head_says_what_is_missing_on_a_host_without_python(tmp_path) -> None:
    bundle = tmp_path / "bundle"
    bundle.write_bytes(build(rendered(), channel="single").bundle)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("grep", "tee", "logger"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n")
        (tools / name).chmod(0o755)
    run = subprocess.run(["/bin/sh", bundle, "source"], capture_output=True, text=True, env={"PATH": str(tools)})
    assert run.returncode == 75
    assert "install the package python3 (python3-minimal is not enough)" in run.stderr


def test_packed_source_has_no_comments_docstrings_or_own_imports() -> None:
    for text in pack.sources():
        compile(text, "packed", "exec")
        assert "bootstrap.runner" not in text and '"""The ' not in text and " # " not in text


def test_two_modules_with_one_name_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "one.py").write_text("def main():\n    return fetch()\n\n\ndef fetch():\n    pass\n")
    (tmp_path / "two.py").write_text("def fetch():\n    pass\n")
    for name, value in (("_RUNNER", tmp_path), ("HOT", ("one",)), ("COLD", ("two",))):
        monkeypatch.setattr(pack, name, value)
    pack.sources.cache_clear()
    pack.marked.cache_clear()
    with pytest.raises(PayloadError, match=r"runner/two.py and runner/one.py both define fetch"):
        pack.sources()
    pack.sources.cache_clear()
    pack.marked.cache_clear()


def test_neither_reader_nor_head_holds_a_character_that_the_glue_forbids() -> None:
    for text in reader(), head():
        assert text.isascii() and not set(text) & set("'\\")


@pytest.mark.parametrize("length", [0, 1, 2, 12, 13, 14, 26, 402, 403, 404, 1000])
def test_the_fast_packing_of_the_generator_is_that_of_the_runner(length: int) -> None:
    for data in (bytes(length), b"\xff" * length, bytes(range(256)) * 4, bytes(range(256)) * 4 + bytes(length)):
        assert pack.encode(data) == encode(data)
        assert pack.deflate(data, b"a dictionary") == encode(deflated(data, b"a dictionary"))
