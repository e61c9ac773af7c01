"""The report page and report.json: what they hold, that they are escaped, complete in one file and small."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.core.storage import file_system
from operators.store.commit import CommitDataset, CommitSegments, CommitVideos
from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.output.finalize import clean
from pipeline.output.output import Output
from pipeline.output.verification import verify
from pipeline.reporting.card import write_card
from pipeline.reporting.files import make_report_page, write_report
from pipeline.reporting.measures import measures_of
from tests.support import rows
from tests.support import video as media
from tests.support.outputs import commit_run

EVIL = "<script>alert(1)</script>\"'\u202e&"
_VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Checks that tags are closed in order and that nothing in a page loads or runs anything."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "iframe", "object", "embed", "link", "form"), tag
        for name, value in attributes:
            assert not name.startswith("on"), name
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "srcset", "data", "poster"):
                (self.links if name == "href" else self.sources).append(value or "")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checked(html: str) -> Page:
    page = Page(html)
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links), "every link leads somewhere here"
    assert len(page.ids) == len(set(page.ids))
    assert "default-src 'none'" in html and not re.search(r"@import|url\((?!#)", html)
    return page


@pytest.fixture
def out(tmp_path: Path) -> str:
    """Twelve videos, one of them a real file, one with words that would be markup, one failed, one half covered."""
    path = tmp_path / "real.mp4"
    media.render(path, count=20, fps=10.0)
    videos = [rows.video(f"v{k:02d}") for k in range(10)]
    videos += [
        rows.video("real", uri=str(path), source_version="", duration_s=2.0),
        rows.video("evil", uri=f"/videos/{EVIL}.mp4"),
    ]
    store = Store(str(tmp_path / "out"))
    commit_run(store, videos, failed={"v00"})
    dataset = CommitDataset(store.uri, "20260102-000000-0000bb", "here", "narrator", captioner="c")
    for name, changes in {
        "v01": {"coverage": 0.5, "integrity": False},
        "evil": {"uri": f"/videos/{EVIL}.mp4", "caption": EVIL, "words": 1},
        "real": {"uri": str(path), "words": 900, "duration_s": 2.0},
    }.items():
        dataset.commit([rows.narrated(name, key=f"again-{name}", **changes)])
    record = {"run_id": "20260101-000000-0000aa", "status": "done", "elapsed_s": 61.0, "cost_usd": 1.5}
    record |= {"tokens": {"prompt": 1234, "cached": 0, "output": 99}, "gpu_s_held": 7200.0}
    record |= {"time_to": {"50": 3.0, "100": 9.5}, "actors": {"decode": 2}, "busy": {"decode": 0.5}}
    series = {"bucket_s": 1.0, "captions": [0, 4, 2], "video_s": [0.0, 20.0, 10.0], "videos": [0, 1, 1]}
    record |= {"timeline": {**series, "busy": {"decode": [None, 0.5, 1.0]}}}
    store.write_file("runs/20260101-000000-0000aa/report.json", json.dumps(record).encode())
    return store.uri


def test_the_page_and_its_json_say_what_was_asked_and_what_came_out(out: str) -> None:
    html, text = make_report_page(Output(out))
    page, data = checked(html), json.loads(text)
    assert data["came_out"]["long_captions"] == 11 and data["came_out"]["failed_videos"] == 1
    assert data["asked"]["inputs"] == ["/videos"]
    assert data["asked"]["changed"]["plan.segment_s"] == ["120", f"{rows.SEGMENT_S:g}"]
    assert data["distributions"]["coverage"]["min"] == 0.5
    assert sum(data["distributions"]["words"]["counts"]) == 11
    assert data["failures"]["groups"][0]["replay"] == f"longcap retry {out} --only v00 --segment 1"
    assert data["run"]["time_to"] == {"50": 3.0, "100": 9.5} and data["totals"]["gpu_hours"] == 2.0
    for said in (
        "11 long captions of 12 videos",
        "plan.segment_s",
        "1.50 USD",
        "0:09.5",
        data["failures"]["retry"],
    ):
        assert said in page.text, said
    assert html.count("<svg") == 8, "five distributions, two rates, and how busy the pools were"


def test_what_is_most_doubtful_comes_first_with_its_reasons_and_frames(out: str) -> None:
    html, text = make_report_page(Output(out))
    data = json.loads(text)
    first = data["doubtful"][0]
    assert first["video_id"] == "v01" and "coverage 50.0%" in first["reasons"]
    (real,) = (row for row in (*data["best"], *data["doubtful"]) if row["video_id"] == "real")
    assert len(real["frames_s"]) == 6 and html.count("data:image/jpeg") == 6
    assert "no frames: " in html, "the other files are not there, and the page says so"
    assert not {r["video_id"] for r in data["best"]} & {"v01", "v00"}


def test_text_of_others_is_shown_as_text(out: str) -> None:
    html, _ = make_report_page(Output(out), strips_s=0)
    page = checked(html)
    assert "<script>alert(1)</script>\"'\\u202e&" in page.text and "\u202e" not in html
    assert main(["report", out, "--video", "evil", "-o", f"{out}/../evil.html"]) == 0
    page = checked(Path(out).parent.joinpath("evil.html").read_text())
    assert EVIL.replace("\u202e", "\\u202e") in page.text


def test_the_page_of_a_video_leads_from_each_sentence_to_its_windows(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", out, "--video", "real.mp4"]) == 0
    assert capsys.readouterr().out == "real.html\n"
    html = Path("real.html").read_text()
    page = checked(html)
    assert "#w0" in page.links and "It goes on." in page.text and "Window 0 is told." in page.text
    assert html.count("data:image/jpeg") == 12
    assert main(["report", out, "--video", "v00", "-o", "failed.html"]) == 0
    page = checked(Path("failed.html").read_text())
    assert "It has no long caption" in page.text and f"longcap retry {out} --only v00 --segment 0" in page.text


def test_the_command_writes_into_the_output_or_where_it_is_told(
    out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", out, "--no-frames"]) == 0
    assert capsys.readouterr().out.split() == [f"{out}/report.html", f"{out}/report.json"]
    assert json.loads(Path(out, "report.json").read_text())["format"] == 2
    assert main(["report", out, "--no-frames", "--json", "-o", str(tmp_path / "mine" / "r.html")]) == 0
    assert json.loads(capsys.readouterr().out)["came_out"]["long_captions"] == 11
    assert {p.name for p in (tmp_path / "mine").iterdir()} == {"r.html", "r.json"}


def test_verify_knows_what_a_run_writes_beside_the_tables(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"))
    clean(store, commit_run(store, [rows.video("a")]))
    store.sweep({})
    write_report(store, print, strips_s=0)
    write_card(store)
    (tmp_path / "out" / "mine.txt").touch()
    assert [f.what.rsplit("/", 1)[-1] for f in verify(Output(store.uri)).findings if f.kind == "foreign"] == [
        "mine.txt"
    ]


def test_a_report_on_s3_opens_in_a_browser(place: str) -> None:
    store = Store(place)
    commit_run(store, [rows.video("a")])
    said: list[str] = []
    write_report(store, said.append, strips_s=0)
    assert not said
    checked((store.read_file("report.html") or b"").decode())
    if place.startswith("s3://"):
        files, path = file_system(f"{place}/report.html")
        assert files.info(path)["ContentType"] == "text/html"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--video", "rael.mp4"], "did you mean real.mp4"),
        (["-o", "page.txt"], "does not end in .html"),
        (["-o", "s3://bucket/page.html"], "is not on this machine"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    out: str, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", out, *arguments]) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1


def test_files_of_others_stay(out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = Path(out, "report.html")
    mine.write_text("<title>mine</title>")
    assert main(["report", out, "--no-frames"]) == 2
    assert "is not Longcap's" in capsys.readouterr().err
    said: list[str] = []
    write_report(Store(out), said.append, strips_s=0)
    assert mine.read_text() == "<title>mine</title>" and "was not changed" in said[0]
    assert Path(out, "report.json").exists()
    other = tmp_path / "other.html"
    other.write_text("mine")
    assert main(["report", out, "--no-frames", "-o", str(other)]) == 2 and other.read_text() == "mine"
    assert main(["report", out, "--no-frames", "-o", str(other), "--force"]) == 0


def test_an_output_without_captions_has_a_report_too(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"))
    CommitVideos(store.uri, "run", "here").commit([rows.video("a")])
    page = checked(make_report_page(Output(store.uri))[0])
    assert "0 long captions of 1 video" in page.text and "No run is recorded" in page.text


def test_a_fault_of_the_report_fails_no_run(out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("pipeline.reporting.files.overview", lambda _: 1 / 0)
    write_report(Store(out), said.append, strips_s=0)
    assert said and "run longcap report to write it" in said[0]


def test_ten_thousand_videos_fit_a_page_that_can_be_mailed(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"))
    names = [f"v{k:05d}" for k in range(10_000)]
    CommitVideos(store.uri, "run", "here").commit([rows.video(name) for name in names])
    long = " ".join(["word"] * 300)
    made = [
        rows.narrated(name, key=name, words=300 + k % 97, caption=long, coverage=1.0 - (k % 50 == 0) * 0.3)
        for k, name in enumerate(names)
    ]
    CommitDataset(store.uri, "run", "here", "n").commit(made)
    lost = [rows.failed_segment(name, 0, key=f"lost-{name}") for name in names[:500]]
    CommitSegments(store.uri, "run", "here").commit(lost)
    html, text = make_report_page(Output(store.uri), strips_s=0)
    checked(html)
    assert len(html) < 200_000, "what the page holds besides frames does not grow with the videos"
    assert json.loads(text)["distributions"]["words"]["count"] == 10_000


def test_grounding_is_the_support_that_sentences_have(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"))
    scored = [
        {"text": "Seen.", "windows": [0], "grounding": {"support": 0.5}},
        {"text": "Measured.", "windows": [1], "grounding": None},
        {"text": "Made up.", "windows": [], "grounding": None},
    ]
    plain = [{"text": "Measured.", "windows": [0], "grounding": None}]
    made = [
        rows.narrated(
            "a", sections=[rows.section(sentences=scored), rows.section(sentences=plain, problem="no answer")]
        ),
        rows.narrated("b", sections=[]),
    ]
    CommitDataset(store.uri, "r", "here", "n").commit(made)
    found = measures_of(store)
    by_id = {
        v: [float(x[i]) for x in (found.grounding, found.uncited, found.fallback)]
        for i, v in enumerate(found.video_ids)
    }
    assert by_id == {"a": [pytest.approx(2.5 / 4), 0.25, 0.5], "b": [1.0, 0.0, 0.0]}
    assert np.isnan(measures_of(store, sections=1).grounding).sum() == 1


def test_a_commit_between_two_reads_attaches_no_measure_to_another_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(video_id: str, support: float) -> dict[str, Any]:
        said = [{"text": "Seen.", "windows": [0], "grounding": {"support": support}}]
        return rows.narrated(video_id, sections=[rows.section(sentences=said)])

    store = Store(str(tmp_path / "out"))
    commits = CommitDataset(store.uri, "r", "here", "n")
    commits.commit([made("a", 0.25)])
    commits.commit([made("b", 0.75)])
    read = store.dataset.batches

    def batches(columns: Sequence[str]) -> Iterator[Any]:
        if "sections" in columns:  # another process commits; its file is read first
            CommitDataset(store.uri, "s", "here", "n").commit([made("c", 0.5), made("d", 0.5)])
            store.dataset.fence()
            store.dataset.delete("video_id", ["a"])
        return read(columns)

    monkeypatch.setattr(store.dataset, "batches", batches)
    found = measures_of(store)
    by_id = dict(zip(found.video_ids, found.grounding.tolist(), strict=True))
    assert by_id == {"a": pytest.approx(np.nan, nan_ok=True), "b": 0.75}
