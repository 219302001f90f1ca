"""Options out of range: refused in one line, before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from geomage.cli import main

VERBS = {
    "map": ["map", "no.tif", "-o", "out"],
    "demo": ["demo", "-o", "out"],
    "train": ["train", "line", "-o", "out"],
    "evaluate": ["evaluate", "default", "no"],
}


@pytest.mark.parametrize("words", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize("jobs", ["257", "100000", "9" * 20, "0", "-1"])
def test_more_jobs_than_any_machine_has_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    jobs: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--jobs", jobs]) == 2
    assert capfd.readouterr().err == (
        f"geomage: --jobs {jobs} is outside 1..256: choose one within\n"
    )
    assert not list(tmp_path.iterdir())
