"""A toy product on disk, and a server of it in a thread: real sockets, no browser."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.toy_run import CREATED, SHAPE, UTM, grid, make_run

from geomage.geo import Raster, write_cog
from geomage.product import write_product


def toy_product(folder: Path, crs: str | None = UTM, answers: list[Any] | None = None) -> Path:
    """A product of six houses, one of each kind of answer, and its two images beside it."""
    run = make_run(folder / "work", crs, answers)
    images = [_image(folder / f"{role}.tif", crs, shade) for role, shade in _SHADES.items()]
    out = folder / "out"
    write_product(run, out, before_paths=images[:1], after_paths=images[1:], created=CREATED)
    return out


_SHADES = {"before": 90, "after": 150}


def _image(path: Path, crs: str | None, shade: int) -> Path:
    """Grey, with one red column at pixel 50: where things lie can be told."""
    values = np.full((3, *SHAPE), shade, np.uint8)
    values[:, :, 50] = np.array([[220], [0], [0]])
    return write_cog(path, Raster(values, grid(crs), bands=("red", "green", "blue")))


@dataclass(frozen=True)
class Served:
    """Where a server listens."""

    port: int

    def ask(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers in lower case, body); a Host header given replaces the right one."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        own = {"Host": f"127.0.0.1:{self.port}"}
        own.update({name.replace("_", "-"): value for name, value in headers.items()})
        link.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        sent = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        if body is not None:
            own.setdefault("Content-Length", str(len(sent)))
        for name, value in own.items():
            link.putheader(name, value)
        link.endheaders(sent or None)
        answer = link.getresponse()
        found = (answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        link.close()
        return found

    def read(self, path: str) -> Any:
        """The JSON of an answer."""
        status, _, body = self.ask(path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def edit(self, path: str, body: Any, token: str, **headers: str) -> tuple[int, Any]:
        """POST as the page does; headers given replace its own."""
        own = {
            "Content_Type": "application/json",
            "X_Geomage_Token": token,
            "Origin": f"http://127.0.0.1:{self.port}",
            **headers,
        }
        status, _, found = self.ask(path, "POST", body, **own)
        return status, found

    def raw(self, text: bytes) -> bytes:
        """What comes back for bytes sent as they are."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as link:
            link.sendall(text)
            link.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: link.recv(65536), b""))


@contextmanager
def serving(make_app: Any) -> Iterator[Served]:
    """Serve ``make_app(hosts)`` on a free port of this machine until the block ends."""
    from geomage.serve.running import hosts_of, listen, server_of

    with listen("127.0.0.1", 0) as door:
        app = make_app(hosts_of("127.0.0.1", door))
        server = server_of(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        try:
            yield Served(door.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(20)
