"""Judges `files` and `wait_for`: files that cannot be delivered, and secrets that others could read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bootstrap.errors import Problem
from bootstrap.spec.types import CREDENTIALS, MARKS, Misfit, has_credentials, is_template, is_url, rendered

if TYPE_CHECKING:
    from bootstrap.spec.load import Spec
    from bootstrap.spec.models import File

LOOPBACK = ("localhost", "127.0.0.1", "::1")
GROUP_READS = 0o040


def judge(spec: Spec) -> Iterator[Problem]:
    """Every problem of the files that a spec places or waits for."""
    for number, file in enumerate(spec.model.files):
        yield from _folder(spec, number, file)
        yield from _secret(spec, number, file)
        yield from _delivery(spec, number, file)
        yield from _after(spec, number, file)
    # Existence is not enough: a file that is still being written exists, too.
    for number, entry in enumerate(spec.model.wait_for):
        if entry.sha256 is None and entry.min_size is None and entry.settle is None:
            message = f"wait_for[{number}]: the spec does not say when {entry.path} is complete"
            where = spec.where("wait_for", number, "path")
            yield Problem("spec.choice", message, where, "add sha256, or min_size and settle")


def _folder(spec: Spec, number: int, file: File) -> Iterator[Problem]:
    """Problems of paths that are made of the path of a folder and a file's name in it."""
    for name, source in spec.folder(number).items():
        key = f"files[{number}].source: {source.name}"
        mark = next((mark for mark in MARKS if mark in name), None)
        if mark:
            message = f"{key}: its name contains {mark}, and the path on the server is a template"
            yield Problem("spec.template", message, source.where, "choose another name")
        elif not is_template(file.path):
            try:
                rendered("path", f"{file.path}/{name}")
            except Misfit as misfit:
                yield Problem("spec.path", f"{key}: {misfit.message}", source.where, misfit.hint)


def _secret(spec: Spec, number: int, file: File) -> Iterator[Problem]:
    key = f"files[{number}]"
    if file.secret and file.mode is not None and file.mode & 0o077:
        others = file.mode & 0o077 & ~GROUP_READS
        # root:root is the default. Only a group that the spec names is meant to read a secret.
        if others or file.owner.partition(":")[2] in ("root", "0"):
            message = f"{key}.mode: other users could read this secret file"
            hint = 'leave mode out, or write "0600"; if a group must read the file: owner: root:GROUP, mode: "0640"'
            yield Problem("spec.secret", message, spec.where("files", number, "mode"), hint)
    if not file.keep and not file.secret:
        message = f"{key}.keep: only a secret file can be removed after success"
        yield Problem("spec.secret", message, spec.where("files", number, "keep"), "add secret: true")


def _delivery(spec: Spec, number: int, file: File) -> Iterator[Problem]:
    key = f"files[{number}]"
    if file.deliver == "inject" and file.fetch:
        message = f"{key}.deliver: a file that is fetched cannot be injected"
        yield Problem("spec.choice", message, spec.where("files", number, "deliver"), "remove deliver")
    if file.deliver == "inject" and file.secret:
        message = f"{key}.deliver: an injected file arrives readable by other users, and this one is secret"
        yield Problem("spec.secret", message, spec.where("files", number, "deliver"), "remove deliver")
    # A template has another content for each server, and a published file is the same for all.
    if file.publish and file.source is None:
        message = f"{key}.publish: only a file that has a source: can be published"
        yield Problem("spec.choice", message, spec.where("files", number, "publish"), "give it as source:")
    if file.publish and file.secret:
        message = f"{key}.publish: a secret file cannot be published: everybody with its URL could read it"
        yield Problem("spec.secret", message, spec.where("files", number, "publish"), "remove publish")
    if file.fetch and is_url(file.fetch.url) and has_credentials(file.fetch.url):
        where = spec.where("files", number, "fetch", "url")
        yield Problem("spec.url", f"{key}.fetch.url: {CREDENTIALS}", where, "publish the file, or let a stage get it")
    elif file.fetch and not _is_pinned_url(file.fetch.url):
        message = f"{key}.fetch.url: {file.fetch.url!r} is neither https:// nor swift://"
        yield Problem("spec.url", message, spec.where("files", number, "fetch", "url"), "fetch over https")


def _after(spec: Spec, number: int, file: File) -> Iterator[Problem]:
    """Problems of a file that is placed after a stage. It must travel in the bundle, which is still there then."""
    if file.after is None:
        return
    key, where = f"files[{number}].after", spec.where("files", number, "after")
    stages = [stage.name for stage in spec.model.stages]
    if file.after not in stages:
        near = difflib.get_close_matches(file.after, stages, 1)
        listed = f"the stages are: {', '.join(stages)}" if stages else "the spec has no stages"
        hint = f"did you mean {near[0]}?" if near else listed
        yield Problem("spec.after", f"{key}: no stage is called {file.after}", where, hint)
    if file.deliver == "inject":
        message = f"{key}: an injected file arrives before all stages"
        yield Problem("spec.after", message, where, "remove deliver: inject, so that the file travels in the bundle")
    elif file.fetch or file.publish:
        message = f"{key}: a fetched file is placed before all stages"
        hint = "fetch it to a folder that is there from the start, and have a stage copy it"
        yield Problem("spec.after", message, where, hint)


def _is_pinned_url(url: str) -> bool:
    """Whether a URL may be fetched: https, swift, or plain http from the host itself; a template is judged later."""
    if is_template(url) or url.startswith("swift://"):
        return True
    return is_url(url) and (url.startswith("https://") or urlsplit(url).hostname in LOOPBACK)
