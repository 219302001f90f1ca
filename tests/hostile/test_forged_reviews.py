"""Reviews and manifests that somebody wrote: right hashes over words that mean nothing."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.served import toy_product

from geomage.cli import main
from geomage.product.folder import sha256_of
from geomage.product.journal import journal_beside, open_journal
from geomage.product.journal_words import is_sound

GRADE = {"building": 1, "grade": 4, "was": "Destroyed"}
STRATUM = {"name": "all", "word": "Destroyed", "size": 3, "rows": [0]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("forged")
    toy_product(place)
    return place


@pytest.fixture
def out(whole: Path, tmp_path: Path) -> Path:
    """A product to forge, its images beside it."""
    return shutil.copytree(whole, tmp_path / "w") / "out"


@pytest.fixture
def refused(out: Path, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Issue it again, which must end with 2, one line, and nothing more in its folder."""

    def run() -> str:
        before = {path.name for path in out.parent.iterdir()}
        capfd.readouterr()
        code = main(["reissue", str(out), "-o", str(out.parent / "next")])
        err = capfd.readouterr().err.strip()
        assert code == 2, err
        assert "\n" not in err
        assert {path.name for path in out.parent.iterdir()} == before
        return err

    return run


def write_review(out: Path, *lines: tuple[str, dict[str, Any]]) -> None:
    with open_journal(journal_beside(out)) as journal:
        journal.add("ana", "open", manifest=sha256_of(out / "manifest.json"), version=1)
        for what, facts in lines:
            journal.add("ana", what, **facts)


@pytest.mark.parametrize(
    ("what", "facts"),
    [
        ("grade", {"grade": 1}),
        ("grade", {"building": 1}),
        *(("grade", GRADE | {"grade": odd}) for odd in (9, "1", 1.5, True, -1, 10**30)),
        *(("grade", GRADE | {"building": odd}) for odd in ([1], {}, None, 1.5)),
        ("sample", {}),
        *(("sample", {"size": 1, "seed": 0, "strata": odd}) for odd in ("x", [5], [{}])),
        *(
            ("sample", {"size": 1, "seed": 0, "strata": [STRATUM | odd]})
            for odd in ({"rows": [-1]}, {"rows": [0, 0]}, {"word": "Gone"}, {"size": 0})
        ),
        ("reissue", {}),
        ("reissue", {"version": "x"}),
        ("reissue", {"version": 10**20}),
        ("open", {}),
    ],
)
def test_a_line_that_says_nothing_is_named(out, refused, what, facts) -> None:
    write_review(out, ("grade", GRADE), (what, facts))
    assert "line 3 is no line of a review" in refused()


def test_a_name_that_is_none_is_none() -> None:
    line = {"at": "2026", "who": "ana", "what": "x", "after": "0", "hash": "0"}
    assert is_sound(line)
    assert not any(is_sound(line | {name: odd}) for name in line for odd in (5, None, ["ana"]))


def test_a_sample_of_buildings_that_are_not_there_is_named(out, refused) -> None:
    sample = {"size": 1, "seed": 0, "strata": [STRATUM | {"rows": [999]}]}
    write_review(out, ("grade", GRADE), ("sample", sample))
    assert "draws row 999 of a product of 6 buildings" in refused()


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_words_that_are_no_json_are_named(out, refused, word) -> None:
    journal_beside(out).write_text(f'{{"at":{word},"who":"a","what":"a","after":"a","hash":"a"}}\n')
    assert "line 1 is not JSON" in refused()


def forge(out: Path, *way: str | int, value: Any) -> None:
    """Change one value of the manifest, or take it out."""
    record = json.loads((out / "manifest.json").read_text())
    place = record
    for step in way[:-1]:
        place = place[step]
    place.pop(way[-1]) if value is None else place.__setitem__(way[-1], value)
    (out / "manifest.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("way", "value", "says"),
    [
        (("parameters",), None, "damaged at its parameters"),
        (("parameters",), 5, "damaged at its parameters"),
        (("inputs",), ["x"], "damaged at its inputs"),
        (("inputs",), [{}], "damaged at its inputs"),
        (("history",), [5], "damaged at its history"),
        (("order",), 5, "damaged at its order"),
        (("parameters", "shift"), {"dx_m": "x"}, "was edited: what it says of its parameters"),
        (("parameters", "footprints"), {}, "was edited: what it says of its parameters"),
        (("order", "kind"), 5, "was edited: what it says of its order"),
        (("order", "locality"), "elsewhere", "was edited: what it says of its order"),
        (("order", "zone_name"), 5, "names the column 5"),
        (("accuracy",), {"overall": None}, "was edited: what it says of its accuracy"),
    ],
)
def test_a_manifest_edited_by_hand_is_named(out, refused, way, value, says) -> None:
    forge(out, *way, value=value)
    write_review(out, ("grade", GRADE))
    assert says in refused()


@pytest.mark.parametrize(("name", "value"), [("confidence", "high"), ("p_none", 1e300)])
def test_shares_that_are_none_are_named(out, refused, name, value) -> None:
    with closing(sqlite3.connect(out / "products.gpkg")) as database, database:
        rules = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (rule,) in rules.fetchall():
            database.execute(f'DROP TRIGGER "{rule}"')
        database.execute(f"UPDATE builtUpA SET {name} = ?", (value,))  # noqa: S608 -- two words
    vectors = out / "products.gpkg"
    stated = {"sha256": sha256_of(vectors), "bytes": vectors.stat().st_size}
    forge(out, "files", "products.gpkg", value=stated)
    write_review(out, ("grade", GRADE))
    assert f"{name} of building" in refused()
