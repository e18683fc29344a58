"""`bootstrap new`: writes a small spec that runs, to start from."""

from __future__ import annotations

from pathlib import Path

import click

# The example of the documentation, which tests run unchanged. It is shipped with the package.
EXAMPLE = "examples/hello"


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def command(directory: Path) -> None:
    """Write a small spec with its files into DIRECTORY, which must be new or empty.

    It serves a page from a Python worker, needs no network, and runs as it is:

    \b
      bootstrap new hello
      bootstrap check hello
      bootstrap rehearse hello
    """
    from bootstrap import resources
    from bootstrap.errors import UsageError

    # An empty folder is fine: it may have been made for this, or be a new repository's without files.
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"{directory} is not empty", hint="name a new folder: `new` replaces no files")
    directory.mkdir(parents=True, exist_ok=True)
    name = directory.resolve().name
    for source in sorted(resources.path(EXAMPLE).iterdir()):
        # `bootstrap check DIRECTORY` looks for a spec of the folder's own name.
        target = directory / (f"{name}.yaml" if source.name == "hello.yaml" else source.name)
        text = source.read_text(encoding="utf-8")
        # A comment at the top of the example shows how to run it; it should name the new folder.
        target.write_text(text.replace("bootstrap rehearse examples/hello", f"bootstrap rehearse {directory}"))
        click.echo(f"wrote {target}")
    click.echo(f"\nnext:\n  bootstrap check {directory}\n  bootstrap rehearse {directory}")
