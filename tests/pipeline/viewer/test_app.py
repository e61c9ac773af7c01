"""Pages and answers over a real output, and every way in that must be closed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from operators.store.store import Store
from pipeline.viewer.app import make_app
from pipeline.viewer.cache import Cache
from pipeline.viewer.reader import Reader
from pipeline.viewer.site import Site
from tests.pipeline.viewer.conftest import TOKEN, client_of
from tests.support import viewed

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def stranger(site: Site) -> Iterator[httpx.Client]:
    """A client without the token."""
    with TestClient(make_app(site, token=TOKEN), base_url="http://127.0.0.1:8400", follow_redirects=False) as found:
        yield found


# -- who is let in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/video?id=plain", "/media?id=plain", "/state", "/static/viewer.css", "/?token=wrong"]
)
def test_without_the_token_nothing_is_answered(stranger: httpx.Client, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 403 and "token" in answer.text and "plain" not in answer.text


def test_the_token_becomes_a_cookie_and_leaves_the_address(stranger: httpx.Client) -> None:
    answer = stranger.get(f"/video?id=plain&token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/video?id=plain")
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said and "samesite=lax" in said
    assert stranger.get("/video?id=plain").status_code == 200
    elsewhere = stranger.get(f"//evil.example/?token={TOKEN}")
    assert elsewhere.headers.get("location", "/").startswith("/") and not elsewhere.headers.get(
        "location", "/"
    ).startswith("//")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8400", "", "localhost@evil.example", "[::1"]
)
def test_another_host_name_is_refused(client: httpx.Client, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9999", "[::1]:8400", "LOCALHOST:1"])
def test_names_of_this_machine_are_let_in(client: httpx.Client, host: str) -> None:
    assert client.get("/state", headers={"host": host, "cookie": f"longcap={TOKEN}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {},
    ],
)
def test_a_page_elsewhere_changes_nothing(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.post("/annotate?id=plain", content=b'{"kind": "accept"}', headers=headers)
    assert answer.status_code == 403
    assert "Nobody has annotated" in client.get("/part/history?id=plain").text


def test_every_answer_says_what_a_page_may_do(client: httpx.Client) -> None:
    for path in ("/", "/media?id=plain", "/nowhere", "/static/viewer.css", "/state"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src 'self'" in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"


# -- what can be read -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/media?id=../../etc/passwd",
        "/media?id=/etc/passwd",
        "/media?id=file:///etc/passwd",
        "/media?id=plain%00",
        "/media?id=lost",
        "/media?id=plain&out=1",
        "/media?id=plain&out=-1",
        "/media?id=" + "x" * 5000,
        "/media",
        "/preview.mp4?id=plain",
        "/poster?id=lost",
    ],
)
def test_only_sources_of_this_output_can_be_read(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404) and "root:" not in answer.text and "def make_app" not in answer.text


def test_ranges_of_a_source(client: httpx.Client, viewed_clips: Path) -> None:
    data = (viewed_clips / "plain.mp4").read_bytes()
    whole = client.get("/media?id=plain")
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, data, "video/mp4")
    part = client.get("/media?id=plain", headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
    head = client.head("/media?id=plain")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(data)), b"")
    for abuse in ("bytes=" + ",".join(f"{k}-{k}" for k in range(3000)), f"bytes={len(data)}-", "bytes=9-1"):
        assert client.get("/media?id=plain", headers={"range": abuse}).status_code == 416


@pytest.mark.parametrize(
    "path", ["/?sort=nope", "/?page=0", "/still?id=plain&t=nan", "/still?id=plain&t=-1", "/part/evidence?id=plain"]
)
def test_a_request_that_is_wrong_is_told_so(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400 and "Traceback" not in answer.text


def test_a_body_that_is_too_large_is_refused(client: httpx.Client) -> None:
    headers = {"x-longcap": "1", "content-type": "application/json"}
    large = json.dumps({"kind": "text", "section_index": 0, "text": "x" * 50_000_000})
    assert client.post("/annotate?id=plain", content=large, headers=headers).status_code == 413
    some = json.dumps({"kind": "text", "section_index": 0, "text": "x" * 500_000})
    assert client.post("/annotate?id=plain", content=some, headers=headers).status_code == 400
    assert client.post("/annotate?id=plain", content=b"{", headers=headers).status_code == 400
    assert client.post("/annotate?id=plain", content=b"[" * 500_000, headers=headers).status_code == 400
    pieces = (b"x" * 100_000 for _ in range(30))  # a body that does not say how long it is
    assert client.post("/annotate?id=plain", content=pieces, headers=headers).status_code == 413


# -- what stands in pages ---------------------------------------------------------------------------------------------


def test_texts_names_and_columns_are_escaped(tmp_path: Path, viewed_clips: Path, cache: Cache) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    path = folder / f"{EVIL.replace('/', '∕')} & co.mp4"
    path.write_bytes((viewed_clips / "plain.mp4").read_bytes())
    video = viewed.video_row(f"id{EVIL}", path)
    facts = json.dumps(
        {
            "start_s": 0.0, "end_s": 30.0, "cell_s": 5.0, "transitions": [], "pieces": [], "prints": None,
            "subtitles": [{"text": f"{EVIL} --> &", "start_s": 1.0, "end_s": 2.0}],
        }
    )  # fmt: skip
    evil = viewed.section([(f"A car {EVIL} \u202egnp.", (0,))], topic=EVIL, problem=EVIL)
    store = viewed.make(
        str(tmp_path / "out"),
        [video],
        opening=f"{EVIL}",
        sections={video["video_id"]: [evil]},
        told={video["video_id"]: {"metadata": json.dumps({EVIL: EVIL})}},
        segment={"facts": facts},
    )
    found = Site(readers=[Reader(store.uri, EVIL), Reader(store.uri, "other")], cache=cache, author=EVIL)
    for client in client_of(found):
        named = {"id": video["video_id"]}
        said = client.post(
            "/annotate",
            params=named,
            json={"kind": "note", "note": EVIL, "section_index": 0},
            headers={"x-longcap": "1"},
        )
        assert said.status_code == 200
        pages = {
            "/": {"q": EVIL},
            "/compare": {**named, "with": "1"},
            "/part/evidence": {**named, "section": "0", "sentence": "0"},
            **dict.fromkeys(("/video", "/part/caption", "/part/history"), named),
        }
        for path_of, values in pages.items():
            text = client.get(path_of, params=values).text
            assert "<script>alert" not in text and "<img src=x" not in text, path_of
            shown = re.sub(r"<textarea.*?</textarea>", "", text, flags=re.DOTALL)  # the text itself, to be edited
            assert "\u202e" not in shown, f"{path_of}: what turns the reading direction is spelled out"
            assert "alert(1)" in text, f"{path_of} does show it"
        assert json.loads(client.get("/timeline.json", params=named).text)["lanes"], "JSON needs no escaping"
        subtitles = client.get("/subtitles.vtt", params=named)
        assert "<script>" not in subtitles.text and "&lt;script&gt;" in subtitles.text
        assert subtitles.headers["content-type"].startswith("text/vtt") and subtitles.text.count("-->") == 1
    found.close()


def test_a_caption_of_megabytes_is_cut_on_the_page(tmp_path: Path, viewed_clips: Path, cache: Cache) -> None:
    video = viewed.video_row("big", viewed_clips / "plain.mp4")
    huge = viewed.section([("word " * 1_000_000, (0,))])
    store = viewed.make(str(tmp_path / "out"), [video], sections={"big": [huge]})
    found = Site(readers=[Reader(store.uri, "big")], cache=cache, author="a")
    for client in client_of(found):
        assert len(client.get("/").text) < 100_000
        page = client.get("/video?id=big")
        assert page.status_code == 200 and len(page.text) < 1_000_000 and "too long for a page" in page.text
        assert len(client.get("/part/evidence?id=big&section=0&sentence=0").text) < 1_000_000
        assert len(client.get("/caption.txt?id=big").text) > 4_900_000
    found.close()


def test_the_page_of_a_video_that_could_not_be_read_says_why(client: httpx.Client) -> None:
    page = client.get("/video?id=lost")
    assert page.status_code == 200 and "it is no video" in page.text and "<video" not in page.text
    assert client.get("/video?id=nobody", headers={"accept": "text/html"}).status_code == 404


def test_evidence_of_a_sentence(client: httpx.Client) -> None:
    text = client.get("/part/evidence?id=late&section=0&sentence=1").text
    assert "The car drives along the river." in text and "Window 2" in text
    assert text.count("/still?") == 10 and "10.000 s" in text, "true times, of the video's clock"
    assert "prompt hash" in text and "gates that rejected" in text and "revision" in text
    assert "100%" in text, "the window says the sentence word by word"


def test_annotations_are_kept_shown_and_undone(tmp_path: Path, viewed_clips: Path, cache: Cache) -> None:
    store = viewed.make(str(tmp_path / "out"), [viewed.video_row("plain", viewed_clips / "plain.mp4")])
    found = Site(readers=[Reader(store.uri, "captions")], cache=cache, author="tester")
    for client in client_of(found):

        def act(values: dict[str, object], status: int = 200, client: httpx.Client = client) -> dict[str, str]:
            answer = client.post("/annotate?id=plain", json=values, headers={"x-longcap": "1"})
            assert answer.status_code == status, answer.text
            said: dict[str, str] = answer.json()
            return said

        act({"kind": "accept"})
        text = act({"kind": "text", "section_index": 0, "sentence_index": 1, "text": "The car flies."})
        assert "The car flies." in client.get("/part/caption?id=plain").text
        assert "The model wrote" in client.get("/part/evidence?id=plain&section=0&sentence=1").text
        assert "The car flies." in client.get("/caption.txt?id=plain").text
        assert "tester" in client.get("/part/history?id=plain").text
        act({"kind": "undo", "undoes": text["annotation_id"]})
        assert "The car flies." not in client.get("/part/caption?id=plain").text
        assert "no sentence 99" in act({"kind": "accept", "section_index": 0, "sentence_index": 99}, 400)["error"]
        assert "reload" in act({"kind": "accept", "content_hash": "another"}, 409)["error"]
    reading = Site(readers=found.readers, cache=cache, author="tester", editable=False)
    for client in client_of(reading):
        answer = client.post("/annotate?id=plain", json={"kind": "accept"}, headers={"x-longcap": "1"})
        assert answer.status_code == 403 and "Accept" not in client.get("/video?id=plain").text
    found.close()


def test_two_outputs_are_compared(tmp_path: Path, output: Store, viewed_clips: Path, cache: Cache) -> None:
    other = viewed.section([("A blue car waits at the gate.", (0,)), ("The car drives along the river.", (2,))])
    store = viewed.make(
        str(tmp_path / "b"), [viewed.video_row("plain", viewed_clips / "plain.mp4")], sections={"plain": [other]}
    )
    found = Site(readers=[Reader(output.uri, "captions"), Reader(store.uri, "b")], cache=cache, author="a")
    for client in client_of(found):
        assert "Compare with b" in client.get("/video?id=plain").text
        assert "Compare with" not in client.get("/video?id=late").text, "the other has no such video"
        page = client.get("/compare?id=plain&with=1").text
        assert "<del>red</del>" in page and "<ins>blue</ins>" in page
    found.close()


def test_the_viewer_writes_nothing_but_annotations(client: httpx.Client, output: Store) -> None:
    before = sorted(str(p) for p in Path(output.uri).rglob("*"))
    for path in ("/", "/video?id=plain", "/poster?id=plain", "/part/evidence?id=plain&section=0"):
        assert client.get(path).status_code == 200
    assert sorted(str(p) for p in Path(output.uri).rglob("*")) == before
