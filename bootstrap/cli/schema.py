"""`bootstrap schema`: prints the JSON Schema of a spec, for editors."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of a spec to stdout.

    Save it as spec.schema.json beside a spec. An editor with the YAML language server then checks the spec, if its
    first line is

    \b
      # yaml-language-server: $schema=spec.schema.json
    """
    # The models of a spec bring pydantic along, which `--help` must not import.
    import json

    from bootstrap.spec.schema import schema

    click.echo(json.dumps(schema(), indent=2))
