"""What the server of a review answers, and what it keeps."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geomage.errors import InputError, OutputError
from geomage.product import reissue
from geomage.product.journal import edits_of, journal_beside, open_journal, read_lines

pytest.importorskip("starlette", reason="needs the extra [web]")
from tests.served import Served, serving, toy_product
from tests.toy_run import ANSWERS

from geomage.serve.review import open_review
from geomage.serve.running import ReviewOrder

TOKEN = "t" * 32


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_product(tmp_path_factory.mktemp("made")).parent


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "out"


@contextmanager
def reviewing(out: Path, who: str = "ana", sample: int | None = None) -> Iterator[Served]:
    with (
        open_review(ReviewOrder(out, who, sample), {}) as review,
        serving(lambda hosts: review.app(hosts, TOKEN)) as served,
    ):
        yield served


def test_the_least_certain_come_first_with_both_pictures(out: Path) -> None:
    with reviewing(out) as served:
        queue = served.read("/queue.json")
        assert queue["rows"][0] == 3  # Possibly damaged, none likelier than .55
        assert queue["rows"][-1] == 5  # not analysed
        one = served.read("/building/3.json")
        assert (one["id"], one["word"], one["grade"]) == (4, "Possibly damaged", None)
        shades = {}
        for role in ("before", "after"):
            status, heads, body = served.ask(f"/chip/3/{role}/near.jpg")
            assert (status, heads["content-type"]) == (200, "image/jpeg")
            with Image.open(io.BytesIO(body)) as jpeg:
                assert jpeg.size == (520, 520)
                shades[role] = float(np.median(np.asarray(jpeg)[250:270, 250:270]))
        assert shades == {"before": pytest.approx(90, abs=2), "after": pytest.approx(150, abs=2)}
        ring = np.reshape(one["outline"]["near"][0], (-1, 2))
        assert ring.mean(axis=0) == pytest.approx([260, 260], abs=1)  # in the middle
        assert np.ptp(ring, axis=0) * one["metres"]["near"] / 520 == pytest.approx([5, 5], abs=0.1)


def test_what_lies_outside_the_map_takes_no_grade(tmp_path: Path) -> None:
    unseen = [*ANSWERS[:5], (0, (np.nan,) * 4, "outside the image")]
    out = toy_product(tmp_path, answers=unseen)
    with reviewing(out) as served:
        status, said = served.edit("/grade", {"row": 5, "grade": 1}, TOKEN)
        assert (status, b"outside the map" in said) == (422, True)
        assert served.edit("/grade", {"row": 5, "grade": 0}, TOKEN)[0] == 200
    with open_journal(journal_beside(out)) as journal:  # a hand that wrote it
        journal.add("ana", "grade", building=6, grade=1, was="Not Analysed")
    with pytest.raises(InputError, match="building 6, which lies outside the map"):
        reissue(out, tmp_path / "next")


def test_grades_are_kept_taken_back_and_found_again(out: Path) -> None:
    with reviewing(out) as served:
        for row, grade in ((3, 4), (0, 2), (3, 1)):
            status, _ = served.edit("/grade", {"row": row, "grade": grade}, TOKEN)
            assert status == 200
        assert served.read("/queue.json")["graded"] == {"0": 2, "3": 1}
        assert b'"grade":4' in served.edit("/undo", {}, TOKEN)[1]
        assert b'"grade":null' in served.edit("/undo", {}, TOKEN)[1]
    with reviewing(out, "ben") as served:
        assert served.read("/queue.json")["graded"] == {"3": 4}
        assert served.read("/building/3.json")["who"] == "ana"
        served.edit("/undo", {}, TOKEN)
        assert served.edit("/undo", {}, TOKEN)[1] == b"null"
    lines = read_lines(journal_beside(out))
    assert edits_of(lines) == {}
    assert [line["what"] for line in lines].count("grade") == 6  # nothing is ever taken out


def test_a_sample_is_shown_in_turn_from_each_stratum_and_gone_on_with(out: Path) -> None:
    with reviewing(out, sample=4) as served:
        first = served.read("/queue.json")
        assert first["sample"]
        assert 5 not in first["rows"]  # not analysed
        served.edit("/grade", {"row": first["rows"][0], "grade": 4}, TOKEN)
        assert served.read("/sample.json")["judged"] == 1
    with reviewing(out, sample=4) as served:
        assert served.read("/queue.json")["rows"] == first["rows"]
    drawn = [line for line in read_lines(journal_beside(out)) if line["what"] == "sample"]
    assert len(drawn) == 1


def test_the_page_holds_the_token_and_nothing_from_outside(out: Path) -> None:
    with reviewing(out) as served:
        _, _, page = served.ask("/")
        assert re.search(rf'name="token" content="{TOKEN}"', page.decode())
        for found in re.findall(r'(?:src|href)="([^"]*)"', page.decode()):
            assert served.ask(found)[0] == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"row": 99, "grade": 1}, b"no such building"),
        ({"row": -1, "grade": 1}, b"no such building"),
        ({"row": True, "grade": 1}, b"no such building"),
        ({"row": 0, "grade": 5}, b"grades are 0 to 4"),
        ({"row": 0, "grade": "4"}, b"grades are 0 to 4"),
        ({"row": 0, "grade": True}, b"grades are 0 to 4"),
        ({"row": 0}, b"grades are 0 to 4"),
        ([], b"no such building"),
        (b"{", b"no such building"),
        (b"[" * 4000, b"no such building"),
    ],
)
def test_what_is_no_grade_is_refused_and_not_kept(out: Path, body, said: bytes) -> None:
    with reviewing(out) as served:
        status, found = served.edit("/grade", body, TOKEN)
        assert status == 422
        assert said in found
    assert edits_of(read_lines(journal_beside(out))) == {}


def test_two_reviews_of_one_product_are_refused(out: Path) -> None:
    with (
        open_review(ReviewOrder(out, "ana"), {}),
        pytest.raises(OutputError, match="another review is writing"),
        open_review(ReviewOrder(out, "ben"), {}),
    ):
        pass


def test_a_review_of_what_was_mapped_anew_is_refused(out: Path) -> None:
    with open_review(ReviewOrder(out, "ana"), {}):
        pass
    manifest = out / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"python"', '"python "'))
    with (
        pytest.raises(InputError, match="review of another product"),
        open_review(ReviewOrder(out, "ana"), {}),
    ):
        pass


def test_a_product_edited_by_hand_is_not_reviewed(out: Path) -> None:
    with (out / "products.gpkg").open("ab") as file:
        file.write(b"\0")
    with (
        pytest.raises(InputError, match=r"products.gpkg is not the file"),
        open_review(ReviewOrder(out, "ana"), {}),
    ):
        pass
    assert not journal_beside(out).exists()


def test_a_map_of_one_date_has_nothing_to_grade(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "out", tmp_path / "one")
    (tmp_path / "one/damage.tif").unlink()
    record = (tmp_path / "one/manifest.json").read_text()
    (tmp_path / "one/manifest.json").write_text(record.replace('"damage.tif"', '"building.tif "'))
    with (
        pytest.raises(InputError, match="from one date"),
        open_review(ReviewOrder(tmp_path / "one", "ana"), {}),
    ):
        pass
