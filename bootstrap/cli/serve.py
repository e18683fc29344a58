"""`bootstrap serve`: runs the collector that keeps the reports."""

from __future__ import annotations

from pathlib import Path

import click

from bootstrap.cli.places import state_path


@click.command(short_help="Run the collector that keeps the reports.")
@click.option(
    "--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Port 0 takes a free one."
)
@click.option(
    "--store",
    metavar="URL",
    help="sqlite:///PATH (four slashes for a path from the root) or postgresql://USER@HOST/DB; PostgreSQL when several "
    "collectors stand behind a load balancer.  [default: collector.db in the state folder]",
)
@click.option(
    "--secret-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The secret that render used; made when it is missing. BOOTSTRAP_SECRET serves too.  [default: secret in the "
    "state folder]",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="BOOTSTRAP_TOKEN_FILE",
    help="What readers must show; made when it is missing.  [default: token in the state folder]",
)
@click.option(
    "--tls-cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Certificate chain, PEM."
)
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its key, PEM.")
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="A name or address under which hosts and people reach the collector; may be given several times. The address "
    "listened on and localhost are always allowed.",
)
def command(
    listen: str,
    store: str | None,
    secret_file: Path | None,
    token_file: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    allow_host: tuple[str, ...],
) -> None:
    """Run the collector: it takes the signed reports of servers, keeps them, and answers `bootstrap wait` and browsers.

    An acknowledged event is on disk. Stop it with TERM or Ctrl-C. The first line on stdout is
    `listening on URL`. The state folder is $XDG_STATE_HOME/initialrunner (~/.local/state/initialrunner).

    \b
    On one machine:      bootstrap serve
    For other machines:  bootstrap serve --listen 0.0.0.0:8443 --allow-host deploy.internal \\
                             --tls-cert cert.pem --tls-key key.pem
    """
    from bootstrap.errors import UsageError

    try:
        from bootstrap.collector import server
        from bootstrap.collector.app import create_app
    except ImportError as error:
        hint = "pip install 'initialrunner[collector]'"
        raise UsageError(f"the collector needs {error.name}, which is not installed", hint=hint) from error
    from bootstrap.collector.stores import store_of
    from bootstrap.collector.tokens import read_or_make_token

    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together")
    tls = (tls_cert, tls_key) if tls_cert and tls_key else None
    place = server.parse_listen(listen)
    opened = store_of(store or f"sqlite:///{state_path('collector.db', make=True)}")
    secret = _secret(secret_file)
    token_path = token_file or state_path("token", make=True)
    token = read_or_make_token(token_path)
    app = create_app(
        opened, secret=secret, token=token, allowed_hosts=(place.host, *allow_host), is_tls=tls is not None
    )
    bound = server.bind(place)
    url = server.url_of(bound, place, tls is not None)
    _log_to_stderr()

    def ready() -> None:
        click.echo(f"listening on {url}")
        click.echo(f"dashboard   {url}/  (log in with the token in {token_path})", err=True)
        click.echo(
            f"commands    export BOOTSTRAP_COLLECTOR={url} BOOTSTRAP_TOKEN_FILE={token_path.absolute()}", err=True
        )
        if tls is None and not place.is_loopback:
            click.echo(
                "warning     plain http on a network: reports and the token can be read; use --tls-cert", err=True
            )

    server.serve(app, bound, tls=tls, ready=ready)


def _secret(path: Path | None) -> bytes:
    import os

    from bootstrap.secret import VARIABLE, make_secret, read_secret

    if path is None and os.environ.get(VARIABLE):
        return read_secret()
    path = path or state_path("secret", make=True)
    if path.exists():
        return read_secret(path)
    secret = make_secret(path)
    click.echo(f"made {path}: give it to `bootstrap render --secret-file`", err=True)
    return secret


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
