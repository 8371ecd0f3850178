"""A headless Chromium, spoken to over a pipe: no driver, no port, nothing to install beside the browser."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["Page", "open_page"]

BINARY = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    BINARY is None, reason="no Chromium on PATH (Debian: apt-get install chromium)"
)


class Page:
    """One tab, by the Chrome DevTools Protocol."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = os.fdopen(answers, "rb", buffering=0)
        self._count = 0
        self._pending = b""
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = str(attached["sessionId"])
        self.call("Page.enable")

    def call(self, method: str, **parameters: object) -> dict[str, object]:
        """Send a command and wait for its result; events are passed over."""
        self._count += 1
        message: dict[str, object] = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                result = answer["result"]
                assert isinstance(result, dict)
                return result

    def _next(self) -> dict[str, object]:
        while b"\0" not in self._pending:
            piece = self._answers.read(65536)
            assert piece, "the browser has gone"
            self._pending += piece
        text, _, self._pending = self._pending.partition(b"\0")
        answer = json.loads(text)
        assert isinstance(answer, dict)
        return answer

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the window, as small as a phone's if need be, and the colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        # The renderer takes the new size in its own time; resize handlers have run two frames later.
        self.evaluate(
            f"new Promise(done => {{ const wait = () => innerWidth === {width}"
            " ? requestAnimationFrame(() => requestAnimationFrame(() => done(true))) : setTimeout(wait, 10);"
            " wait(); })"
        )

    def visit(self, url: str) -> None:
        """Load a page that sets data-ready on its root when it is done."""
        self.call("Page.navigate", url=url)
        self.evaluate(
            f"new Promise(done => {{ const wait = () => location.href === {json.dumps(url)}"
            " && document.documentElement?.dataset.ready ? done(true) : setTimeout(wait, 20); wait(); })"
        )

    def evaluate(self, expression: str) -> object:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        result = answer["result"]
        assert isinstance(result, dict)
        return result.get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screenshot(self, path: Path) -> None:
        """Write a PNG of the window."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(str(data)))


@contextmanager
def open_page() -> Iterator[Page]:
    """A browser with one tab; it ends with the block."""
    assert BINARY
    # Chromium reads commands from descriptor 3 and answers on 4, so ours must be out of their way.
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs_in, theirs_out)]

    def place() -> None:
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)

    arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--remote-debugging-pipe",
        "--no-first-run",
    ]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [BINARY, *arguments, f"--user-data-dir={profile}"],
            preexec_fn=place,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for descriptor in (theirs_in, theirs_out, *high):
            os.close(descriptor)
        try:
            page = Page(ours_out, ours_in)
            yield page
            page._answers.close()
        finally:
            os.close(ours_out)
            process.kill()
            process.wait()
