"""User-data of several parts: cloud-init's judgement of each, its bytes, and the refusal of what it would skip."""

from __future__ import annotations

import gzip
from email import message_from_bytes
from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.payload.refused import Refused
from bootstrap.targets import mime
from bootstrap.targets.mime import Part

OURS = b"#!/bin/sh\n# ours\n_bundle() {\n}\n_bundle 00\n"


def leaves(message: bytes) -> list[tuple[str, bytes]]:
    return [
        (part.get_content_type(), part.get_payload(decode=True))
        for part in message_from_bytes(message).walk()
        if not part.is_multipart()
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("#cloud-config\npackages: [git]\n", "text/cloud-config"),
        ("\n #Cloud-Config\npackages: [git]\n", "text/cloud-config"),
        ("#cloud-config-archive\n- {type: text/cloud-config, content: x}\n", "text/cloud-config-archive"),
        ("#cloud-config-jsonp\n[]\n", "text/cloud-config-jsonp"),
        ("#!/bin/bash\ntrue\n", "text/x-shellscript"),
        ("#!/usr/bin/python3\n", "text/x-shellscript"),
        ("#cloud-boothook\n#!/bin/sh\n", "text/cloud-boothook"),
        ("#include\nhttp://x/\n", "text/x-include-url"),
        ("#include-once\nhttp://x/\n", "text/x-include-once-url"),
        ("#part-handler\n", "text/part-handler"),
        ("## template: jinja\n#cloud-config\n{}\n", "text/jinja2"),
        ("#cloud-config\n", "text/cloud-config"),
    ],
)
def test_a_part_is_what_its_first_line_says(text: str, kind: str) -> None:
    message = mime.compose(OURS, [Part("x", text.encode())])

    assert leaves(message) == [("text/cloud-boothook", OURS), (kind, text.encode())]


@pytest.mark.parametrize(
    "text",
    [
        *("#!/bin/sh\necho ünï\n", "#!/bin/sh\n" + "x" * 5_000, "#!/bin/sh\nend", "#!/bin/sh\n\n\n"),
        *("#!/bin/sh\na\rb\n", "#!/bin/sh\n--==\nFrom here\n.\n"),
    ],
    ids=["unicode", "long line", "no newline", "newlines", "lone CR", "like a boundary"],
)
def test_every_byte_of_a_part_arrives(text: str) -> None:
    assert leaves(mime.compose(OURS, [Part("x", text.encode())]))[1] == ("text/x-shellscript", text.encode())


def test_line_ends_of_dos_are_those_cloud_init_would_make() -> None:
    assert leaves(mime.compose(OURS, [Part("x", b"#!/bin/sh\r\ntrue\r\n")]))[1][1] == b"#!/bin/sh\ntrue\n"


def test_parts_keep_their_order_and_equal_parts_give_equal_bytes() -> None:
    parts = [Part("b", b"#!/bin/sh\nb\n"), Part("a", b"#!/bin/sh\na\n")]

    message = mime.compose(OURS, parts)

    assert [data for _, data in leaves(message)] == [OURS, parts[0].data, parts[1].data]
    assert message == mime.compose(OURS, parts)
    assert message != mime.compose(OURS, parts[::-1])


def test_a_message_of_several_parts_goes_in_whole() -> None:
    theirs = mime.compose(b"#!/bin/sh\ntheirs\n", [Part("x", b"#cloud-config\n{}\n")])

    assert [data for _, data in leaves(mime.compose(OURS, [Part("x", theirs)]))] == [
        OURS, b"#!/bin/sh\ntheirs\n", b"#cloud-config\n{}\n",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"packages: [git]\n", "x: cloud-init does not know what 'packages: [git]' begins, and would skip it"),
        (b"# cloud-config\n{}\n", "x: cloud-init does not know what '# cloud-config' begins, and would skip it"),
        (b"#cloud-configs\n{}\n", "x: '#cloud-configs' is not #cloud-config"),
        (b"#cloud-config\n- a\n", "x: a cloud-config is a map"),
        (b"#cloud-config\na: [\n", "x:3: is not YAML: did not find expected node content"),
        (b"\n#!/bin/sh\n", "x: has blanks before #!, so that the kernel would not run it"),
        (b"", "x: is empty"),
        (b"\xef\xbb\xbf#cloud-config\n", "x: begins with a byte order mark, which hides its first line"),
        (b"#!/bin/sh\n\xff\n", "x: is not UTF-8"),
        (b"#!/bin/sh\n\0\n", "x: holds a NUL byte"),
        (gzip.compress(b"#!/bin/sh\n", mtime=0), "x: is compressed"),
        (b"Content-Type: text/plain\n\nx\n", "x: is not a whole MIME message of several parts"),
    ],
)
def test_what_cloud_init_would_not_understand_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(Refused) as refused:
        mime.compose(OURS, [Part("x", data)])

    assert [problem.message for problem in refused.value.problems] == [message]
    assert refused.value.problems[0].hint


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Refused) as refused:
        mime.compose(OURS, [Part("a", b""), Part("b", b"#!/bin/sh\n"), Part("c", b"x\n")])

    assert [problem.message.split(":")[0] for problem in refused.value.problems] == ["a", "c"]


def test_a_path_is_a_file_and_a_text_is_the_content(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"#!/bin/sh\n")

    parts = mime.read([tmp_path / "f", "#cloud-config\n", b"#!/bin/sh\nb\n"])

    assert [(part.name, part.data) for part in parts] == [
        (f"{tmp_path}/f", b"#!/bin/sh\n"), ("part 2", b"#cloud-config\n"), ("part 3", b"#!/bin/sh\nb\n"),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        mime.read([tmp_path / "g"])
