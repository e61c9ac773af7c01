"""Pushing to a hub, through huggingface_hub itself, against a local stand-in of its HTTP API."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from operators.store.store import Store
from operators.video.version import file_of_status, version_of
from pipeline.cli.main import main
from pipeline.output.finalize import clean
from tests.support import hub, rows
from tests.support.outputs import commit_run


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[hub.Hub]:
    from huggingface_hub import constants

    with hub.serve() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # this machine's wish; the stand-in is on this machine
        monkeypatch.setenv("HF_TOKEN", hub.TOKEN)
        yield found


@pytest.fixture
def out(tmp_path: Path) -> str:
    """Three videos; the file of the third has changed since it was captioned."""
    videos = []
    for name in ("a", "b/2", "c"):
        path = tmp_path / f"{name[0]}.mp4"
        path.write_bytes(f"the bytes of {name}".encode())
        version = version_of(file_of_status(path.stat()))
        videos.append(rows.video(name, uri=str(path), source_version="gone" if name == "c" else version))
    store = Store(str(tmp_path / "out"))
    plan = commit_run(store, videos)
    clean(store, plan)
    store.sweep({})
    (tmp_path / "out" / "notes.txt").write_text("mine")
    return str(tmp_path / "out")


def front(repository: hub.Repository) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(repository.files["README.md"].decode().split("---\n")[1])
    return found


def test_the_card_and_the_captions_go_into_a_private_repository_and_nothing_else(out: str, server: hub.Hub) -> None:
    assert main(["push", out, "me/x"]) == 0
    repository = server.repositories["me/x"]
    assert repository.private
    assert {path.partition("/")[0] for path in repository.files} == {"README.md", "dataset"}
    sent = [pq.read_table(io.BytesIO(data)) for path, data in repository.files.items() if path.startswith("dataset/")]
    assert sum(table.num_rows for table in sent) == 3
    assert [c["config_name"] for c in front(repository)["configs"]] == ["dataset"]  # type: ignore[attr-defined]


def test_a_second_push_replaces_the_first_in_one_commit(out: str, server: hub.Hub) -> None:
    assert main(["push", out, "me/x", "--with", "segments"]) == 0
    repository = server.repositories["me/x"]
    repository.files |= {"dataset/part-old.parquet": b"", "dataset/mine.csv": b"", "eval/part-1.parquet": b""}
    assert main(["push", out, "me/x", "--json"]) == 0
    assert repository.commits[-1][1] == ["dataset/part-old.parquet"]
    assert {"dataset/mine.csv", "eval/part-1.parquet"} <= repository.files.keys(), "files of others stay"
    assert any(path.startswith("segments/") for path in repository.files), "what was not named now stays as it was"


def test_videos_go_only_where_they_are_asked_for_and_as_they_were_captioned(
    out: str, server: hub.Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push", out, "me/x", "--with", "videos", "--json"]) == 1
    made = json.loads(capsys.readouterr().out)
    assert list(made["left_out"]) == ["videos/c.mp4"] and "changed" in made["left_out"]["videos/c.mp4"]
    repository = server.repositories["me/x"]
    videos = {path for path in repository.files if path.startswith("videos/")}
    (odd,) = (path for path in videos if path.startswith("videos/b_2-"))
    assert videos == {"videos/a.mp4", odd, "videos/metadata.parquet"}
    metadata = pq.read_table(io.BytesIO(repository.files["videos/metadata.parquet"])).to_pylist()
    for row in metadata:
        assert repository.files[f"videos/{row['file_name']}"] == f"the bytes of {row['video_id']}".encode()
    assert {"config_name": "videos", "data_dir": "videos", "drop_labels": True} in front(repository)["configs"]  # type: ignore[operator]


def test_a_dry_run_asks_the_hub_nothing(out: str, server: hub.Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", out, "me/x", "--with", "videos", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "would send 6 files" in told and "private dataset me/x" in told and "videos/a.mp4" in told
    assert not server.asked


@pytest.mark.parametrize(
    ("repo", "arguments", "code", "says"),
    [
        ("x", [], 2, "'x' is not of the form OWNER/NAME"),
        ("me/open", [], 2, "me/open exists and is public; confirm with --public"),
        ("me/mine", [], 2, "me/mine has a README.md that Longcap did not write; replace it with --force"),
        ("me/mine", ["--force"], 0, ""),
        ("me/open", ["--public"], 0, ""),
        ("me/x", ["--with", "report"], 2, "has no report.html; write it with: longcap report"),
    ],
)
def test_nothing_of_others_is_shown_or_replaced_unasked(
    out: str, server: hub.Hub, repo: str, arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.repositories["me/open"] = hub.Repository(private=False)
    server.repositories["me/mine"] = hub.Repository(private=True, files={"README.md": b"# Mine\n"})
    assert main(["push", out, repo, *arguments]) == code
    assert says in capsys.readouterr().err
    if repo == "me/mine":
        assert (server.repositories["me/mine"].files["README.md"] == b"# Mine\n") is bool(code)


def test_what_the_hub_refuses_is_one_line(
    out: str, server: hub.Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.broken = 403
    assert main(["push", out, "me/x"]) == 2
    assert "the token may not write to me/x" in capsys.readouterr().err
    server.broken = 400
    assert main(["push", out, "me/x"]) == 1
    assert "the hub did not take me/x: " in (told := capsys.readouterr().err) and "Traceback" not in told
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    assert main(["push", out, "me/x"]) == 2
    assert capsys.readouterr().err.count("hf auth login") == 1
