"""`bootstrap serve`: runs the collector, which keeps the reports of servers."""

from __future__ import annotations

from pathlib import Path

import click

from bootstrap.state_dir import state_path


@click.command()
@click.option(
    "--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT",
    help="The address to listen on. Port 0 takes a free port.",
)
@click.option(
    "--store",
    metavar="URL",
    help="The database: sqlite:///PATH (an absolute PATH makes it four slashes) or postgresql://USER@HOST/DB. Several "
    "collectors behind a load balancer need PostgreSQL.  [default: collector.db in the state folder]",
)
@click.option(
    "--secret-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The deployer's secret, the same that `render` uses; made if it is missing.  [env: BOOTSTRAP_SECRET, the text "
    "of the file; default: secret in the state folder]",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="BOOTSTRAP_TOKEN_FILE",
    metavar="FILE",
    help="The token that clients must send to read; made if it is missing.  [env: BOOTSTRAP_TOKEN_FILE; default: token "
    "in the state folder]",
)
@click.option(
    "--deploy-token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The token with the right to deploy: it may read, take the leases of pools, and upload runner texts and "
    "bundles; made if it is missing. Without this option no token has the right.",
)
@click.option(
    "--bundle-room", default="1GiB", show_default=True, metavar="SIZE",
    help="The room for all bundles that were published to this collector together.",
)
@click.option(
    "--tls-cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="Serve https with this certificate chain, PEM.",
)
@click.option(
    "--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="The private key of the certificate, PEM.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="A host name or address by which servers and people reach the collector; may be given several times. The "
    "address of --listen and localhost are always allowed.",
)
def command(
    listen: str,
    store: str | None,
    secret_file: Path | None,
    token_file: Path | None,
    deploy_token_file: Path | None,
    bundle_room: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    allow_host: tuple[str, ...],
) -> None:
    """Run the collector: it takes the signed reports of servers, keeps them, and answers `bootstrap wait` and browsers.

    An event is on disk before it is acknowledged. Stop the collector with TERM or Ctrl-C. Its first line on stdout is
    `listening on URL`. The state folder is $XDG_STATE_HOME/initialrunner, by default ~/.local/state/initialrunner.

    \b
    On one machine:      bootstrap serve
    For other machines:  bootstrap serve --listen 0.0.0.0:8443 --allow-host deploy.internal \\
                             --tls-cert cert.pem --tls-key key.pem
    """
    from bootstrap.errors import UsageError

    # Starlette and uvicorn are an extra of the package, since most machines only render.
    try:
        from bootstrap.collector import server
        from bootstrap.collector.app import create_app
    except ImportError as error:
        hint = "pip install 'initialrunner[collector]'"
        raise UsageError(f"the collector needs {error.name}, which is not installed", hint=hint) from error
    from bootstrap.collector.stores import store_of
    from bootstrap.collector.tokens import read_or_make_token
    from bootstrap.payload.split import runner_text

    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together", hint="give both, or neither for plain http")
    tls = (tls_cert, tls_key) if tls_cert and tls_key else None
    address = server.parse_listen(listen)
    room_bytes = _room(bundle_room)
    database = store_of(store or f"sqlite:///{state_path('collector.db', make=True)}")
    secret = _secret(secret_file)
    token_path = token_file or state_path("token", make=True)
    token = read_or_make_token(token_path)
    deploy_token = _deploy_token(deploy_token_file, token, token_path)
    app = create_app(
        database,
        secret=secret,
        token=token,
        deploy_token=deploy_token,
        allowed_hosts=(address.host, *allow_host),
        # Handed over here, so that the collector itself knows nothing of packing.
        runner=runner_text().content,
        bundle_room=room_bytes,
        is_tls=tls is not None,
    )
    # Bound here and not by uvicorn: with port 0 the URL is only known afterwards.
    bound = server.bind(address)
    url = server.url_of(bound, address, tls is not None)
    # After the checks above, so that their errors look like those of other verbs and not like log lines.
    _log_to_stderr()

    def ready() -> None:
        # Scripts wait for this line; everything for people goes to stderr.
        click.echo(f"listening on {url}")
        click.echo(f"dashboard   {url}/  (log in with the token in {token_path})", err=True)
        click.echo(
            f"commands    export BOOTSTRAP_COLLECTOR={url} BOOTSTRAP_TOKEN_FILE={token_path.absolute()}", err=True
        )
        if tls is None and not address.is_loopback:
            click.echo(
                "warning     plain http on a network: anybody on it can read the reports and the token; use --tls-cert",
                err=True,
            )

    server.serve(app, bound, tls=tls, ready=ready)


def _room(text: str) -> int:
    """Return the bytes of --bundle-room. Raises UsageError."""
    import re

    from bootstrap.errors import UsageError

    # Not the parser of specs: a collector that runs for months does without pydantic's memory.
    match = re.fullmatch(r"([0-9]{1,9})(KiB|MiB|GiB)", text)
    if match is None:
        raise UsageError(f"--bundle-room {text!r} is not a size", hint="write 512MiB or 4GiB")
    return int(match[1]) * {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[match[2]]


def _deploy_token(path: Path | None, token: str, token_path: Path) -> str | None:
    """Return the token of the file, made if it is missing; None without a file. Raises UsageError."""
    from bootstrap.collector.tokens import read_or_make_token
    from bootstrap.errors import UsageError

    if path is None:
        return None
    is_new = not path.exists()
    deploy_token = read_or_make_token(path)
    if deploy_token == token:
        raise UsageError(
            f"{path} and {token_path} hold the same token, so every reader would have the right to deploy",
            hint=f"remove {path}; `bootstrap serve` then makes another one",
        )
    if is_new:
        click.echo(f"made {path}: give it only to those who may deploy", err=True)
    return deploy_token


def _secret(path: Path | None) -> bytes:
    """Return the secret of the file, of BOOTSTRAP_SECRET or of the state folder; make the file if it is missing."""
    import os

    from bootstrap.secret import VARIABLE, make_secret, read_secret

    # The variable comes before the default file, so that a container needs no file.
    if path is None and os.environ.get(VARIABLE):
        return read_secret()
    path = path or state_path("secret", make=True)
    if path.exists():
        return read_secret(path)
    secret = make_secret(path)
    click.echo(f"made {path}: give it to `bootstrap render --secret-file`", err=True)
    return secret


def _log_to_stderr() -> None:
    """Log requests and refusals; of uvicorn's own lines only the warnings, since it repeats each request."""
    import logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
