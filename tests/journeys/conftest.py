"""Whole commands: what a person types, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from geomage.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command left with."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """The JSON on stdout."""
        return json.loads(self.out)


@pytest.fixture
def geomage(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run one command in this process."""

    def run(*words: str | Path | float) -> Answer:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Answer(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small suburb, grown once."""
    folder = tmp_path_factory.mktemp("journey") / "town"
    assert main(["city", "grow", "--size", "200", "--seed", "3", "-o", str(folder)]) == 0
    return folder
