"""Screenshots for the docs, taken with a real Chromium: `python -m tests.support.screenshots OUT NAME VIDEO`.

Writes `docs/images/NAME-video.webp` (`longcap view`) and `NAME-report.webp` (`report.html`) of an output. Only outputs
over rendered stories (`longcap demo`) belong in the docs.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from tests.support.browser import browser, chromium, serve, until
from tests.support.command import ROOT

IMAGES = ROOT / "docs" / "images"
SENTENCE = 3
_SIZE = {"width": 1280, "height": 800}


def main(out: str, name: str, video: str) -> None:
    from pipeline.output.output import Output
    from pipeline.viewer.app import make_app
    from pipeline.viewer.cache import Cache
    from pipeline.viewer.guard import LOOPBACK
    from pipeline.viewer.reader import Reader
    from pipeline.viewer.site import Site

    program = chromium()
    if program is None:
        raise SystemExit("there is no Chromium (Debian: apt install chromium), or playwright is not installed")
    rows = Output(out).to_arrow().select(["video_id", "uri"]).to_pylist()
    video_id = next(row["video_id"] for row in rows if Path(row["uri"]).name == video)
    with tempfile.TemporaryDirectory() as folder:
        site = Site(readers=[Reader(out, name)], cache=Cache(Path(folder)), author="you", editable=True)
        app = make_app(site, token=None, hosts=frozenset(LOOPBACK), cookie="longcap_docs")
        with serve(app) as address, browser(program) as found:
            page = found.new_page(viewport=_SIZE)
            page.goto(f"{address}/video?id={quote(video_id)}")
            page.wait_for_selector("html[data-ready]")
            page.locator("a.sentence:not(.nowhere)").nth(SENTENCE).click()
            until(page, "document.getElementById('video').currentTime > 0 && !document.getElementById('video').seeking")
            page.wait_for_timeout(1000)  # frames of the evidence
            page.evaluate("window.scrollTo(0, 0)")
            _keep(page, f"{name}-video", out)
            page.goto(Path(out, "report.html").absolute().as_uri(), wait_until="networkidle")
            _keep(page, f"{name}-report", out)
        site.close()


_WITHOUT = """parent => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) walker.currentNode.data = walker.currentNode.data.replaceAll(parent, '');
}"""


def _keep(page: Any, name: str, out: str) -> None:
    page.evaluate(_WITHOUT, f"{Path(out).absolute().parent}/")  # remove paths of this machine
    IMAGES.mkdir(exist_ok=True)
    path = IMAGES / f"{name}.webp"
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, quality=88, method=6)
    print(path.relative_to(ROOT), path.stat().st_size)


if __name__ == "__main__":
    main(*sys.argv[1:])
