"""The type hook of conftest.py must check the package and leave the numba kernels alone."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

KERNELS = """
from __future__ import annotations
from numba import njit

@njit
def double(value: str) -> str:  # a lie on purpose: nobody checks a kernel
    return value * 2
"""
ROOM = {
    "__init__.py": "",
    "shapes.py": """
from __future__ import annotations
import numpy as np
from jaxtyping import Float32

def double(values: Float32[np.ndarray, "band y x"]) -> Float32[np.ndarray, "band y x"]:
    return values * 2
""",
    "towns.py": """
from __future__ import annotations
from dataclasses import dataclass
from typing import Self

@dataclass(frozen=True)
class Town:
    name: str
    homes: int = 0

    def grown(self, homes: int) -> Self:
        return Town(self.name, self.homes + homes)

    @property
    def label(self) -> str:
        return self.homes  # a lie on purpose

def largest(towns: list[Town], least: float = 0) -> Town | None:
    return max((t for t in towns if t.homes > least), key=lambda t: t.homes, default=None)
""",
    "_kernels.py": KERNELS,
    "_kernels_paint.py": KERNELS,
}


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A room of the package that only this test knows."""
    geomage = importlib.import_module("geomage")
    folder = tmp_path / "checked_room"
    folder.mkdir()
    for name, text in ROOM.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(geomage, "__path__", [*geomage.__path__, str(tmp_path)])
    yield "geomage.checked_room"
    for name in [n for n in sys.modules if n.startswith("geomage.checked_room")]:
        del sys.modules[name]


def test_a_wrong_rank_is_refused(room):
    import numpy as np
    from jaxtyping import TypeCheckError

    shapes = importlib.import_module(f"{room}.shapes")
    image = np.ones((3, 4, 4), np.float32)
    assert shapes.double(image).max() == 2
    with pytest.raises(TypeCheckError, match="values"):
        shapes.double(image[0])
    with pytest.raises(TypeCheckError, match="values"):
        shapes.double(image.astype(np.float64))


def test_a_wrong_type_is_refused_where_no_shape_is_named(room):
    from jaxtyping import TypeCheckError

    towns = importlib.import_module(f"{room}.towns")
    town = towns.Town("Bath")
    assert towns.largest([town.grown(3), town], least=1).homes == 3  # an int where a float is due
    for wrong, name in (
        (lambda: towns.Town(5), "name"),
        (lambda: town.grown(2.5), "homes"),
        (lambda: towns.largest(["Bath"]), "towns"),
        (lambda: town.label, "return"),
    ):
        with pytest.raises(TypeCheckError, match=name):
            wrong()


@pytest.mark.parametrize("name", ["_kernels", "_kernels_paint"])
def test_kernels_are_compiled_as_they_stand(room, name):
    kernels = importlib.import_module(f"{room}.{name}")
    assert kernels.double(2) == 4
    assert type(kernels.double).__name__ == "CPUDispatcher"


def test_the_package_itself_is_hooked():
    errors = importlib.import_module("geomage.errors")
    assert type(errors.__loader__).__name__ == "_JaxtypingLoader"


def test_annotations_can_be_read_at_run_time(project):
    """Shapes named only under TYPE_CHECKING would go unchecked, silently."""
    hidden = [
        str(path.relative_to(project))
        for path in sorted((project / "src").rglob("*.py"))
        if "TYPE_CHECKING" in path.read_text()
    ]
    assert not hidden, f"import at run time what annotations name: {hidden}"
