"""
Messages of the library, said with the options of the command line.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from aikit.cli.app import app
from aikit.cli.output import error_text
from aikit.cli.spelling import _NAMES, with_options
from aikit.types.errors import OpenAIError
from tests.cli.conftest import Here, batch_lines
from tests.cli.server import serving


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("give it in /home/a/prices.json or as OpenAIClient(prices=…)", "give it in /home/a/prices.json"),
        (
            "it is there already; pass replace=True, or another path",
            "it is there already; pass --force, or another path",
        ),
        ("raise max_wait to wait longer", "raise --max-wait to wait longer"),
        ("raise timeout to wait longer", "raise --timeout to wait longer"),
        ("raise max_cost, send fewer lines", "raise --max-cost, send fewer lines"),
        ("more than max_cost $1; raise it", "more than --max-cost $1; raise it"),
        ("follow_links=True takes them", "--follow-links takes them"),
        ("expires_after seconds must be 3,600", "--expires-after seconds must be 3,600"),
        ('for the embedded provider, provider="local"', "for the embedded provider, --provider local"),
        ("ends in .txt; pass a filename that fits", "ends in .txt; pass a --filename that fits"),
        (
            "upload it with files.create, or call batches.run",
            "upload it with aikit files create, or call aikit batch run",
        ),
        (
            "client.batches.run() sends it; files.list shows all.",
            "aikit batch run sends it; aikit files list shows all.",
        ),
        ("model must come with prompt: the model to ask", "--model must come with --prompt: the model to ask"),
        ("system and model must come with prompt, which", "--system and --model must come with --prompt, which"),
        ("a.csv is a table: give prompt, what to ask", "a.csv is a table: give --prompt, what to ask"),
        ('prompt names the column "a"', '--prompt names the column "a"'),
        ("if its letters are wrong, give the encoding", "if its letters are wrong, give --encoding"),
        ("look in batches.list() for one", "look in aikit batches list for one"),
        (
            "give expires_after, or delete old ones with files.prune()",
            "give --expires-after, or delete old ones with aikit files prune",
        ),
        ('bound their answers, or compare the low end, with max_cost_of="low"', "bound their answers"),
    ],
)
def test_parameters_are_options_and_calls_are_commands(said: str, shown: str) -> None:
    """
    People at a shell have no client to give arguments to.
    """
    assert with_options(said) == shown
    assert with_options(shown) == shown


@pytest.mark.parametrize(
    "said",
    [
        "/data/max_cost.jsonl: there is no such file",
        "/data/files.list: there is no such file",
        "files.list.jsonl: there is no such file",
        "Unknown parameter: 'expires_after'.",
        'set max_output_tokens in them, or "max_output_tokens" of the model in the prices',
        "no connection in time; the timeout of the proxy",
        "expires_after[seconds] is missing",
    ],
)
def test_other_words_stay(said: str) -> None:
    """
    Names of files, and what is quoted from an answer, are left alone.
    """
    assert with_options(said) == said


def test_the_words_of_a_provider_are_left_alone() -> None:
    """
    Neither an error that was answered nor one about a line, which has the provider's words, is rewritten.
    """
    assert "--expires-after" in error_text(OpenAIError(message="leave expires_after out"))
    assert "leave expires_after" in error_text(OpenAIError(message="leave expires_after out", status=400))
    assert "leave expires_after" in error_text(OpenAIError(message="leave expires_after out", line=3))


def test_each_option_that_is_named_exists() -> None:
    """
    What a message tells to pass is taken by some command.
    """
    options: set[str] = set()
    groups: list[click.Group] = [app]
    for group in groups:
        context = group.make_context("aikit", [], resilient_parsing=True)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            options |= {word for param in command.params for word in param.opts}
            if isinstance(command, click.Group):
                groups.append(command)
    assert set(_NAMES.values()) | {"--force", "--unused", "--no-validate", "--filename", "--intent"} <= options


def test_a_cost_that_is_not_known_is_told_in_options(aikit: Here, tmp_path: Path) -> None:
    """
    A server without prices and a bound: what to do can be done at a shell.
    """
    (tmp_path / "in.jsonl").write_bytes(batch_lines(1))
    with serving() as server:
        asked = ("batch", "run", "in.jsonl", "--provider", "openai", "--base-url", server.url, "--api-key", "k")
        ran = aikit(*asked, "--max-cost", "1")
        assert ran.code == 3
        assert "OpenAIClient" not in ran.err
        assert "max_cost" not in ran.err
        told = aikit(*asked, "--max-cost", "1", "--json").json
    assert "OpenAIClient(prices=…)" in json.dumps(told, ensure_ascii=False)


def test_a_check_tells_its_options(aikit: Here, tmp_path: Path) -> None:
    """
    On what a file is called, the check says what the upload would: which option gives it another name.
    """
    (tmp_path / "in.txt").write_bytes(batch_lines(1))
    told = aikit("files", "check", "in.txt", "-p", "batch").fields[0][-1]
    assert "pass a --filename" in told
    assert told in aikit("files", "create", "in.txt", "-p", "batch").err


def test_wrong_usage_is_told_in_options(aikit: Here, tmp_path: Path) -> None:
    """
    What the library refuses of an option is called as it was given.
    """
    (tmp_path / "a.txt").write_text("a")
    ran = aikit("files", "create", "a.txt", "-p", "user_data", "--expires-after", "5")
    assert ran.code == 2
    assert "--expires-after" in ran.err
    assert "expires_after" not in ran.err
