"""A real Chromium of the system, driven by Playwright; nothing is downloaded."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any


def chromium() -> str | None:
    """Return the path of the browser; None if there is no browser or no Playwright."""
    if find_spec("playwright") is None:
        return None
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


@contextmanager
def browser(program: str) -> Iterator[Any]:
    """Yield a running browser, as `playwright.sync_api.Browser`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        flags = ["--autoplay-policy=no-user-gesture-required", "--no-sandbox"]  # tests may run as root, in a container
        found = driver.chromium.launch(executable_path=program, args=flags)
        yield found
        found.close()


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Serve an ASGI application on a free port of this machine; yield its address."""
    import uvicorn

    from pipeline.viewer.command import bind

    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()


def until(page: Any, expression: str, *, seconds: float = 20.0) -> None:
    """Wait until a JavaScript expression is true; Playwright's own wait needs what the pages' policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never true: {expression[-300:]}"
        time.sleep(0.04)


READ = """() => {
  const video = document.getElementById('video'), canvas = document.createElement('canvas');
  const source = video.hidden ? document.getElementById('storyboard') : video;
  canvas.width = source.videoWidth || source.naturalWidth;
  canvas.height = source.videoHeight || source.naturalHeight;
  const ink = canvas.getContext('2d', { willReadFrequently: true });
  ink.drawImage(source, 0, 0);
  let index = 0;
  for (let bit = 0; bit < 12; bit++) {
    const x = Math.floor((bit + 0.5) * canvas.width / 12), y = Math.floor(canvas.height * 0.3);
    if (ink.getImageData(x, y, 1, 1).data[0] > 128) index |= 1 << bit;
  }
  return index;
}"""
"""JavaScript that reads the index in a frame of `tests.support.video` from the player."""
