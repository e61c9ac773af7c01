"""The pages in a real Chromium: what is shown, where a click leads, what is kept. Skipped where none is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from operators.store.store import Store
from pipeline.viewer.app import make_app
from pipeline.viewer.cache import Cache
from pipeline.viewer.reader import Reader
from pipeline.viewer.site import Site
from tests.pipeline.viewer.conftest import TOKEN
from tests.support import browser as real
from tests.support import viewed
from tests.support.browser import until

PLAYED = ("plain", "late", "turned", "edit")
STARTS = {"0.0": 0.0, "0.1": 10.0, "0.2": 20.0}
FIRST = {"edit": 20}  # index of the first frame that is shown: its edit list hides two seconds


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    program = real.chromium()
    if program is None:
        pytest.skip("there is no Chromium (Debian: apt install chromium), or playwright is not installed")
    with real.browser(program) as found:
        yield found


@pytest.fixture(scope="module")
def address(viewed_clips: Path, tmp_path_factory: pytest.TempPathFactory, cache: Cache, output: Store) -> Iterator[str]:
    """A viewer over an output of its own, which the tests annotate, and over another one to compare with."""
    videos = [viewed.video_row(p.stem, p) for p in sorted(viewed_clips.iterdir())]
    videos.append(viewed.video_row("gone", viewed_clips / "plain.mp4", source_version="an earlier one"))
    told = {
        "old": {"integrity": False, "coverage": 0.8, "title": "The oldest of all", "brightness": 0.25},
        "turned": {"title": "A street on its side", "brightness": 0.5},
    }
    added = [pa.field("title", pa.string()), pa.field("brightness", pa.float64())]
    store = viewed.make(str(tmp_path_factory.mktemp("browser") / "captions"), videos, told=told, added=added)
    site = Site(readers=[Reader(store.uri, "captions"), Reader(output.uri, "other")], cache=cache, author="tester")
    with real.serve(make_app(site, token=TOKEN)) as found:
        yield found
    site.close()


@pytest.fixture
def page(chrome: Any, address: str) -> Iterator[Any]:
    """A page with the token. A test fails if the browser's console says that anything is wrong."""
    context = chrome.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    found = context.new_page()
    said: list[str] = []
    found.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") and not _expected(m) else None)
    found.on("pageerror", lambda error: said.append(str(error)))
    found.goto(f"/?token={TOKEN}")
    yield found
    context.close()
    assert not said


def _expected(message: Any) -> bool:
    return "id=gone" in message.location.get("url", "")  # its bytes are refused, which Chromium reports


def open_video(page: Any, video_id: str, tail: str = "") -> None:
    page.goto(f"/video?id={video_id}{tail}")
    page.wait_for_selector("html[data-ready]")
    if video_id != "gone":
        until(page, "document.getElementById('video').hidden || document.getElementById('video').readyState >= 2")


def shown(page: Any, index: int) -> None:
    """Wait until the player shows the frame of an index, give or take one: a tenth of a second."""
    until(page, f"Math.abs(({real.READ})() - {index}) <= 1")


def test_the_list_is_filtered_and_sorted_and_stands_in_the_address(page: Any) -> None:
    rows = page.locator(".videos tbody tr")
    assert rows.count() == 7
    page.fill("#q", "old")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=old**")
    assert rows.count() == 1 and "not whole" in rows.first.inner_text()
    page.reload()
    assert rows.count() == 1 and page.input_value("#q") == "old"
    page.go_back()
    page.select_option("[name=column]", "coverage")
    page.select_option("[name=operator]", "<")
    page.fill("[name=value]", "0.9")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_selector(".chips li")
    assert rows.count() == 1
    page.get_by_role("link", name="Remove the condition").click()
    until(page, "document.querySelectorAll('.videos tbody tr').length === 7")
    page.locator(".videos thead a").first.click()
    page.wait_for_selector("th[aria-sort=descending]")
    assert "turned" in rows.first.inner_text()
    until(page, "[...document.images].filter(i => i.src.includes('poster')).length >= 6")
    until(page, "[...document.images].filter(i => i.src.includes('poster')).every(i => i.naturalWidth > 0)")


def test_columns_that_a_recipe_has_added_are_shown_and_sorted_by(page: Any) -> None:
    rows = page.locator(".videos tbody tr")
    assert "The oldest of all" not in rows.all_inner_texts()
    page.locator(".more > summary").click()
    for name in ("title", "brightness"):
        page.get_by_role("checkbox", name=name, exact=True).check()
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**columns=title&columns=brightness**")
    page.get_by_role("link", name="brightness").click()
    page.wait_for_selector("th[aria-sort=descending]")
    assert "A street on its side" in rows.nth(0).inner_text() and "0.25" in rows.nth(1).inner_text()
    page.get_by_role("link", name="title", exact=True).click()
    page.wait_for_selector("th[aria-sort=descending] a[href*=title]")
    page.get_by_role("link", name="title", exact=True).click()
    page.wait_for_selector("th[aria-sort=ascending]")
    assert "A street" in rows.nth(0).inner_text() and "The oldest of all" in rows.nth(1).inner_text()


@pytest.mark.parametrize("video_id", PLAYED)
def test_a_sentence_leads_to_its_moment(page: Any, video_id: str) -> None:
    """To a tenth of a second: also with a late first frame, an edit list, and a file that is stored turned."""
    open_video(page, video_id)
    for sentence, start_s in STARTS.items():
        page.click(f"[id='s{sentence}']")
        shown(page, FIRST.get(video_id, 0) + round(start_s * 10))
    page.wait_for_selector("#evidence article[aria-label='Window 4'] img")
    lit = page.eval_on_selector_all("lc-timeline .windows .lit", "nodes => nodes.map(n => n.style.left)")
    assert len(lit) == 1 and lit[0].startswith("66.6"), "the window that it rests on"
    assert "s=0.2" in page.url and "t=20" in page.url


def test_what_plays_is_highlighted(page: Any) -> None:
    open_video(page, "plain", "#t=9.6")
    page.evaluate("document.getElementById('video').muted = true")
    page.keyboard.press("k")
    until(page, "document.querySelector('.sentence.now')?.id === 's0.1'")
    page.keyboard.press("k")
    assert page.evaluate("document.getElementById('video').paused")
    assert page.get_attribute("[id='s0.1']", "aria-current") == "true"


def test_keys(page: Any) -> None:
    open_video(page, "plain")
    time = "document.getElementById('video').currentTime"
    for key, least, most in (("l", 4.9, 5.2), ("j", 0, 0.2), ("]", 9.9, 10.2), ("]", 19.9, 20.2), ("[", 9.9, 10.2)):
        page.keyboard.press(key)
        until(page, f"{time} >= {least} && {time} <= {most}")
    page.keyboard.press("l")  # a span is chosen: it is repeated
    page.wait_for_selector("#loop[aria-pressed=true]")
    until(page, "!document.getElementById('video').paused")
    page.evaluate("document.getElementById('video').currentTime = 19.7")
    until(page, f"{time} >= 9.9 && {time} < 15")
    page.keyboard.press("Space")
    until(page, "document.getElementById('video').paused")
    page.keyboard.press(">")
    until(page, "document.getElementById('video').playbackRate === 1.25")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    before = page.evaluate(time)
    page.keyboard.press("j")
    page.wait_for_timeout(200)
    assert page.evaluate(time) == before, "keys can be turned off"


def test_the_timeline_is_moved_through_with_keys(page: Any) -> None:
    open_video(page, "plain")
    page.wait_for_selector("lc-timeline .windows")
    lane = page.locator("lc-timeline .windows")
    lane.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    shown(page, 100)
    page.wait_for_selector("#evidence article[aria-label='Window 2']")
    chosen = page.locator("lc-timeline .windows [aria-selected=true]")
    assert chosen.count() == 1 and "The car drives along the river." in (chosen.get_attribute("aria-label") or "")


@pytest.mark.parametrize("video_id", ["old", "stream"])
def test_what_cannot_be_played_is_a_storyboard_and_then_a_preview(page: Any, video_id: str) -> None:
    open_video(page, video_id)
    page.wait_for_selector("#storyboard:not([hidden])")
    assert "frames of the video" in page.inner_text("#cannot")
    page.click("[id='s0.1']")
    shown(page, 100)
    until(page, "[...document.querySelectorAll('#strip img')].slice(0, 5).every(i => i.naturalWidth > 0)")
    page.click("#make")
    until(page, "!document.getElementById('video').hidden && document.getElementById('video').readyState >= 2")
    shown(page, 100)
    page.click("[id='s0.2']")
    shown(page, 200)
    open_video(page, video_id)  # it is kept
    until(page, "!document.getElementById('video').hidden")


def test_a_stream_that_breaks_off_becomes_a_storyboard_where_it_was(page: Any) -> None:
    open_video(page, "plain")
    page.click("[id='s0.1']")
    shown(page, 100)
    page.evaluate("document.getElementById('video').src = '/static/icon.svg'")
    page.wait_for_selector("#storyboard:not([hidden])")
    shown(page, 100)


def test_a_source_that_has_changed_is_not_shown_and_said_to_have(page: Any) -> None:
    open_video(page, "gone")
    until(page, "document.getElementById('cannot').textContent.includes('changed')")
    assert page.is_hidden("#strip") and page.is_hidden("#make")
    page.click("[id='s0.1']")
    page.wait_for_selector("#evidence .window")


def test_annotations_are_kept_over_a_reload_and_undone(page: Any) -> None:
    open_video(page, "turned")
    page.click("[data-whole=accept]")
    page.wait_for_selector("[data-whole=accept][aria-pressed=true]")
    page.click("[id='s0.1']")
    page.wait_for_selector("#evidence form")
    page.fill("#evidence textarea", "The bicycle flies along the river.")
    page.fill("#evidence [name=start_s]", "12.5")
    page.fill("#evidence [name=note]", "it is a bicycle")
    page.get_by_role("button", name="Save").click()
    page.wait_for_selector("[id='s0.1'].own >> text=The bicycle flies")
    until(page, "document.querySelectorAll('#history tbody tr').length === 3")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert "The bicycle flies" in page.inner_text("[id='s0.1']")
    assert page.get_attribute("[data-whole=accept]", "aria-pressed") == "true"
    shown(page, 125)  # the address names the sentence, whose start was corrected
    page.keyboard.press("Control+z")
    until(page, "document.querySelectorAll('#history tbody tr').length === 4")
    page.keyboard.press("Control+z")
    page.wait_for_selector("[id='s0.1'] >> text=The car drives")
    page.click("[data-whole=reject]")
    page.wait_for_selector("[data-whole=reject][aria-pressed=true]")
    page.goto("/?verdict=reject")
    assert page.locator(".videos tbody tr").count() == 1


def test_two_outputs_side_by_side(page: Any) -> None:
    open_video(page, "plain")
    page.get_by_role("link", name="Compare with other").click()
    page.wait_for_selector(".pairs-table")
    assert "100% alike" in page.inner_text(".pairs-table")
    page.locator("[data-seek]").first.click()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_pages_are_accessible_wide_and_narrow(chrome: Any, address: str, scheme: str, width: int) -> None:
    """axe-core finds nothing serious, and nothing has to be scrolled sideways on a narrow screen."""
    axe_core = pytest.importorskip("axe_playwright_python.sync_playwright")
    context = chrome.new_context(base_url=address, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(f"/?token={TOKEN}")
    for path in ("/?q=river", "/video?id=late#s=0.1", "/video?id=old", "/compare?id=plain&with=1", "/?q=nothing"):
        page.goto(path)
        if path.startswith("/video"):
            page.wait_for_selector("html[data-ready]")
            page.wait_for_selector("lc-timeline .lane")
        if "#s=" in path:
            page.wait_for_selector("#evidence .window")
        found = axe_core.Axe().run(page).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
        assert not serious, (path, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    context.close()
