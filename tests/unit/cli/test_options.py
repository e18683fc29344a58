"""Options that several verbs have: written once, and handed to the command as one value."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import click
import pytest
from click.testing import CliRunner

from bootstrap.cli.main import VERBS, cli
from bootstrap.cli.options import gathered

# (verb, option) -> why its text differs from that of the other verbs with an option of this name.
OF_THEIR_OWN = {
    ("render", "--server"): "its name is required, and may be a group's",
    ("publish", "--server"): "several may be given",
    ("publish", "--token-file"): "it uploads",
    ("check", "--target"): "it is optional",
    ("check", "--provider"): "it adds targets",
    ("serve", "--secret-file"): "it makes the file",
    ("serve", "--token-file"): "it makes the file",
    ("wait", "--deploy-id"): "it names one that exists",
    ("status", "--deploy-id"): "it names one that exists",
    ("bake", "--allowed-signers"): "it goes into an image",
    ("bake", "--source"): "no source code",
    ("seal", "--trigger"): "it is a demand",
    ("wait", "--timeout"): "its own wait",
    ("try", "--source"): "no source code, and one alone",
    ("try", "--keep"): "only of a trial that is not good",
    ("rehearse", "--json"): "the timeline goes elsewhere",
    ("publish", "--dry-run"): "it logs in and uploads nothing",
    ("reap", "--dry-run"): "it says what would be deleted",
    ("show", "--file"): "of a bundle",
    ("simulate", "--seed"): "of a world",
    ("deploys", "--json"): "a list or the records of one deploy",
}
# The verbs of a roll-out share texts of their own: the values are a deploy file's, and each step is printed.
ROLL_OUT = {
    (verb, option)
    for verb in ("deploy", "resume", "reap")
    for option in ("--set", "--values", "--json", "--secret-file")
}


def family(verb: str, option: str) -> str:
    """The option, told apart where the verbs of a roll-out have another text."""
    return f"{option} of a roll-out" if (verb, option) in ROLL_OUT else option


def options_of(verb: str) -> list[click.Option]:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def test_an_option_has_one_text_in_all_verbs() -> None:
    texts: dict[str, set[str | None]] = {}
    for verb in VERBS:
        for option in options_of(verb):
            if (verb, option.opts[-1]) not in OF_THEIR_OWN:
                texts.setdefault(family(verb, option.opts[-1]), set()).add(option.help)
    assert {name: text for name, text in texts.items() if len(text) > 1} == {}


def test_every_option_has_a_text() -> None:
    assert [(verb, option.name) for verb in VERBS for option in options_of(verb) if not option.help] == []


@pytest.mark.parametrize("verb", ["render", "publish"])
def test_the_largest_verbs_have_few_parameters(verb: str) -> None:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None and command.callback is not None
    assert len(inspect.signature(inspect.unwrap(command.callback)).parameters) <= 8


def test_gathered_options_reach_the_command_as_one_value_in_their_order() -> None:
    @dataclass(frozen=True)
    class Pair:
        first: str
        second: str | None

    @click.command()
    @gathered("pair", Pair, click.option("--first", default="a"), click.option("--second"))
    @click.option("--third")
    def command(pair: Pair, third: str) -> None:
        click.echo(f"{pair.first} {pair.second} {third}")

    assert [parameter.name for parameter in command.params] == ["first", "second", "third"]
    assert CliRunner().invoke(command, ["--second", "b", "--third", "c"]).output == "a b c\n"
