"""A real browser with a page in it: sizes, keys and questions, through a pipe and no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# The protocol of a browser started with --remote-debugging-pipe: it reads from 3, writes to 4.
_START = 'exec "$0" "$@" 3<&{read} 4>&{write}'
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def browser() -> str:
    """Path of Chromium; the test is skipped without one."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium here; install Debian's chromium to run this")
    return found


_ALIVE = (
    "new Promise(done => { const look = () => document.querySelector('.stage.live')"
    " ? done(true) : setTimeout(look, 20); look(); })"
)
_CODES = {"ArrowLeft": 37, "ArrowRight": 39, "Tab": 9, "Enter": 13}
_OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}


class Tab:
    """One page, spoken to in messages of JSON that end with a zero."""

    def __init__(self, questions: int, answers: int) -> None:
        self.questions, self.answers = questions, os.fdopen(answers, "rb")
        self.session: dict[str, str] = {}
        self.count = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask for one thing and wait for its answer; events in between are kept."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params, **self.session}
        os.write(self.questions, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> bytes:
        text = bytearray()
        while (byte := self.answers.read(1)) != b"\0":
            assert byte, "the browser has gone"
            text += byte
        return bytes(text)

    def open(self, url: str, width: int, height: int) -> None:
        """Show a page on a screen of this size, in CSS pixels, and wait until its script ran."""
        self.session = {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        found = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = {"sessionId": found["sessionId"]}
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        for domain in ("Network", "Runtime", "Log", "Security"):
            self.call(f"{domain}.enable")
        self.call("Network.emulateNetworkConditions", **_OFFLINE)
        self.call("Page.navigate", url=url)
        self.ask(_ALIVE)

    def ask(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def rest(self) -> None:
        """Wait until what was asked of the page is painted."""
        self.ask("new Promise(d => requestAnimationFrame(() => requestAnimationFrame(() => d(1))))")

    def requests(self) -> list[str]:
        """Addresses that were asked for so far, but those inside the page itself."""
        asked = [e["params"]["request"]["url"] for e in self.told("Network.requestWillBeSent")]
        return [url for url in asked if not url.startswith("data:")]

    def complaints(self) -> list[dict[str, Any]]:
        """Errors, warnings and refusals that the page has caused so far."""
        logged = self.told("Log.entryAdded")
        spoken = self.told("Runtime.consoleAPICalled")
        return [*logged, *spoken, *self.told("Runtime.exceptionThrown")]

    def told(self, method: str) -> list[dict[str, Any]]:
        """Events of a kind that have come so far."""
        self.rest()
        return [event for event in self.events if event.get("method") == method]

    def wait_for(self, method: str) -> None:
        """Wait until an event of a kind has come; no question is asked of the page."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(json.loads(self._next()))

    def mouse(self, *path: tuple[float, float]) -> None:
        """Press the left button at the first point, let it go at the last."""
        first, last = path[0], path[-1]
        self.point("mouseMoved", first)
        self.point("mousePressed", first)
        for spot in path[1:]:
            self.point("mouseMoved", spot, buttons=1)
        self.point("mouseReleased", last)

    def point(self, kind: str, spot: tuple[float, float], **more: Any) -> None:
        """One event of the mouse."""
        button = {"button": "none" if kind == "mouseMoved" else "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=kind, x=spot[0], y=spot[1], **button, **more)

    def middle(self, name: str) -> tuple[float, float]:
        """Middle of an element on the screen, brought into sight."""
        x, y = self.ask(
            f"(() => {{ const node = document.getElementById('{name}');"
            " node.scrollIntoView({block: 'nearest'}); const box = node.getBoundingClientRect();"
            " return [box.left + box.width / 2, box.top + box.height / 2]; })()"
        )
        return x, y

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and let go of a key, as a keyboard would."""
        code = _CODES.get(key, ord(key[0].upper()))
        stroke = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 * shift}
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **stroke, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **stroke)


@contextmanager
def opened(page: Path, profile: Path, *, width: int = 1400, height: int = 900) -> Iterator[Tab]:
    """A page in a browser, closed when done."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    script = _START.format(read=theirs_in, write=theirs_out)
    command = ["bash", "-c", script, browser(), *_OPTIONS, f"--user-data-dir={profile}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, pass_fds=(theirs_in, theirs_out), **quiet) as running:
        os.close(theirs_in)
        os.close(theirs_out)
        tab = Tab(ours_out, ours_in)
        try:
            tab.open(page.as_uri(), width, height)
            yield tab
        finally:
            os.close(ours_out)  # the browser leaves when nobody speaks to it
            running.terminate()
            running.wait(timeout=30)
            tab.answers.close()
