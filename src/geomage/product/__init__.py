"""The deliverable: layers, numbers with denominators, the report, and its score."""

from __future__ import annotations

from geomage.product.doubts import partly_analysed
from geomage.product.folder import ProductPaths, product_paths, write_product
from geomage.product.grading import (
    DECIDED_DAMAGED,
    DECIDED_DESTROYED,
    DECIDED_INTACT,
    WORDS,
    graded,
)
from geomage.product.mapped import RASTERS, Mapped
from geomage.product.mosaic import write_mosaic
from geomage.product.order import EVENT_TYPES, KINDS, PLAIN, Order
from geomage.product.ordered import check_order
from geomage.product.reissue import Reissued, reissue
from geomage.product.score import Detection, Score, score_product
from geomage.product.scorecard import score_table

__all__ = [
    "DECIDED_DAMAGED",
    "DECIDED_DESTROYED",
    "DECIDED_INTACT",
    "EVENT_TYPES",
    "KINDS",
    "PLAIN",
    "RASTERS",
    "WORDS",
    "Detection",
    "Mapped",
    "Order",
    "ProductPaths",
    "Reissued",
    "Score",
    "check_order",
    "graded",
    "partly_analysed",
    "product_paths",
    "reissue",
    "score_product",
    "score_table",
    "write_mosaic",
    "write_product",
]
