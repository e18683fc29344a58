"""`bootstrap secret`: makes the secret that report keys are derived from."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Make the secret that report keys are derived from.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(file: Path) -> None:
    """Write a new secret to FILE (32 random bytes in base64, mode 0600).

    Give the same file to `bootstrap render --secret-file` and `bootstrap serve --secret-file`: the key that a server
    signs its reports with is derived from it, from the server's name and from the deploy id. An existing file is
    never overwritten. In CI the text of the file may be given as BOOTSTRAP_SECRET instead.
    """
    from bootstrap.secret import make_secret

    make_secret(file)
    click.echo(f"wrote {file} (mode 0600); whoever can read it can speak for every server", err=True)
