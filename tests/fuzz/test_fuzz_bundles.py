"""A bundle damaged anywhere: `show` refuses it, and so does its own head, on a host, before anything of it runs."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from box import Box, needs_root
from fuzz_strategies import effort, values
from handmade import payload, stage
from hypothesis import event, example, given
from hypothesis import strategies as st

from bootstrap.cli import show
from bootstrap.errors import PayloadError, UsageError
from bootstrap.payload import gates, pack
from bootstrap.payload.build import build
from bootstrap.payload.bundle import compose, unpack
from bootstrap.render.model import Rendered, RenderedFile
from bootstrap.runner import form
from bootstrap.runner.form import encode
from bootstrap.targets import cloud_config, personality

FILES = {"/srv/text": b"it's a text\n", "/srv/bytes": bytes(range(256)), "/srv/empty": b""}
PAYLOAD = payload([stage("one", "touch /srv/ran\n")], files=[RenderedFile(*one) for one in FILES.items()])
BUNDLE = PAYLOAD.bundle
# Half the digest ends it: what the last line hands on comes after the digest, which cannot prove it; a trigger's can.
PROVEN = BUNDLE[: -32 - len(b' "$@"\n')]
MODULES = form.SEAM.decode().join(pack.sources(False, gates.absent(unpack(BUNDLE).plan)))
SOURCE = MODULES.replace(form.SEAM.decode(), "\n") + "\n"


@dataclass(frozen=True)
class Damaged:
    """Bytes that something has happened to, and what."""

    how: str
    at: int
    data: bytes = field(repr=False)


@st.composite
def damaged_bytes(draw: Callable[[Any], Any], data: bytes) -> Damaged:
    """Other bytes than these: one changed, some cut out, doubled, moved or put in, the end cut off or grown."""
    # Half of the places are where much depends on each byte: the first lines and the last.
    size = len(data)
    at = draw(st.integers(0, size - 1) | st.integers(0, 200) | st.integers(size - 200, size - 1))
    to = min(size, at + draw(st.integers(1, 100)))
    how = draw(st.sampled_from(["one byte", "cut off", "cut out", "doubled", "put in", "appended", "another's place"]))
    event(how)
    if how == "one byte":
        other = draw(st.sampled_from(b"'\"\n\\ #;x0\x00\xff") | st.integers(0, 255))
        found = data[:at] + bytes([other]) + data[at + 1 :]
    elif how == "cut off":
        found = data[:at]
    elif how == "cut out":
        found = data[:at] + data[to:]
    elif how == "doubled":
        found = data[:to] + data[at:]
    elif how == "put in":
        found = data[:at] + draw(st.binary(min_size=1, max_size=5)) + data[at:]
    elif how == "appended":
        found = data + draw(st.sampled_from([b"\n", b" ", b"\0", b"true\n", data, data[at:], data[-80:]]))
    else:
        found = data[:at] + data[to:] + data[at:to]
    return Damaged(how, at, found if found != data else data + b"\n")


@given(damaged=damaged_bytes(BUNDLE))
@effort(300)
def test_a_damaged_bundle_is_refused(damaged: Damaged) -> None:
    with pytest.raises(PayloadError, match=r"whole bundle|damaged|outside ASCII"):
        unpack(damaged.data)


WAYS: dict[str, bytes] = {
    "gzip": gzip.compress(BUNDLE, mtime=0),
    "base64": base64.encodebytes(BUNDLE),
    "base64 of gzip": base64.b64encode(gzip.compress(BUNDLE, mtime=0)),
    "personality": personality.text(PAYLOAD).encode(),
    "cloud-config": cloud_config.text(PAYLOAD).encode(),
}


def shown(path: Path) -> str | None:
    """What `bootstrap show` prints of a file, None when it refuses it."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        try:
            show.command.main(args=[str(path)], prog_name="bootstrap", standalone_mode=False)
        except (PayloadError, UsageError) as error:
            event(f"refused: {error.code}")
            return None
    return printed.getvalue()


@given(damaged=st.sampled_from(sorted(WAYS)).flatmap(lambda way: damaged_bytes(WAYS[way])))
@effort(150)
def test_what_carries_a_bundle_is_refused_or_carries_the_very_same(tmp_path: Path, damaged: Damaged) -> None:
    """Spaces in base64, or a byte of gzip's time stamp, change nothing of what is inside."""
    path = tmp_path / "carrier"
    path.write_bytes(damaged.data)
    try:
        text = shown(path)
    except Exception as error:
        # Whatever no longer begins as a carrier does is read as a spec.
        assert type(error).__name__ == "SpecError", error
        return
    assert text is None or PAYLOAD.digest in text


DEEP = "deep"


@given(
    tree=st.lists(st.fixed_dictionaries({"path": values, "contents": values, "content": values}), max_size=3) | values,
    form=st.sampled_from(["[", "#cloud-config\n", "#cloud-config\n{write_files: "]),
)
@example(DEEP, "[")
@example(DEEP, "#cloud-config\n")
@effort(80)
def test_what_only_looks_like_a_carrier_is_refused(tmp_path: Path, tree: Any, form: str) -> None:
    path = tmp_path / "carrier"
    if tree is DEEP:
        path.write_text(form + "[" * 20_000)
    elif form == "[":
        path.write_text(json.dumps(tree if isinstance(tree, list) else [tree]))
    else:
        whole = tree if form.endswith("\n") else {"write_files": tree}
        path.write_text("#cloud-config\n" + yaml.safe_dump(whole))
    assert shown(path) is None


packed_text = st.binary(max_size=30).map(encode) | st.text("()AZaz09~\n-", max_size=20)


@given(parts=st.lists(packed_text, min_size=3, max_size=3), plan=values, keep=st.integers(0, 3))
@effort(80)
def test_a_right_digest_around_wrong_contents_is_refused(parts: list[str], plan: Any, keep: int) -> None:
    """Nobody's damage, but anybody's file: it must be refused, not end in a traceback."""
    dictionary = pack.sources()[0].encode()
    made = [pack.packed(), pack.deflate(json.dumps(plan).encode(), dictionary), pack.deflate(b"x", dictionary)]
    try:
        bundle = compose([*made[:keep], *parts[keep:]])
    except PayloadError:
        return
    try:
        unpacked = unpack(bundle)
    except PayloadError:
        return
    assert isinstance(unpacked.plan, dict)


@given(contents=st.lists(st.binary(max_size=2000) | st.just(b"\0" * 9), max_size=5), single=st.booleans())
@effort(60)
def test_what_goes_in_comes_out(contents: list[bytes], single: bool) -> None:
    files = tuple(RenderedFile(f"/srv/{number}", data) for number, data in enumerate(contents))
    plan = {"version": 1, "name": "web", "server": "web-1", "deploy_id": "d1", "revision": "0" * 12, "stages": []}
    rendered = Rendered("web-1", "d1", "0" * 12, plan, files, "@FILES@ @SHA256@ @MARK@\n")
    bundle = build(rendered, channel="single" if single else "files").bundle
    assert list(unpack(bundle).files.values()) == contents


# --- on a host --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    """A host for heads: a bundle must never run outside one, since what is left of it may install itself."""
    with Box() as one:
        yield one


@pytest.mark.integration
@needs_root
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
@given(damaged=damaged_bytes(PROVEN))
@effort(12)
def test_a_damaged_head_starts_nothing_but_the_very_runner(box: Box, shell: str, damaged: Damaged) -> None:
    """`source` prints the runner: a proof that it was started.

    Damage around the three quoted strings, in a comment or in a word of the glue, is no damage: the head makes those
    anew for the digest, and what then runs is the very runner. Any within them must be found.
    """
    whole = damaged.data + BUNDLE[len(PROVEN) :]
    done = box.run(*shell.split(), "-s", "source", input=whole)
    strings = BUNDLE[BUNDLE.index(b"P='") : BUNDLE.index(b'eval "$H"')]
    event(f"{'around' if strings in whole else 'inside'}: exit {done.returncode}")
    if strings in whole and done.stdout:
        assert (done.returncode, done.stdout) == (0, SOURCE)
    else:
        # What is cut off before its end may be a text that does nothing: then it is no failure either.
        assert done.stdout == ""
    assert not box.exists("/srv/ran") and not box.exists("/var/lib/initialrunner/journal")


@pytest.mark.integration
@needs_root
def test_the_whole_head_starts_the_runner(box: Box) -> None:
    for shell in "dash", "bash", "busybox sh":
        done = box.run(*shell.split(), "-s", "source", input=BUNDLE)
        assert (done.returncode, done.stdout) == (0, SOURCE)
