"""A browser page whose requests, errors and words to the console are kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser import Tab, opened

_PATIENCE = 60.0  # seconds, of a machine that does much else


class Watched:
    """A tab that remembers what went on in it."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.events: list[dict[str, Any]] = []
        hear, tab._next = tab._next, self._heard
        self._hear = hear

    def _heard(self) -> bytes:
        text = self._hear()
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return text

    def open(self, url: str, width: int, height: int) -> None:
        """Show a page on a screen of this size; what was before is forgotten."""
        self.tab.session = {}
        target = self.tab.call("Target.createTarget", url="about:blank")["targetId"]
        found = self.tab.call("Target.attachToTarget", targetId=target, flatten=True)
        self.tab.session = {"sessionId": found["sessionId"]}
        self.events.clear()
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.tab.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.tab.call("Emulation.setDeviceMetricsOverride", **size)
        self.tab.call("Page.navigate", url=url)

    def ask(self, script: str) -> Any:
        """The value of an expression in the page."""
        return self.tab.ask(script)

    def until(self, script: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + _PATIENCE
        while not self.ask(script):
            assert time.monotonic() < end, (script, self.troubles())
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """Press a key."""
        self.tab.press(key)

    def click(self, x: float, y: float) -> None:
        """Press and let go of the mouse."""
        for kind in ("mousePressed", "mouseReleased"):
            self.tab.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    def requests(self) -> list[str]:
        """Addresses that were asked for."""
        sent = [one for one in self.events if one["method"] == "Network.requestWillBeSent"]
        return [one["params"]["request"]["url"] for one in sent]

    def troubles(self) -> list[str]:
        """Exceptions, errors and warnings of the page and of the browser about it."""
        said = []
        for one in self.events:
            if one["method"] == "Runtime.exceptionThrown":
                said.append(str(one["params"]["exceptionDetails"]))
            elif one["method"] == "Log.entryAdded":
                said.append(str(one["params"]["entry"]))
            elif one["method"] == "Runtime.consoleAPICalled":
                said.append(str(one["params"]["args"]))
        return said


@contextmanager
def watched(profile: Path) -> Iterator[Watched]:
    """A browser with no page in it yet, closed at the end."""
    blank = profile.with_name("blank.html")
    blank.write_text('<div class="stage live"></div>')
    with opened(blank, profile) as tab:
        yield Watched(tab)
