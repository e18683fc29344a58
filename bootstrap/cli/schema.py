"""`bootstrap schema`: prints the JSON Schema of a spec or of a deploy file, for editors."""

from __future__ import annotations

import click


@click.command()
@click.option("--deploy", is_flag=True, help="Print that of a deploy file instead.")
def command(deploy: bool) -> None:
    """Print the JSON Schema of a spec to stdout.

    Save it as spec.schema.json beside a spec. An editor with the YAML language server then checks the spec, if its
    first line is

    \b
      # yaml-language-server: $schema=spec.schema.json
    """
    # The models of a spec bring pydantic along, which `--help` must not import.
    import json

    from bootstrap.spec.schema import deploy_schema, schema

    click.echo(json.dumps(deploy_schema() if deploy else schema(), indent=2))
