"""The pages say what the command line does: every command, every example, every link."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from geomage.cli import main

PROJECT = Path(__file__).resolve().parents[1]


def _writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "write_commands", PROJECT / "dev" / "write_commands.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMMANDS = dict(_writer().commands())


def test_the_page_of_commands_is_what_the_command_line_says():
    page = (PROJECT / "docs" / "commands.md").read_text()
    assert page == _writer().page(), "docs/commands.md is stale: run `make docs`"


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself_and_has_an_example_that_parses(words):
    command = COMMANDS[words]
    assert command.help
    examples = re.findall(r"^  (geomage .+)$", command.epilog or "", re.MULTILINE)
    assert examples, f"{words} has no example"
    for example in examples:
        assert example.startswith(words + " "), example
        arguments = shlex.split(example.removeprefix(words))
        command.make_context(words, arguments)  # raises on an unknown option or a missing argument


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_says_what_it_does(words):
    for parameter in COMMANDS[words].params:
        assert getattr(parameter, "help", None), f"{words}: {parameter.name} has no help"


def test_help_of_every_command_leaves_with_zero(capsys):
    for words in COMMANDS:
        assert main([*words.split()[1:], "--help"]) == 0
        assert "Examples:" in capsys.readouterr().out


def test_links_between_pages_lead_somewhere():
    pages = [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
