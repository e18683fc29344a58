"""The `bootstrap` command: finds the verb, runs it, and is the one place that prints errors and exits.

Verbs are imported when they are called: `bootstrap --version` must not pay for YAML or HTTP.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
from typing import Any

import click

import bootstrap
from bootstrap.errors import BootstrapError, ExitCode, Problem, render_problem

VERBS = {
    "new": "Write a small runnable spec to start from.",
    "check": "Say everything that is wrong with a spec, and where.",
    "schema": "Print the JSON Schema of a spec, for editors.",
    "secret": "Make the secret that report keys are derived from.",
    "render": "Turn a spec into what a server-create call takes.",
    "publish": "Put files and bundles into OpenStack Swift, for hosts to fetch.",
    "show": "Show what a spec resolves to, or what is inside a bundle.",
    "rehearse": "Run the real payload in a throwaway copy of this machine.",
    "bake": "Put the runner into an image, to take a bundle at first boot.",
    "serve": "Run the collector that keeps the reports.",
    "wait": "Wait until servers are healthy, or one has failed.",
    "status": "Show what the collector knows of the servers.",
}

EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code.value}  {code.meaning}" for code in ExitCode)


class Verbs(click.Group):
    """A group whose commands live in bootstrap/cli/VERB.py, each as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"bootstrap.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the verb that was meant."""
        import difflib

        if args and not args[0].startswith("-") and args[0] not in VERBS:
            near = difflib.get_close_matches(args[0], VERBS, 1)
            mend = f"did you mean {near[0]}?" if near else f"there are: {', '.join(VERBS)}"
            ctx.fail(f"no command {args[0]!r}; {mend}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(bootstrap.__version__, prog_name="bootstrap")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """First-boot bootstrap: one spec becomes a healthy server, and the deployer is told.

    Start with:  bootstrap new hello && bootstrap rehearse hello/hello.yaml
    """


def report_error(error: BootstrapError, *, as_json: bool) -> None:
    """Print every problem of an error: people read stderr, programs read stdout."""
    if as_json:
        click.echo(json.dumps({"problems": [p.as_json() for p in error.problems]}, indent=2))
        return
    for problem in error.problems:
        click.echo(paint(problem), err=True)


def paint(problem: Problem) -> str:
    """The problem's text, with a coloured severity when stderr is a terminal and NO_COLOR is not set."""
    import os

    text = render_problem(problem)
    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return text
    colour = {"error": "red", "warning": "yellow"}.get(problem.severity, "blue")
    mark = f"{problem.severity}[{problem.code}]"
    return text.replace(mark, click.style(mark, fg=colour, bold=True), 1)


def main(argv: list[str] | None = None) -> None:
    """Run `bootstrap` and exit with a code of ExitCode."""
    arguments = sys.argv[1:] if argv is None else argv
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The name of a file need not be UTF-8: it is printed as the bytes that it is.
        sys.stdout.reconfigure(errors="surrogateescape")
    debug, as_json = "--debug" in arguments, "--json" in arguments
    # Before or after the verb: who sees a bug adds it at the end of the line.
    arguments = [word for word in arguments if word != "--debug"]
    try:
        result: Any = cli.main(args=arguments, prog_name="bootstrap", standalone_mode=False)
        sys.exit(int(result) if isinstance(result, int) else ExitCode.GOOD)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except BootstrapError as error:
        if debug:
            raise
        report_error(error, as_json=as_json)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # `bootstrap show X | head`: the reader has what it wanted.
        sys.stderr.close()
        sys.exit(ExitCode.GOOD)
    except Exception as error:
        if debug:
            raise
        click.echo(f"bug: {type(error).__name__}: {error}\n  run again with --debug for the traceback", err=True)
        sys.exit(ExitCode.BUG)
