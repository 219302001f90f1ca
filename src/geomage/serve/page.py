"""The files of a page: read from the package, served under fixed names."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["app_of", "page_routes"]

_MEDIA: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}

_PAGE: Final = ("html", "css", "js")


def page_routes(name: str, **words: str) -> list[Route]:
    """Routes of one page: ``/`` and its style and script.

    Args:
        name: of the page: ``view`` or ``review``.
        words: put in the page where it says ``$word``.
    """
    folder = files("geomage.serve") / "pages"
    texts = {end: (folder / f"{name}.{end}").read_text("utf-8") for end in _PAGE}
    texts["html"] = Template(texts["html"]).substitute(words)
    texts["css"] = (folder / "common.css").read_text("utf-8") + texts["css"]
    return [
        _fixed("/", texts["html"], "html"),
        _fixed(f"/{name}.css", texts["css"], "css"),
        _fixed(f"/{name}.js", texts["js"], "js"),
        _fixed("/icon.svg", (folder / "icon.svg").read_text("utf-8"), "svg"),
    ]


def app_of(routes: Sequence[Route]) -> Starlette:
    """An application that answers these routes as they are written, and no other."""
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


def _fixed(path: str, text: str, end: str) -> Route:
    def answer(_request: Request) -> Response:
        return Response(text, media_type=f"{_MEDIA[end]}; charset=utf-8")

    return Route(path, answer)
