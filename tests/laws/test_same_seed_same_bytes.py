"""The same seed gives the same bytes, from city to scene, in this process and in any other."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from geomage.disaster import StormParams, read_event, storm, write_event
from geomage.render import RenderParams, render_event, write_scene
from geomage.world import CityParams, grow_city, read_city, write_city
from towns import folder_hashes

ROOMS = ("world", "disaster", "render", "sensor", "data")
PARAMS = {"city": 5, "event": 6, "scene": 7}
# the clock, the process and the machine: whatever would make two runs differ
FORBIDDEN_MODULES = {"random", "secrets", "time", "datetime", "uuid", "socket", "threading"}
# constructors that take a seed; all else in numpy.random is the global generator or unseeded
SEEDED = {"default_rng", "Generator", "SeedSequence"}


def chain(folder: Path, seeds: dict[str, int]) -> dict[str, str]:
    """City, event and scene through their folders; hashes of all files."""
    write_city(grow_city(CityParams(128.0, "suburb", seeds["city"])), folder / "city")
    city = read_city(folder / "city")
    write_event(storm(city, StormParams(4, 40), seeds["event"]), folder / "event")
    event = read_event(folder / "event")
    write_scene(render_event(event, RenderParams("vhr-1.0", seeds["scene"])), folder / "scene")
    return folder_hashes(folder)


@pytest.fixture(scope="module")
def hashes(tmp_path_factory):
    return chain(tmp_path_factory.mktemp("chain") / "one", PARAMS)


def test_a_scene_is_the_same_to_the_byte_with_all_its_files(hashes, tmp_path):
    assert chain(tmp_path / "two", PARAMS) == hashes
    assert {"scene/before.tif", "scene/buildings.gpkg", "scene/item.json", "city/city.gpkg"} <= set(
        hashes
    )


def test_another_process_with_other_hashing_writes_the_same_bytes(hashes, tmp_path, project):
    code = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from test_same_seed_same_bytes import PARAMS, chain\n"
        "chain(Path(sys.argv[1]), PARAMS)\n"
    )
    places = [project / "tests", project / "tests" / "laws", project / "src"]
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "three")],
        check=True,
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTHONHASHSEED": "12345",
            "PYTHONPATH": os.pathsep.join(map(str, places)),
            "TZ": "Asia/Tokyo",
            "OMP_NUM_THREADS": "2",
        },
    )
    assert folder_hashes(tmp_path / "three") == hashes


@pytest.mark.parametrize("step", PARAMS)
def test_another_seed_at_any_step_gives_another_scene(hashes, tmp_path, step):
    other = chain(tmp_path / step, PARAMS | {step: PARAMS[step] + 1})
    changed = {name for name in hashes if hashes[name] != other[name]}
    assert "scene/after.tif" in changed
    untouched = {"city": set(), "event": {"city"}, "scene": {"city", "event"}}[step]
    assert {name.split("/")[0] for name in changed}.isdisjoint(untouched)


def sources(project: Path) -> list[Path]:
    return sorted(
        file for room in ROOMS for file in (project / "src" / "geomage" / room).rglob("*.py")
    )


def offences(tree: ast.AST) -> list[str]:
    """What in a module could make two runs differ."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] in FORBIDDEN_MODULES or node.module == "numpy.random":
                found.append(f"from {node.module}")
            found += [
                "numpy.random" for a in node.names if (node.module, a.name) == ("numpy", "random")
            ]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            of = node.value
            if (
                of.attr == "random"
                and isinstance(of.value, ast.Name)
                and of.value.id in {"np", "numpy"}
            ):
                found += [] if node.attr in SEEDED else [f"np.random.{node.attr}"]
        elif isinstance(node, ast.Call) and not node.args and not node.keywords:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            found += ["default_rng() without a seed"] if name == "default_rng" else []
    return found


def test_no_generator_looks_at_the_clock_or_a_global_generator(project):
    files = sources(project)
    assert len(files) > 25
    found = {str(f): offences(ast.parse(f.read_text())) for f in files}
    assert not {name: what for name, what in found.items() if what}


@pytest.mark.parametrize(
    "code",
    [
        "import random",
        "import time",
        "from datetime import datetime",
        "from numpy import random",
        "from numpy.random import rand",
        "import numpy as np\nx = np.random.rand(3)",
        "import numpy as np\nnp.random.seed(1)",
        "import numpy as np\nrng = np.random.default_rng()",
        "import uuid as u",
    ],
)
def test_the_watch_sees_what_it_shall(code):
    assert offences(ast.parse(code))
    assert not offences(ast.parse("import numpy as np\nrng = np.random.default_rng([1, 2])"))
