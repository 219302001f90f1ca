"""The pages say what the command line does: every command, every example, every link."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

from geomage.cli import main

PROJECT = Path(__file__).resolve().parents[1]


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PROJECT / "dev" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


WRITER, GALLERY = _script("write_commands"), _script("draw_gallery")
MATERIALS = _script("draw_materials")
COMMANDS = dict(WRITER.commands())


def test_the_page_of_commands_is_what_the_command_line_says():
    page = (PROJECT / "docs" / "commands.md").read_text()
    assert page == WRITER.page(), "docs/commands.md is stale: run `make docs`"


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself_and_has_an_example_that_parses(words):
    command = COMMANDS[words]
    assert command.help
    examples = re.findall(r"^  (geomage .+)$", command.epilog or "", re.MULTILINE)
    assert examples, f"{words} has no example"
    for example in examples:
        assert f"{example} ".startswith(f"{words} "), example
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


def test_the_page_of_the_gallery_is_what_its_script_says():
    page = (PROJECT / "docs" / "gallery.md").read_text()
    assert page == GALLERY.page(), "docs/gallery.md is stale: run dev/draw_gallery.py"


def test_the_page_of_materials_is_what_its_script_says():
    page = (PROJECT / "docs" / "materials.md").read_text()
    assert page == MATERIALS.page(), "docs/materials.md is stale: run dev/draw_materials.py"
    assert (PROJECT / "docs" / "materials.jpg").stat().st_size > 10_000


@pytest.mark.parametrize("plate", GALLERY.PLATES)
def test_every_picture_of_the_gallery_has_commands_that_parse(plate):
    assert (PROJECT / "docs" / "gallery" / f"{plate}.jpg").stat().st_size > 10_000
    for line in GALLERY.commands(GALLERY.PLATES[plate]):
        words = shlex.split(line)
        name = max((n for n in COMMANDS if f"{line} ".startswith(f"{n} ")), key=len)
        COMMANDS[name].make_context(name, words[len(name.split()) :])


README = (PROJECT / "README.md").read_text()
LINES = [
    line.split("#")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]


def test_every_readme_line_can_be_typed():
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for line in LINES:
        words = shlex.split(line.removeprefix(".venv/bin/"))
        if words[0] == "make":
            assert set(words[1:]) <= targets, line
        elif words[0] == "geomage":
            name = max((n for n in COMMANDS if f"{' '.join(words)} ".startswith(f"{n} ")), key=len)
            COMMANDS[name].make_context(name, words[len(name.split()) :])
        else:
            assert words[0] == "pip", line


def test_the_readme_step_by_step_runs(tmp_path, monkeypatch, capsys):
    """The part of the README that needs nothing but the package, as it stands."""
    monkeypatch.chdir(tmp_path)
    part = README.split("## Step by step")[1].split("\n## ")[0]
    lines = re.findall(r"^geomage (.+)$", part, re.MULTILINE)
    assert len(lines) > 4
    for line in lines:
        assert main(shlex.split(line)) in {0, 3}, (line, capsys.readouterr().err)
    assert (tmp_path / "out" / "report.html").is_file()


def test_links_between_pages_lead_somewhere():
    pages = [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
