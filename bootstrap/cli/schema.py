"""`bootstrap schema`: prints the JSON Schema of a spec, for editors."""

from __future__ import annotations

import click


@click.command(short_help="Print the JSON Schema of a spec, for editors.")
def command() -> None:
    """Print the JSON Schema of a spec to stdout.

    \b
    Editors with the YAML language server take it by a first line such as
      # yaml-language-server: $schema=spec.schema.json
    """
    import json

    from bootstrap.spec.schema import schema

    click.echo(json.dumps(schema(), indent=2))
