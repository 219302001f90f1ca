"""Starting a server on this machine, and ending it."""

from __future__ import annotations

import ipaddress
import secrets
import signal
import socket
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, Final

from geomage.errors import InputError, MissingExtraError, OutputError
from geomage.product.journal import LONGEST_NAME
from geomage.serve.stalled import Stalled

__all__ = [
    "ReviewOrder",
    "exposure",
    "hosts_of",
    "listen",
    "refuse_missing",
    "serve_review",
    "serve_view",
    "server_of",
]

_LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
_NEEDED: Final = ("starlette", "uvicorn")
_AT_ONCE: Final = 256  # connections, and requests

Say = Callable[[str], None]
Images = Mapping[str, Sequence[Path]]


@dataclass(frozen=True)
class ReviewOrder:
    """Who reviews what."""

    out: Path
    who: str
    sample: int | None = None  # buildings to draw; None goes by doubt
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a name that would be cut, or move the cursor of a terminal."""
        if not (0 < len(self.who) <= LONGEST_NAME and self.who.isprintable()):
            raise InputError(
                f"--who {self.who[:40]!r}: give 1 to {LONGEST_NAME} printable characters"
            )


def serve_view(
    out: Path, images: Images, *, host: str, port: int, say: Say, browse: bool = True
) -> None:
    """Serve a product to look at, until interrupted.

    Args:
        out: the product folder.
        images: files by role where they have moved.
        host: address to listen on.
        port: port to listen on; a free one when 0.
        say: how to speak to the person.
        browse: whether to open a browser.

    Raises:
        InputError: no product.
        MissingExtraError: the extra [web] is not installed.
        OutputError: the port is taken.
    """
    refuse_missing()
    from geomage.serve.view import open_view  # noqa: PLC0415 -- needs the extra

    view = open_view(out, images)
    for note in view.notes:
        say(f"note: {note}")
    with listen(host, port) as door:
        _run(view.app(hosts_of(host, door)), door, host, say, browse=browse)


def serve_review(
    order: ReviewOrder, images: Images, *, host: str, port: int, say: Say, browse: bool = True
) -> None:
    """Serve the page of a review, until interrupted; arguments and errors as of `serve_view`."""
    refuse_missing()
    from geomage.serve.review import open_review  # noqa: PLC0415 -- needs the extra

    with listen(host, port) as door, open_review(order, images) as review:
        say(f"{review.told}. Edits go to {review.journal.path}")
        token = secrets.token_urlsafe(24)
        _run(review.app(hosts_of(host, door), token), door, host, say, browse=browse)
        say(f"To make the next version: geomage reissue {order.out} -o OUT")


def refuse_missing() -> None:
    """Raise MissingExtraError when the extra [web] is not installed."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"this needs {' and '.join(missing)}: pip install 'geomage[web]'")


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket bound to an address; OutputError when it is taken or not ours."""
    if not host.strip("[] "):  # would be every address of this machine
        raise InputError(f"--host {host!r} is no address: leave it out, or name one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as stack:
        try:
            door = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind((host.strip("[]"), port))
            door.listen(64)
        except (socket.gaierror, UnicodeError) as error:
            raise InputError(f"--host {host!r} is no address of this machine") from error
        except OSError as error:
            raise OutputError(
                f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port"
            ) from error
        yield door


def hosts_of(host: str, door: socket.socket) -> frozenset[str]:
    """Values of the Host header that are answered: this machine by its own names, and `host`.

    A page elsewhere whose name is made to resolve to this machine (DNS rebinding) sends its own.
    """
    port = door.getsockname()[1]
    own = [host, f"[{host}]"] if _is_plain(host) else []
    return frozenset(f"{name}:{port}" for name in (*_LOCAL, *own))


def _is_plain(host: str) -> bool:
    """Whether an address names one machine: 0.0.0.0 and :: name all of this one's."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return True


def exposure(host: str, port: int) -> str:
    """What it means to listen on an address that others reach; nothing for this machine's own."""
    if _is_loopback(host):
        return ""
    return (
        f"WARNING: {host} is open to the network. Whoever reaches this machine sees the images and "
        "can do what this page can; there is no login and no encryption. Safer: leave --host out "
        f"and reach it by ssh -L {port}:127.0.0.1:{port} THIS-MACHINE"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _run(app: Any, door: socket.socket, host: str, say: Say, *, browse: bool) -> None:
    address, port = door.getsockname()[:2]
    name = f"[{address}]" if ":" in address else address
    url = f"http://{'127.0.0.1' if address == '0.0.0.0' else name}:{port}/"  # noqa: S104 -- compared, not bound
    if warning := exposure(host, port):
        say(warning)
    server = server_of(app)
    with _ended_quietly(server):  # from before the address is told: who reads it may end it at once
        say(f"{url} (end with Ctrl-C)")
        if browse:
            webbrowser.open(url)
        server.run(sockets=[door])


def server_of(app: Any) -> Any:
    """The server of an application: HTTP/1.1 alone, bounded, silent about itself."""
    import uvicorn  # noqa: PLC0415 -- the extra [web]

    from geomage.serve.guard import LARGEST_HEAD  # noqa: PLC0415 -- needs the extra

    stalled = Stalled()

    async def tidy() -> None:
        stalled.close(server.server_state.connections, time.monotonic())

    config = uvicorn.Config(
        app, log_level="error", access_log=False, lifespan="off", http="h11", ws="none",
        server_header=False, proxy_headers=False, h11_max_incomplete_event_size=LARGEST_HEAD,
        limit_concurrency=_AT_ONCE, timeout_graceful_shutdown=2,
        callback_notify=tidy, timeout_notify=0,  # each second
    )  # fmt: skip
    server = uvicorn.Server(config)
    return server


@contextmanager
def _ended_quietly(server: Any) -> Iterator[None]:
    """Within, SIGINT and SIGTERM end the server and nothing else: that is how it is closed.

    One that comes before the server listens to signals itself ends it as well.
    """
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    for number in kept:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
