"""Runs of several processes as one table."""

from benchmarks._run_files import runs_of, write_runs


def run(part, seed, score):
    return {"part": part, "arm": "identity", "seed": seed, "score": score}


def test_the_first_of_two_equal_runs_counts(tmp_path):
    one, other = tmp_path / "one.json", tmp_path / "deep/other.json"
    write_runs(one, {"runs": [run("buildings", 0, 0.1)]})
    write_runs(other, {"runs": [run("buildings", 0, 0.9), run("buildings", 1, 0.2)]})
    assert runs_of([one, other]) == [run("buildings", 0, 0.1), run("buildings", 1, 0.2)]
    assert runs_of([other, one])[0]["score"] == 0.9


def test_objectives_are_told_apart_and_nothing_but_the_file_is_left(tmp_path):
    rows = [{"part": "real", "objective": name, "seed": 0} for name in ("mic", "masked")]
    write_runs(tmp_path / "runs.json", {"runs": rows})
    assert runs_of([tmp_path / "runs.json"]) == rows
    assert [path.name for path in tmp_path.iterdir()] == ["runs.json"]
