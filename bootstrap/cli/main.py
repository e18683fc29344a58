"""The `bootstrap` command: finds the verb, runs it, and is the one place that prints errors and exits.

Verbs are imported when they are called: `bootstrap --version` must not pay for YAML or HTTP.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Iterable
from typing import Any

import click

import bootstrap
from bootstrap.errors import BootstrapError, ExitCode, Problem, harmless, render_problem

# The one line about each verb, for `bootstrap --help`, shell completion and the reference page.
VERBS = {
    "new": "Write a small spec that runs, to start from.",
    "check": "List everything that is wrong with a spec, each with its line.",
    "schema": "Print the JSON Schema of a spec, for editors.",
    "secret": "Make the secret that report keys are derived from.",
    "render": "Turn a spec into what a server-create call takes.",
    "publish": "Upload files, bundles, the runner or a whole folder: to Swift, S3 or elsewhere.",
    "show": "Show what a spec resolves to, or what is inside a bundle.",
    "rehearse": "Run the real payload in a throwaway copy of this machine.",
    "bake": "Put the runner into an image, to take a bundle at first boot.",
    "seal": "Check an image before it is cloned; refuse one that would fail or leak.",
    "try": "Boot a throwaway copy of an image, and judge whether its clones would be well.",
    "serve": "Run the collector, which keeps the reports of servers.",
    "wait": "Wait until all servers are healthy, or one has failed.",
    "status": "Show the servers as the collector knows them.",
    "deploy": "Replace the servers of a deploy file, without one failed request.",
    "resume": "Go on with a deploy that was killed or left, or take it back.",
    "reap": "Delete what a deploy has left behind.",
    "deploys": "List the deploys of this machine, or show the steps of one.",
    "simulate": "Run the deployer against a world of faults, by seeds.",
}

# A verb whose name Python keeps for itself has its module under another.
MODULES = {"try": "try_image"}

# \b keeps click from joining the lines into a paragraph.
EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code.value}  {code.meaning}" for code in ExitCode)


class Verbs(click.Group):
    """A group whose commands live in bootstrap/cli/VERB.py, or as MODULES has it, each as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"bootstrap.cli.{MODULES.get(cmd_name, cmd_name)}").command
        # For shell completion, which asks the command and not this group.
        command.short_help = VERBS[cmd_name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command as click does, and suggest the verb that was probably meant."""
        # Only a mistake needs it; the import takes longer than the look-up itself.
        import difflib

        if args and not args[0].startswith("-") and args[0] not in VERBS:
            similar = difflib.get_close_matches(args[0], VERBS, 1)
            hint = f"did you mean {similar[0]}?" if similar else f"there are: {', '.join(VERBS)}"
            ctx.fail(f"no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs without importing any of them, so that `--help` is as fast as `--version`."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(bootstrap.__version__, prog_name="bootstrap")
# Listed for `--help` only: main() takes it out of the arguments before click sees them.
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """First-boot bootstrap: turns one spec into a healthy server, and reports the result to the deployer.

    Start with:  bootstrap new hello && bootstrap rehearse hello/hello.yaml
    """


def report_error(error: BootstrapError, *, as_json: bool) -> None:
    """Print every problem of an error: to stderr for people, to stdout as JSON for programs."""
    if as_json:
        click.echo(json.dumps({"problems": [p.as_json() for p in error.problems]}, indent=2))
        return
    for problem in error.problems:
        click.echo(paint(problem), err=True)


def print_warnings(warnings: Iterable[Problem], notes: Iterable[str] = ()) -> None:
    """Print warnings, and notes on what was decided for the user, to stderr: stdout is for results."""
    for warning in warnings:
        click.echo(paint(warning), err=True)
    for note in notes:
        click.echo(f"note: {harmless(note)}", err=True)


def paint(problem: Problem) -> str:
    """Return the problem's text, with a coloured severity when stderr is a terminal and NO_COLOR is not set."""
    # Not needed unless there is an error.
    import os

    text = render_problem(problem)
    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return text
    colour = {"error": "red", "warning": "yellow"}.get(problem.severity, "blue")
    mark = f"{problem.severity}[{problem.code}]"
    # Only the first one: the message itself may quote such a mark.
    return text.replace(mark, click.style(mark, fg=colour, bold=True), 1)


def main(argv: list[str] | None = None) -> None:
    """Run `bootstrap` and exit with a code of ExitCode."""
    arguments = sys.argv[1:] if argv is None else argv
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The name of a file need not be UTF-8, so its bytes are printed unchanged.
        sys.stdout.reconfigure(errors="surrogateescape")
    # Read here as well as by the verbs: an error can come before click has parsed the options of a verb.
    debug, as_json = "--debug" in arguments, "--json" in arguments
    # --debug may stand anywhere: somebody who sees a bug adds it at the end of the same command line.
    arguments = [word for word in arguments if word != "--debug"]
    try:
        # In standalone mode click would print errors and choose exit codes by itself.
        exit_code: Any = cli.main(args=arguments, prog_name="bootstrap", standalone_mode=False)
        sys.exit(int(exit_code) if isinstance(exit_code, int) else ExitCode.GOOD)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        # The convention of shells: 128 and the number of SIGINT.
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except BootstrapError as error:
        # Raised again, so that Python itself prints the traceback.
        if debug:
            raise
        report_error(error, as_json=as_json)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe has closed it, as in `bootstrap show X | head`: that is no error. Python would complain
        # about the lost output while it exits, so stderr is closed as well.
        sys.stderr.close()
        sys.exit(ExitCode.GOOD)
    except Exception as error:
        if debug:
            raise
        text = harmless(str(error))
        click.echo(f"bug: {type(error).__name__}: {text}\n  run again with --debug for the traceback", err=True)
        sys.exit(ExitCode.BUG)
