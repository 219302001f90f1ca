"""What is asked of every request before it reaches a page, and said with every answer.

Against DNS rebinding: only a Host header that names this machine is answered. Against forged
requests (CSRF): what changes anything needs the token of the page, JSON, and an origin that is this
server's. Against scripts from outside: a policy that loads nothing from elsewhere. OWASP Cheat
Sheets on cross-site request forgery and on content security policy.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LARGEST_HEAD", "Guard"]

_READS: Final = ("GET", "HEAD")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final[Mapping[bytes, bytes]] = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}
LARGEST_HEAD: Final = 16_384  # bytes of a request before its body
_LONGEST_PATH: Final = 256
_LARGEST_BODY: Final = 4096
TOKEN_HEADER: Final = b"x-geomage-token"


@dataclass(frozen=True)
class Guard:
    """An application behind the checks."""

    app: ASGIApp
    hosts: frozenset[str]
    token: str | None = None  # None: nothing can be changed, whatever is asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(k, v) for k, v in message["headers"] if k.lower() not in _HEADERS]
                message = {**message, "headers": [*own, *_HEADERS.items()]}
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, dressed)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > LARGEST_HEAD:
            # the server bounds a head that is still coming, and not one that comes at once
            return _said(431, "The head of this request is too long.")
        headers = _heads(scope)
        host = headers.get(b"host", [])
        if len(host) != 1 or host[0].decode("latin-1").lower() not in self.hosts:
            return _said(421, "This server answers to its own address only.")
        path = scope["path"]
        if len(path) > _LONGEST_PATH or not _is_plain(path, scope.get("raw_path")):
            return _said(400, "No such address.")
        if scope["method"] in _READS:
            return None
        if scope["method"] != "POST" or self.token is None:
            allowed = "GET, HEAD" if self.token is None else "GET, HEAD, POST"
            return _said(405, "Not allowed.", allow=allowed)
        return self._refused_edit(headers, host[0])

    def _refused_edit(
        self, headers: Mapping[bytes, list[bytes]], host: bytes
    ) -> PlainTextResponse | None:
        given = headers.get(TOKEN_HEADER, [b""])[0]
        if not hmac.compare_digest(given, (self.token or "").encode()):
            return _said(403, "The page is of an earlier run: load it again.")
        if headers.get(b"origin", []) != [b"http://" + host]:
            return _said(403, "Edits come from the page of this server alone.")
        if headers.get(b"sec-fetch-site", [b"same-origin"]) != [b"same-origin"]:
            return _said(403, "Edits come from the page of this server alone.")
        if headers.get(b"content-type", [b""])[0].split(b";")[0].strip() != b"application/json":
            return _said(415, "An edit is JSON.")
        size = headers.get(b"content-length", [b""])[0]
        if not size.isdigit() or len(size) > 6 or int(size) > _LARGEST_BODY:
            return _said(413, "An edit is short, and says how long it is.")
        return None


def _heads(scope: Scope) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.lower(), []).append(value)
    return found


def _is_plain(path: str, raw: bytes | None) -> bool:
    """Whether a path says what it means: no step upwards, no second way to write it."""
    if raw is not None and unquote(raw.split(b"?")[0].decode("latin-1")) != path:
        return False
    return (
        path.isascii()
        and path.isprintable()
        and not any(odd in path for odd in ("..", "\\", "//", "%", "\0"))
    )


def _said(status: int, text: str, **headers: Any) -> PlainTextResponse:
    return PlainTextResponse(text + "\n", status, headers)
