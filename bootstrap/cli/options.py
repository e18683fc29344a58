"""The options that several verbs have, each with its help text written once.

A decorator that adds more than one option hands them to the command as one frozen dataclass, under one parameter.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bootstrap import durations
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.api import Project
    from bootstrap.client.collector import Collector
    from bootstrap.deploy.file import DeployFile

_F = TypeVar("_F", bound=Callable[..., Any])


def duration(text: str) -> float:
    """Return the seconds of a duration with a unit (`90s`, `15m`, `1h`). It is the `type` of an option."""
    seconds = durations.seconds(text.strip())
    if seconds is None:
        raise click.BadParameter(f"{text!r} is not a duration with a unit; write 90s, 15m or 1h")
    return seconds


def gathered(parameter: str, kind: type, *options: Callable[[Any], Any]) -> Callable[[_F], _F]:
    """Make a decorator that adds options to a command and passes their values to it as one `kind`.

    parameter: the name under which the command takes it; kind: a dataclass whose fields are named like the options.
    """
    names = [field.name for field in fields(kind)]

    def decorate(function: _F) -> _F:
        # wraps() hands on the options that decorators below this one have added to the function.
        @functools.wraps(function)
        def call(**values: Any) -> Any:
            return function(**{parameter: kind(**{name: values.pop(name) for name in names})}, **values)

        # click lists the option that was added last first, so the last of ours has to be added first.
        command: Any = call
        for option in reversed(options):
            command = option(command)
        return command  # type: ignore[no-any-return]

    return decorate


@dataclass(frozen=True)
class SpecOptions:
    """A spec and the values that override its own. spec: the path of its file or folder."""

    spec: Path
    overrides: tuple[str, ...]
    values_files: tuple[Path, ...]

    def load(self) -> Project:
        """Read and check the spec. Raises SpecError."""
        # Imported when it is called: `--help` must not pay for YAML.
        from bootstrap import api

        return api.load(self.spec, overrides=self.overrides, values_files=self.values_files)


set_of_spec = click.option("--set", "overrides", multiple=True, metavar="K=V", help="Override one value of the spec.")

values_of_spec = click.option(
    "--values", "values_files", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Override values of the spec with those in this YAML file.",
)  # fmt: skip


def spec_options(
    metavar: str = "SPEC", *, must_exist: bool = False, optional: Path | None = None
) -> Callable[[_F], _F]:
    """Add the argument SPEC, --set and --values; the command takes `inputs: SpecOptions`.

    must_exist: let click refuse a path that does not exist, before the command runs. optional: the path that stands for
    no SPEC, in a verb that has something to do without one.
    """
    return gathered(
        "inputs",
        SpecOptions,
        click.argument(
            "spec", metavar=metavar, type=click.Path(exists=must_exist, path_type=Path), required=optional is None,
            # As a default it would be looked for on the disk, as any path.
            callback=lambda context, parameter, path: optional if path is None else path,
        ),
        set_of_spec,
        values_of_spec,
    )  # fmt: skip


# For the verbs that look at one server as an example; `render` and `publish` have a --server of their own.
server_option = click.option(
    "--server", metavar="NAME", help="The server to resolve the spec for.  [default: the spec's name and -1]"
)


@dataclass(frozen=True)
class ReportOptions:
    """The collector that servers report to, the secret of their keys, and their roll-out."""

    report_url: str | None
    secret_file: Path | None
    deploy_id: str | None

    def read_secret(self) -> bytes:
        """Return the 32 bytes of the secret, from --secret-file or BOOTSTRAP_SECRET. Raises UsageError."""
        from bootstrap.secret import read_secret

        return read_secret(self.secret_file)


report_options = gathered(
    "report",
    ReportOptions,
    click.option("--report-url", metavar="URL", help="Report to this collector instead of the spec's."),
    click.option(
        "--secret-file", type=click.Path(path_type=Path), metavar="FILE",
        help="The deployer's secret, which `bootstrap secret` makes.  [env: BOOTSTRAP_SECRET, the text of the file]",
    ),
    click.option(
        "--deploy-id", metavar="ID",
        help="The roll-out that the servers belong to.  [default: a new one, drawn from the time]",
    ),
)  # fmt: skip

# For the verbs of a roll-out, whose deploy file names everything else.
secret_option = click.option(
    "--secret-file", type=click.Path(path_type=Path), metavar="FILE",
    help="The deployer's secret, for specs that report.  [env: BOOTSTRAP_SECRET, the text of the file]",
)  # fmt: skip


@dataclass(frozen=True)
class FileOptions:
    """A deploy file that is named in the place of this machine's state, with the values that override its own."""

    file: Path | None
    overrides: tuple[str, ...]
    values_files: tuple[Path, ...]

    def load(self) -> DeployFile | None:
        """Read and check the deploy file; None where none is named. Raises SpecError, and UsageError."""
        if self.file is None:
            if self.overrides or self.values_files:
                raise UsageError(
                    "--set and --values go with --file", hint="the state of this machine has the values of the deploy"
                )
            return None
        from bootstrap.deploy.file import load

        return load(self.file, overrides=self.overrides, values_files=self.values_files)


set_option = click.option(
    "--set", "overrides", multiple=True, metavar="K=V", help="Override one value of the deploy file."
)
values_option = click.option(
    "--values", "values_files", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Override values of the deploy file with those in this YAML file.",
)  # fmt: skip
file_options = gathered(
    "named",
    FileOptions,
    click.option(
        "--file", "file", type=click.Path(path_type=Path), metavar="FILE",
        help="The deploy file, where this machine has no state of the deploy: the marks of the servers decide then.",
    ),
    set_option,
    values_option,
)  # fmt: skip
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def need_answer(*, yes: bool) -> None:
    """Refuse, before any work, to begin what has to be asked about. Raises UsageError where nobody could answer."""
    import sys

    from bootstrap.errors import UsageError

    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "nobody can be asked whether to go on, since stdin is no terminal",
            hint="say yes with --yes, or look first with --dry-run",
        )


def confirm(question: str, *, yes: bool) -> bool:
    """Ask on a terminal, unless --yes has answered."""
    return yes or click.confirm(question, err=True)


sign_option = click.option(
    "--sign", type=click.Path(path_type=Path), metavar="KEY", help="Sign every bundle with this SSH key."
)

# For the verbs that judge an image.
require_option = click.option(
    "--require", multiple=True, metavar="UNIT", help="A unit that must be started at boot, such as nova-agent."
)

runner_from_option = click.option(
    "--runner-from", multiple=True, metavar="SOURCE",
    help="Carry everything but the runner, which hosts take by its SHA-256 from SOURCE: disk (of the image), "
    "collector, s3://BUCKET/KEY or an https URL; may be given several times. The SHA-256 is added to a URL that ends "
    "with a slash.",
)  # fmt: skip


def json_option(text: str = "Print the result as JSON.") -> Callable[[_F], _F]:
    """Add --json; the command takes `as_json`. text: the help, where a verb prints something of its own."""
    return click.option("--json", "as_json", is_flag=True, help=text)


@dataclass(frozen=True)
class OutputOptions:
    """The folder that a verb writes to, and whether it prints JSON instead of text."""

    output: Path
    as_json: bool


output_options = gathered(
    "to",
    OutputOptions,
    click.option(
        "-o", "--output", type=click.Path(path_type=Path), default=Path("build"), show_default=True, metavar="DIR",
        help="The folder to write to.",
    ),
    json_option(),
)  # fmt: skip


@dataclass(frozen=True)
class CollectorOptions:
    """A collector and how to read from it. url, token_file, ca: None where the option was not given."""

    url: str | None
    token_file: Path | None
    ca: Path | None

    def connect(self) -> Collector:
        """Return the collector that the options or the environment name. Raises UsageError."""
        from bootstrap.client.collector import connect
        from bootstrap.state_dir import state_path

        # On the machine of the collector no option is needed: `serve` left its token in the state folder.
        return connect(self.url, self.token_file, default_token=state_path("token"), ca=self.ca)


def _collector_options(token: str) -> Callable[[_F], _F]:
    return gathered(
        "collector",
        CollectorOptions,
        click.option(
            "--collector", "url", metavar="URL",
            help="The collector to ask.  [env: BOOTSTRAP_COLLECTOR; default: http://127.0.0.1:8080]",
        ),
        click.option(
            "--token-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=token,
        ),
        click.option(
            "--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
            help="The CA that signed the collector's certificate, PEM.  [default: those of the system]",
        ),
    )  # fmt: skip


collector_options = _collector_options(
    "The token to read with.  [env: BOOTSTRAP_TOKEN_FILE, BOOTSTRAP_TOKEN; default: the one that `bootstrap serve` "
    "made on this machine]"
)
# To upload takes more than to read.
upload_options = _collector_options(
    "For --to collector: the token with the right to deploy.  [env: BOOTSTRAP_TOKEN_FILE, BOOTSTRAP_TOKEN]"
)
