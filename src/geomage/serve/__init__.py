"""A product in the browser of this machine: to look at, and to review. Needs the extra [web]."""

from __future__ import annotations

from geomage.serve.running import ReviewOrder, serve_review, serve_view

__all__ = ["ReviewOrder", "serve_review", "serve_view"]
