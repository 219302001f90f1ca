"""Requests no page would send, a review that is killed, and a server that is not installed."""

from __future__ import annotations

import asyncio
import json
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from geomage.errors import InputError, OutputError
from geomage.product.journal import edits_of, journal_beside, read_lines
from geomage.serve.running import ReviewOrder, exposure, hosts_of, listen, serve_view

pytest.importorskip("starlette", reason="needs the extra [web]")
from starlette.types import Message, Receive, Scope, Send
from tests.served import Served, serving, toy_product

from geomage.serve.guard import Guard
from geomage.serve.review import open_review
from geomage.serve.view import open_view

TOKEN = "k" * 32


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_product(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def view(out: Path) -> Iterator[Served]:
    with serving(open_view(out, {}).app) as served:
        yield served


@pytest.fixture(scope="module")
def review(out: Path) -> Iterator[Served]:
    with (
        open_review(ReviewOrder(out, "ana"), {}) as opened,
        serving(lambda hosts: opened.app(hosts, TOKEN)) as served,
    ):
        yield served


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1",
     "127.0.0.1.evil.example:{port}", "localhost.:{port}", "[::1]",
     "127.0.0.1:{port}@evil.example", "127.0.0.1:{port}, evil", ""],
)  # fmt: skip
def test_another_host_is_not_answered(view: Served, host: str) -> None:
    status, _, body = view.ask("/product.json", Host=host.format(port=view.port))
    assert status in (400, 421)
    assert b"rasters" not in body


@pytest.mark.parametrize(
    "head",
    [
        b"GET /product.json HTTP/1.1\r\n\r\n",
        b"GET /product.json HTTP/1.0\r\n\r\n",
        b"GET /product.json HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nHost: evil.example\r\n\r\n",
        b"GET http://evil.example/product.json HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /product.json HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /product.json HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" + b"X: a\r\n" * 4000 + b"\r\n",
        b"GET /product.json HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX: " + b"a" * 17_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=[
        "no host",
        "no host 1.0",
        "two hosts",
        "absolute",
        "endless head",
        "many lines",
        "long head",
        "tls",
    ],
)
def test_odd_heads_get_nothing(view: Served, head: bytes) -> None:
    answer = view.raw(head.replace(b"%d", str(view.port).encode()))
    assert b"rasters" not in answer
    assert not answer.startswith(b"HTTP/1.1 200")
    assert view.ask("/product.json")[0] == 200  # and it still serves


@pytest.mark.parametrize("heads", [[(b"x", b"a")] * 5000, [(b"x", b"a" * 20_000)]])
def test_a_long_head_that_is_read_at_once_is_refused(heads: list[tuple[bytes, bytes]]) -> None:
    """The server bounds a head while it is still coming, and no other."""
    reached: list[str] = []
    statuses: list[int | None] = []

    async def page(_scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.append("page")

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        statuses.append(message.get("status"))

    def asked(heads: list[tuple[bytes, bytes]]) -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": heads}
        asyncio.run(Guard(page, frozenset({"here:1"}))(scope, receive, send))

    asked([(b"host", b"here:1")])
    assert reached == ["page"]
    asked([(b"host", b"here:1"), *heads])
    assert reached == ["page"]
    assert statuses[0] == 431


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}"])
def test_this_machine_is_answered_by_its_own_names(view: Served, host: str) -> None:
    assert view.ask("/product.json", Host=host.format(port=view.port))[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/manifest.json", "/../manifest.json", "/..%2fmanifest.json", "/%2e%2e/manifest.json",
     "/%252e%252e/manifest.json", "/tiles/../../manifest.json",
     "/tiles/damage/0/0/..%2f..%2f0.png",
     "/tiles/..%2fbefore/0/0/0.png", "/tiles/damage.tif/0/0/0.png", "//etc/passwd", "/etc/passwd",
     "/view.js/../../../pyproject.toml", "/..\\manifest.json", "/%5c..%5cmanifest.json",
     "/view.js%00.css",
     "/view.css/", "/tiles//damage/0/0/0.png", "/" + "a" * 5000, "/%ff%fe",
     "/vectors/source/0/0/0.json",
     "/vectors/layer_styles/0/0/0.json", "/vectors/gpkg_contents/0/0/0.json",
     "/vectors/builtUpA'--/0/0/0.json", "/vectors/builtUpA/0/0/0.png", "/chip/0/before/near.jpg",
     "/grade", "/queue.json"],
)  # fmt: skip
def test_no_path_leads_elsewhere(view: Served, path: str) -> None:
    status, heads, body = view.ask(path)
    assert status in (400, 404)
    assert len(body) < 200
    assert "default-src 'none'" in heads["content-security-policy"]


@pytest.mark.parametrize(
    "place",
    ["0/1/0", "0/0/1", "99/0/0", "-1/0/0", "5/-1/0", "1.0/0/0", "1e3/0/0", "0x1/0/0", "%D9%A1/0/0",
     "0/0/99999999999999999999", f"{'9' * 200}/0/0", "+0/0/0", " 0/0/0", "0/0/NaN", "0/0/"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["tiles/damage", "vectors/builtUpA"])
def test_tiles_that_are_none_are_none(view: Served, kind: str, place: str) -> None:
    end = "png" if kind.startswith("tiles") else "json"
    assert view.ask(f"/{kind}/{place.replace(' ', '%20')}.{end}")[0] in (400, 404)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "X"]
)
def test_a_view_is_read_only(view: Served, method: str) -> None:
    status, heads, _ = view.ask("/product.json", method)
    assert status == 405
    assert heads["allow"] == "GET, HEAD"
    assert not [name for name in heads if name.startswith("access-control")]


def test_a_head_has_no_body_and_an_address_asked_for_is_not_fetched(view: Served) -> None:
    status, heads, body = view.ask("/product.json", "HEAD")
    assert (status, body) == (200, b"")
    assert int(heads["content-length"]) > 100
    url = "/tiles/damage/0/0/0.png"
    plain = view.ask(url)[2]
    assert view.ask(f"{url}?url=http://127.0.0.1:{view.port}/product.json")[2] == plain


def test_every_answer_says_what_may_be_loaded(view: Served, review: Served) -> None:
    for served in (view, review):
        for path, method in (("/", "GET"), ("/nothing", "GET"), ("/", "DELETE")):
            _, heads, _ = served.ask(path, method)
            policy = heads["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "http" not in policy
            assert heads["x-content-type-options"] == "nosniff"
            assert heads["cross-origin-resource-policy"] == "same-origin"
            assert "server" not in heads


def test_connections_that_never_end_their_request_keep_nobody_out(out: Path) -> None:
    head = b"GET /product.json HTTP/1.1\r\n"
    with serving(open_view(out, {}).app) as served, ExitStack() as many:

        def half() -> socket.socket:
            at = ("127.0.0.1", served.port)
            link = many.enter_context(socket.create_connection(at, timeout=20))
            link.sendall(head)
            return link

        first = [half() for _ in range(80)]
        assert served.ask("/product.json")[0] == 200
        assert select.select(first, [], [], 20)[0]  # they are closed after a while
        slow = half()
        slow.sendall(b"Host: 127.0.0.1:%d\r\n\r\n" % served.port)
        assert slow.recv(12) == b"HTTP/1.1 200"  # one that comes in parts is answered
        assert served.ask("/product.json")[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Geomage_Token": ""}, 403),
        ({"X_Geomage_Token": "k" * 31}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Length": "99999999999"}, 413),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_a_forged_edit_is_not_kept(review: Served, out: Path, headers: dict, status: int) -> None:
    before = journal_beside(out).read_bytes()
    assert review.edit("/grade", {"row": 0, "grade": 1}, TOKEN, **headers)[0] == status
    assert journal_beside(out).read_bytes() == before


def test_an_edit_in_pieces_or_without_a_token_or_origin_is_not_kept(
    review: Served, out: Path
) -> None:
    before = journal_beside(out).read_bytes()
    body = json.dumps({"row": 0, "grade": 1}).encode()
    head = f"POST /grade HTTP/1.1\r\nHost: 127.0.0.1:{review.port}\r\nConnection: close\r\n"
    rest = f"Content-Type: application/json\r\nX-Geomage-Token: {TOKEN}\r\n"
    origin = f"Origin: http://127.0.0.1:{review.port}\r\n"
    pieces = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    sent = [
        (head + rest + origin + "Transfer-Encoding: chunked\r\n\r\n").encode() + pieces,
        (head + rest + f"Content-Length: {len(body)}\r\n\r\n").encode() + body,
        (head + origin + f"Content-Length: {len(body)}\r\n\r\n").encode() + body,
    ]
    for text in sent:
        assert re.match(rb"HTTP/1.1 4(03|13|15)", review.raw(text))
    assert journal_beside(out).read_bytes() == before
    assert review.ask("/grade")[0] == 405
    assert review.ask("/grade", "DELETE")[0] == 405


def test_a_killed_review_loses_no_edit(tmp_path: Path) -> None:
    out = toy_product(tmp_path)
    command = [sys.executable, "-m", "geomage", "review", str(out), "--who", "ana", "--no-browser"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        try:
            port = next(
                int(found[1])
                for line in running.stderr
                if (found := re.search(r"http://127\.0\.0\.1:(\d+)/", line))
            )
            served = Served(port)
            token = re.search(r'name="token" content="([^"]+)"', served.ask("/")[2].decode())[1]
            for row, grade in ((3, 4), (1, 0), (0, 3)):
                assert served.edit("/grade", {"row": row, "grade": grade}, token)[0] == 200
        finally:
            running.send_signal(signal.SIGKILL)
    edits = edits_of(read_lines(journal_beside(out)))
    assert {one: edit.grade for one, edit in edits.items()} == {4: 4, 2: 0, 1: 3}
    with open_review(ReviewOrder(out, "ben"), {}) as again:  # and its lock went with it
        assert edits_of(again.journal.lines) == edits


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['starlette'] = None\n"
        "from geomage.cli import main\n"
        "sys.exit(main(['view', sys.argv[1]]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert found.stderr == "geomage: this needs starlette: pip install 'geomage[web]'\n"


def test_a_port_that_is_taken_and_an_address_that_is_not_ours() -> None:
    with (
        listen("127.0.0.1", 0) as door,
        pytest.raises(OutputError, match="another --port"),
        listen("127.0.0.1", door.getsockname()[1]),
    ):
        pass
    with pytest.raises(OutputError, match=r"cannot listen on 192\.0"), listen("192.0.2.1", 0):
        pass
    with pytest.raises(InputError, match="no address of this machine"), listen("no.invalid", 0):
        pass


def test_what_fails_while_one_listens_is_not_taken_for_the_address() -> None:
    with pytest.raises(ConnectionResetError), listen("127.0.0.1", 0):
        raise ConnectionResetError


def test_listening_to_others_is_said_loudly() -> None:
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        assert not exposure(host, 80)
    for host in ("0.0.0.0", "::", "192.0.2.1", "a-name"):  # noqa: S104 -- named, not bound
        assert exposure(host, 80).startswith(f"WARNING: {host} is open to the network")
    with listen("0.0.0.0", 0) as door:  # noqa: S104 -- no one is answered
        assert not any(name.startswith("0.0.0.0") for name in hosts_of("0.0.0.0", door))  # noqa: S104


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_server_listens_ends_it(out: Path, number: signal.Signals) -> None:
    """The address is told, and who reads it ends the server at once."""

    def say(text: str) -> None:
        if text.startswith("http"):
            signal.raise_signal(number)

    serve_view(out, {}, host="127.0.0.1", port=0, say=say, browse=False)


@pytest.mark.parametrize("who", ["", "a\nb", "\x1b[31mana", "x" * 81])
def test_a_name_that_is_no_name_is_refused(who: str) -> None:
    with pytest.raises(InputError, match="printable characters"):
        ReviewOrder(Path("out"), who)


@pytest.mark.parametrize("host", ["", " ", "[]"])
def test_no_address_is_not_every_address(host: str) -> None:
    with pytest.raises(InputError, match="is no address"), listen(host, 0):
        pass
