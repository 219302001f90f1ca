"""A journal only grows, and shows what was done to it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from geomage.errors import InputError, OutputError
from geomage.product.journal import Journal, edits_of, open_journal, read_lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "out.review.jsonl"
    with open_journal(path) as journal:
        _fill(journal)
    return path


def _fill(journal: Journal) -> None:
    journal.add("ana", "open", manifest="0" * 64, version=1)
    journal.add("ana", "grade", building=3, grade=4, was="Damaged")
    journal.add("ben", "grade", building=5, grade=0, was="Damaged")
    journal.add("ben", "grade", building=3, grade=1, was="Damaged")
    journal.add("ben", "grade", building=5, grade=None, undoes=3)


def test_every_edit_says_who_and_when_and_the_last_one_stands(path: Path) -> None:
    lines = read_lines(path)
    assert [line["n"] for line in lines] == [1, 2, 3, 4, 5]
    assert all(line["at"].endswith("+00:00") for line in lines)
    edits = edits_of(lines)
    assert {one: (edit.grade, edit.who) for one, edit in edits.items()} == {3: (1, "ben")}


def test_it_is_gone_on_with_and_never_written_anew(path: Path) -> None:
    before = path.read_bytes()
    with open_journal(path) as journal:
        journal.add("ana", "grade", building=9, grade=2, was="Damaged")
    assert path.read_bytes().startswith(before)
    assert len(read_lines(path)) == 6


def test_a_line_is_on_the_disk_before_it_is_confirmed(tmp_path: Path) -> None:
    with open_journal(tmp_path / "a.jsonl") as journal:
        journal.add("ana", "grade", building=1, grade=2)
        assert len(read_lines(tmp_path / "a.jsonl")) == 1


@pytest.mark.parametrize("number", [2, 4])
def test_a_changed_line_is_named(path: Path, number: int) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = lines[number - 1].replace('"Damaged"', '"Destroyed"')
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=f"line {number} does not have the hash"):
        read_lines(path)


def test_a_line_taken_out_is_noticed(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:2] + lines[3:]) + "\n")
    with pytest.raises(InputError, match="line 3 does not follow"):
        read_lines(path)


@pytest.mark.parametrize("text", ["no json", "[]", "{}", '{"hash": 1}', "[" * 100_000])
def test_what_is_no_line_is_refused(path: Path, text: str) -> None:
    path.write_text(text + "\n" + path.read_text())
    with pytest.raises(InputError, match="line 1"):
        read_lines(path)


def test_half_a_line_at_the_end_is_no_edit_and_harms_none(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"n": 6, "what": "gra')
    assert len(read_lines(path)) == 5
    with open_journal(path) as journal:
        journal.add("ana", "grade", building=9, grade=2)
    assert path.read_bytes().startswith(whole)
    assert json.loads(path.read_text().splitlines()[-1])["building"] == 9


def test_two_reviews_at_once_are_refused(path: Path) -> None:
    with (
        open_journal(path),
        pytest.raises(OutputError, match="another review is writing"),
        open_journal(path),
    ):
        pass


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(OutputError, match="link"), open_journal(tmp_path / "link"):
        pass


def test_a_full_disk_leaves_the_lines_before_whole(path: Path, monkeypatch) -> None:
    whole = path.read_bytes()
    real = os.write
    with open_journal(path) as journal:
        monkeypatch.setattr(os, "write", lambda file, text: real(file, text[:10]))
        with pytest.raises(OutputError, match="full"):
            journal.add("ana", "grade", building=9, grade=2)
        monkeypatch.undo()
        assert path.read_bytes() == whole
        journal.add("ana", "grade", building=9, grade=2)
    assert len(read_lines(path)) == 6


def test_a_journal_goes_on_from_the_version_before(path: Path, tmp_path: Path) -> None:
    earlier = read_lines(path)
    with open_journal(tmp_path / "next.jsonl", earlier) as journal:
        journal.add("ana", "open", manifest="1" * 64, version=2)
    joined = tmp_path / "joined.jsonl"
    joined.write_bytes(path.read_bytes() + (tmp_path / "next.jsonl").read_bytes())
    assert len(read_lines(joined)) == 6
    joined.write_bytes((tmp_path / "next.jsonl").read_bytes() + path.read_bytes())
    with pytest.raises(InputError, match="does not follow"):
        read_lines(joined)
