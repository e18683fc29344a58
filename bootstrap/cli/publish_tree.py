"""The part of `bootstrap publish` for a whole folder: to publish it, to verify it, and to bring it back."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from bootstrap.cli.options import OutputOptions
from bootstrap.errors import UsageError, harmless

if TYPE_CHECKING:
    from bootstrap.publish.objects import Objects
    from bootstrap.publish.places import Place
    from bootstrap.publish.tree_manifest import Manifest
    from bootstrap.publish.tree_publish import Progress, Published

# A terminal shows each change, and a log only that the work goes on.
REDRAW_S, HEARTBEAT_S = 0.1, 10.0


@dataclass(frozen=True)
class TreeOptions:
    """The work on a whole folder. restore: the folder to bring it back to; manifest: a copy of its manifest."""

    tree: bool
    delete: bool
    resend: bool
    verify: bool
    quick: bool
    restore: Path | None
    manifest: Path | None

    def are_meant(self, spec: Path | None) -> bool:
        """Whether a command is about a whole folder. spec: its argument. Raises UsageError if it cannot be told."""
        if self.tree or self.verify or self.restore:
            return True
        is_tree = spec is not None and spec.is_dir() and _is_tree(spec)
        options = {"--delete": self.delete, "--resend": self.resend, "--quick": self.quick, "--manifest": self.manifest}
        names = [option for option, value in options.items() if value]
        if names and not is_tree:
            verb = "is" if len(names) == 1 else "are"
            raise UsageError(
                f"{', '.join(names)} {verb} for a folder that is published whole", hint="add --tree or --verify"
            )
        return is_tree

    def run(self, folder: Path | None, objects: Objects, to: OutputOptions, *, dry_run: bool) -> None:
        """Do the work. folder: the argument. Raises UsageError, PublishError, TreeError and ManifestError."""
        from bootstrap.publish.tree_verify import read_manifest

        trusted = read_manifest(self.manifest) if self.manifest else None
        if self.restore is not None:
            _restore(objects, self.restore, trusted, to)
            return
        answer: dict[str, Any] = {}
        if folder is not None:
            trusted, answer = self._publish(objects, folder, to, dry_run=dry_run)
        if self.verify and not dry_run:
            answer |= _verify(objects, trusted, to, quick=self.quick)
        if to.as_json:
            click.echo(json.dumps(answer, indent=1))

    def _publish(
        self, objects: Objects, folder: Path, to: OutputOptions, *, dry_run: bool
    ) -> tuple[Manifest, dict[str, Any]]:
        """Publish a folder and keep its manifest. Return it, and what --json prints."""
        from bootstrap.deploy import durable
        from bootstrap.publish.tree_publish import TreePublisher

        with Meter("published", sys.stderr) as meter:
            publisher = TreePublisher(
                objects, folder, delete=self.delete, resend=self.resend, dry_run=dry_run, on_progress=meter
            )
            outcome = publisher.run()
        # Published is published: the copy is written last, and a failure to write it changes nothing there.
        path = to.output / f"{outcome.manifest.name or 'root'}.tree.json"
        if not dry_run:
            try:
                to.output.mkdir(parents=True, exist_ok=True)
                durable.replace(path, outcome.manifest.to_bytes())
            except OSError as error:
                hint = "-o names another folder"
                raise UsageError(f"{path} cannot be written: {error.strerror}", hint=hint) from error
        if not to.as_json:
            _print(outcome, None if dry_run else path)
        return outcome.manifest, {
            **_facts(outcome.place, outcome.manifest),
            "dry_run": dry_run, "sent": outcome.sent, "sent_bytes": outcome.sent_bytes,
            "manifest": None if dry_run else str(path), "manifest_sent": outcome.manifest_sent,
            "outward": outcome.outward, "extra": outcome.extra, "foreign": outcome.foreign, "removed": outcome.removed,
        }  # fmt: skip

    def check(
        self, folder: Path | None, place: Place, to: OutputOptions, of_specs: Sequence[str], *, dry_run: bool
    ) -> None:
        """Refuse what cannot be meant. of_specs: the options given that are about a spec. Raises UsageError."""
        from bootstrap.publish import places

        if of_specs:
            verb = "goes" if len(of_specs) == 1 else "go"
            message = f"{', '.join(of_specs)} {verb} with a spec, and not with a whole folder"
            raise UsageError(message, hint=f"leave {'it' if len(of_specs) == 1 else 'them'} out")
        if self.restore and self.verify:
            raise UsageError("--restore and --verify do not go together", hint="--restore checks each file by itself")
        if self.quick and not self.verify:
            raise UsageError("--quick goes with --verify", hint="add --verify, or leave --quick out")
        if folder is None:
            # Only a folder that is published can be tried without doing it, sent again or cleaned up.
            options = {"--dry-run": dry_run, "--delete": self.delete, "--resend": self.resend}
            names = [option for option, is_set in options.items() if is_set]
            if names:
                verb, other = "is" if len(names) == 1 else "are", "--restore" if self.restore else "--verify"
                message = f"{', '.join(names)} {verb} for publishing, and not for {other}"
                raise UsageError(message, hint="name the folder to publish, or leave the option out")
        if place.kind == places.COLLECTOR:
            raise UsageError("a collector keeps no folders", hint="--to swift://…, s3://… or a folder")
        if folder is None and not (self.verify or self.restore):
            raise UsageError("no folder is named", hint="bootstrap publish DIR --to PLACE")
        if folder is not None and self.restore:
            raise UsageError("a folder is either published or restored", hint="--restore DIR stands without a folder")
        if folder is not None and self.manifest:
            raise UsageError("--manifest is for --verify and --restore of a tree that is there", hint="take it out")
        if folder is None:
            return
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder", hint="name the folder to publish")
        inside = [("-o", to.output)] + ([("--to", Path(place.name))] if place.kind == places.FOLDER else [])
        for option, path in inside:
            # It would be published itself, and so change with every run.
            if path.resolve().is_relative_to(folder.resolve()):
                relation = f"is {folder} itself" if path.resolve() == folder.resolve() else f"is inside of {folder}"
                raise UsageError(f"{option} {path} {relation}", hint=f"{option} has to name another folder")
        # A disk that is not mounted and a build that made nothing look like this.
        if not any(folder.iterdir()):
            raise UsageError(
                f"{folder} is empty: there is nothing to publish", hint="check that it is mounted, and what fills it"
            )


def _is_tree(folder: Path) -> bool:
    """Whether a folder is no spec. Raises UsageError if it may be either."""
    from bootstrap.spec.load import find_spec

    # A folder without any is no spec for the other verbs either.
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    if not names:
        return True
    try:
        find_spec(folder)
    except UsageError as error:
        raise UsageError(
            f"{folder} may be a spec or a folder to publish whole: it holds {', '.join(names)}",
            hint="name the file of the spec, or add --tree",
        ) from error
    return False


def _restore(objects: Objects, folder: Path, trusted: Manifest | None, to: OutputOptions) -> None:
    from bootstrap.publish.tree_restore import restore

    with Meter("restored", sys.stderr) as meter:
        outcome = restore(objects, folder, trusted, on_progress=meter)
    if to.as_json:
        facts = {**_facts(outcome.place, outcome.manifest), "folder": str(folder), "fetched": outcome.fetched}
        click.echo(json.dumps(facts, indent=1))
        return
    click.echo(f"{folder}: {_size(outcome.manifest)}, {outcome.fetched:,} fetched from {outcome.place}")


def _verify(objects: Objects, trusted: Manifest | None, to: OutputOptions, *, quick: bool) -> dict[str, Any]:
    from bootstrap.publish.tree_verify import verify

    with Meter("verified", sys.stderr) as meter:
        outcome = verify(objects, trusted, quick=quick, on_progress=meter)
    if not to.as_json:
        kind = "listed with the sizes and MD5" if quick else "read back with the SHA-256"
        click.echo(f"{outcome.place}: {_size(outcome.manifest)}, {kind} of the manifest")
        click.echo(f"manifest {outcome.manifest.sha256}")
        _print_names("not in the tree any more", outcome.extra)
    facts = {"verified": "quick" if quick else "sha256", "extra": outcome.extra}
    return {**_facts(outcome.place, outcome.manifest), **facts}


def _facts(place: str, manifest: Manifest) -> dict[str, Any]:
    size = sum(file.size for file in manifest.files)
    return {
        "place": place, "name": manifest.name, "sha256": manifest.sha256, "files": len(manifest.files), "bytes": size,
    }  # fmt: skip


def _size(manifest: Manifest) -> str:
    size = sum(file.size for file in manifest.files)
    return f"{_counted(len(manifest.files), 'file')}, {_counted(size, 'byte')}"


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _print(outcome: Published, path: Path | None) -> None:
    """Print what was published. path: of the copy of the manifest, None in a dry run."""
    verb = "would be sent" if path is None else "sent"
    click.echo(
        f"{outcome.place}: {_size(outcome.manifest)}; {outcome.sent:,} {verb} ({_counted(outcome.sent_bytes, 'byte')})"
    )
    _print_names("a link out of the folder, recorded as it is", outcome.outward)
    _print_names("not in the folder any more: --delete removes it", outcome.extra)
    _print_names("would be removed" if path is None else "removed", outcome.removed)
    _print_names("not of this tree: nothing touches it", outcome.foreign)
    click.echo(f"manifest {outcome.manifest.sha256}" + (f"  {path}" if path else ""))


def _print_names(remark: str, names: Sequence[str]) -> None:
    for name in names:
        click.echo(f"{harmless(name)}  ({remark})")


@dataclass
class Meter:
    """Shows how far the work is: one line that changes on a terminal, a line now and then elsewhere."""

    verb: str
    stream: TextIO
    _shown_at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_drawn: bool = False

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_drawn:
            self.stream.write("\r\033[K")
            self.stream.flush()

    def __call__(self, progress: Progress) -> None:
        """Show a state, unless one was shown a moment ago."""
        is_terminal = self.stream.isatty()
        # Several threads report at once.
        with self._lock:
            now = time.monotonic()
            if now - self._shown_at < (REDRAW_S if is_terminal else HEARTBEAT_S):
                return
            self._shown_at = now
            sent = f", {progress.sent:,} sent ({progress.sent_bytes:,} bytes)" if progress.sent else ""
            line = f"{self.verb} {progress.done:,} of {progress.files:,} files{sent}"
            self.stream.write(f"\r\033[K{line}" if is_terminal else f"{line}\n")
            self.stream.flush()
            self._is_drawn = is_terminal


# `publish` adds them to the options on what else it publishes.
tree_options = (
    click.option(
        "--tree", is_flag=True,
        help="Publish the folder SPEC whole, file by file. It is not needed for a folder without .yaml files.",
    ),
    click.option(
        "--delete", is_flag=True, help="With a whole folder: remove files of earlier publishes that it has no longer."
    ),
    click.option("--resend", is_flag=True, help="With a whole folder: send every file, also those that are there."),
    click.option("--verify", is_flag=True, help="Read every file of a published folder back and compare its SHA-256."),
    click.option(
        "--quick", is_flag=True, help="With --verify: compare the sizes and MD5 of the listing, and read nothing."
    ),
    click.option(
        "--restore", type=click.Path(path_type=Path), metavar="DIR",
        help="Bring a published folder back to DIR. What is there is never overwritten.",
    ),
    click.option(
        "--manifest", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
        help="With --verify and --restore: trust this copy, which publish wrote, and not the manifest that is there.",
    ),
)  # fmt: skip
