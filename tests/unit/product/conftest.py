"""Products of the toy run, made on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geomage.product import ProductPaths, write_product
from toy_run import CREATED, UTM, make_image, make_run, of_one_date

Maker = Callable[..., ProductPaths]


@pytest.fixture
def make_product(tmp_path: Path) -> Maker:
    """Write a product of the toy run into ``tmp_path / "out"``."""

    def make(
        crs: str | None = UTM,
        answers: list[Any] | None = None,
        name: str = "after.tif",
        out: str = "out",
        facts: Mapping[str, Any] | None = None,
        dates: int = 2,
        **options: Any,
    ) -> ProductPaths:
        run = make_run(tmp_path / f"work_{out}", crs, answers)
        run = run if dates == 2 else of_one_date(run)
        run = replace(run, facts={**run.facts, **(facts or {})})
        before = make_image(tmp_path / "before.tif", crs)
        after = make_image(tmp_path / name, crs, 140)
        return write_product(
            run,
            tmp_path / out,
            before_paths=[before],
            after_paths=[after][: dates - 1],
            created=CREATED,
            **options,
        )

    return make
