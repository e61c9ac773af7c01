"""Where Longcap may write, what it may remove, and that nothing of anybody else's changes."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pipeline as longcap
from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.output import ownership
from pipeline.output.output import Output
from pipeline.terminal.errors import UsageError
from tests.pipeline.output.test_verification import make
from tests.support import s3

SETTINGS = ["--set", "plan.segment_s=10", "--set", "run.max_failed=0.5"]
TABLES = ("videos", "segments", "dataset", "filtered", "failures")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("owned") / "out"
    make(str(out))
    return out


@pytest.fixture
def out(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "out"))


def data_name() -> str:
    return f"part-00000-{uuid.UUID(int=7)}-c000.zstd.parquet"


def refused(out: Path | str, *inputs: Path | str, found: tuple[str, ...] = (), recursive: bool = True) -> str:
    before = everything(Path(out)) if not str(out).startswith("s3:") else {}
    with pytest.raises(UsageError) as error:
        ownership.check(str(out), list(map(str, inputs)), found, recursive=recursive)
    said = str(error.value)
    assert "\n" not in said
    assert not before or everything(Path(out)) == before
    return said


def everything(root: Path) -> dict[str, Any]:
    """Path → content of a file, target of a link, None for a folder; links are not followed."""
    found: dict[str, Any] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                found[str(path)] = path.readlink()
            else:
                found[str(path)] = path.read_bytes() if path.is_file() else None
    return found


# -- whose a location is -----------------------------------------------------------------------------------------------


def test_an_absent_or_empty_location_is_taken_once(place: str) -> None:
    assert ownership.check(place, (), (), recursive=True) == "empty"
    ownership.take(place, "empty")
    marker = Store(place).read_file(ownership.MARKER)
    assert marker is not None and json.loads(marker)["contract"] == ownership.CONTRACT
    ownership.take(place, "empty")  # another job was quicker
    assert Store(place).read_file(ownership.MARKER) == marker
    assert ownership.check(place, (), (), recursive=True) == "marked"


def test_hidden_files_do_not_fill_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    assert ownership.state_of(str(tmp_path)) == "empty"


@pytest.mark.parametrize("name", ["videos/a.mp4", "README.md", "runs/exp1/log", "dataset/x.parquet", "longcap.json"])
def test_what_is_not_ours_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    said = refused(tmp_path)
    assert name.split("/", maxsplit=1)[0] in said and ("is not an output" in said or "is not the marker" in said)
    before = everything(tmp_path)
    for command in (["compact"], ["verify", "--clean"], ["verify"], ["status"], ["show"], ["failures"], ["retry"]):
        assert main([*command, str(tmp_path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert everything(tmp_path) == before


def test_nothing_is_made_where_there_is_no_output(tmp_path: Path) -> None:
    for command in (["compact"], ["verify", "--clean"], ["retry"], ["status"]):
        assert main([*command, str(tmp_path / "absent")]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "nowhere", "deep", "no object"])
def test_a_marker_that_is_none_is_refused(tmp_path: Path, kind: str) -> None:
    marker = tmp_path / ownership.MARKER
    if kind == "pipe":
        os.mkfifo(marker)
    elif kind == "folder":
        marker.mkdir()
    elif kind in ("device", "nowhere"):
        marker.symlink_to({"device": "/dev/zero", "nowhere": "/nowhere/at-all"}[kind])
    else:
        marker.write_text({"deep": "[" * 100_000, "no object": "[1]"}[kind])
    assert "is not the marker of an output" in refused(tmp_path)


def test_an_output_from_before_the_marker_is_adopted(out: Path) -> None:
    assert ownership.check(str(out), (), (), recursive=True) == "older"
    ownership.take(str(out), "older")
    assert ownership.state_of(str(out)) == "marked"
    assert Store(str(out)).opened() == {}, "its last run ended well: no writer can have left anything"


def test_what_a_broken_run_left_before_the_marker_is_known_as_ours(out: Path) -> None:
    store = Store(str(out))
    store.write_file("runs/20270101-run/config.yaml", b"")
    orphan = out / "segments" / data_name()
    orphan.write_bytes(b"half")
    ownership.take(str(out), ownership.check(str(out), (), (), recursive=True))
    assert sum(store.sweep(store.opened())) == 1 and not orphan.exists()


def test_a_newer_contract_is_refused(out: Path) -> None:
    (out / ownership.MARKER).write_text(json.dumps({"longcap": "output", "contract": 99}))
    assert "newer Longcap (contract 99" in refused(out)
    with pytest.raises(UsageError, match="newer Longcap"):
        Output(str(out))


@pytest.mark.parametrize("name", ["mine.parquet", "sub/part.parquet", data_name(), "notes.txt"])
def test_a_table_with_foreign_files_is_refused_and_hidden_ones_are_not_looked_at(out: Path, name: str) -> None:
    ownership.take(str(out), "older")
    (out / "dataset" / ".DS_Store").write_bytes(b"x")
    (out / "dataset" / "_SUCCESS").write_bytes(b"")
    assert ownership.check(str(out), (), (), recursive=True) == "marked"
    (out / "dataset" / name).parent.mkdir(exist_ok=True)
    (out / "dataset" / name).write_bytes(b"mine")
    assert name.split("/", maxsplit=1)[0] in refused(out) and "move it elsewhere" in refused(out)


def test_data_without_a_log_is_refused(out: Path) -> None:
    ownership.take(str(out), "older")
    shutil.rmtree(out / "dataset" / "_delta_log")
    assert "no _delta_log" in refused(out)


def test_a_table_of_another_schema_is_refused(out: Path) -> None:
    ownership.take(str(out), "older")
    shutil.rmtree(out / "dataset")
    shutil.copytree(out / "videos", out / "dataset")
    before = everything(out)
    assert "Longcap did not write" in refused(out)
    assert main(["compact", str(out)]) == 2
    assert everything(out) == before


@pytest.mark.parametrize("name", ["videos", "dataset", "runs", "dataset/_delta_log"])
def test_a_linked_folder_is_refused_and_nothing_goes_through_it(out: Path, tmp_path: Path, name: str) -> None:
    ownership.take(str(out), "older")
    archive = tmp_path / "archive"
    shutil.move(out / name, archive)
    (archive / data_name()).write_bytes(b"mine")
    (out / name).symlink_to(archive)
    before = everything(tmp_path)
    assert "symbolic link" in refused(out)
    assert main(["compact", str(out)]) == main(["verify", str(out), "--clean"]) == 2
    for table in Store(str(out)).tables:
        if table.uri.endswith(name):
            assert table.sweep() == 0
    assert everything(tmp_path) == before


# -- inputs and outputs that overlap -----------------------------------------------------------------------------------


def test_inputs_and_outputs_do_not_overlap(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    (tmp_path / "link").symlink_to(videos)
    said = refused(videos / "captions", videos)
    assert f"-o {tmp_path}/captions" in said
    assert f"-o {tmp_path}/captions" in refused(tmp_path / "link" / "captions", videos)
    assert "is the output" in refused(videos, videos)
    (tmp_path / "vid*s").mkdir()
    assert "is inside INPUT" in refused(tmp_path / "vid*s" / "captions", tmp_path / "vid*s"), "a folder, no glob"
    assert "is inside the output" in refused(tmp_path, videos)
    assert "is inside the output" in refused(videos, tmp_path / "link" / "a.mp4")
    assert "the video" in refused(videos, tmp_path / "list.csv", found=(f"{tmp_path}/link/a.mp4",))
    assert ownership.check(f"{videos}/captions", [str(videos)], (), recursive=False) == "empty"
    assert ownership.check(f"{videos}/captions", [f"{videos}/*.mp4"], (), recursive=True) == "empty"
    assert ownership.check(f"{tmp_path}/videos-2", [str(videos)], (), recursive=True) == "empty"
    assert (
        ownership.check(f"{videos}/captions", [f"{videos}/captions/dataset/*.parquet"], (), recursive=True) == "empty"
    )


def test_prefixes_do_not_overlap() -> None:
    assert "-o s3://b/captions" in refused("s3://b/videos/captions", "s3://b/videos/")
    assert "is inside the output" in refused("s3://b/proj", "s3://b/proj/videos")
    assert "s3://ANOTHER-BUCKET/captions" in refused("s3://b/captions", "s3://b")
    assert "the video" in refused("s3://b/proj", "list.csv", found=("s3://b/proj/x/a.mp4",))


# -- nothing of anybody else's changes ---------------------------------------------------------------------------------

_NAMES = st.sampled_from(
    [
        "README.md",
        "notes.txt",
        "a.mp4",
        "videos",
        "runs",
        "x.parquet",
        "DATA",
        ".DS_Store",
        "._part",
        "_SUCCESS",
        "é #1",
    ]
)
_PLACES = st.sampled_from(
    [
        "",
        "out",
        "out/runs",
        "out/runs/lease",
        *(f"out/{t}" for t in TABLES),
        "out/dataset/_delta_log",
        "videos",
        "deep/er",
    ]
)
_KINDS = st.sampled_from(["file", "folder", "link to a file", "link to a folder", "copy of ours", "data name"])


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(_PLACES, _NAMES, _KINDS), min_size=1, max_size=12))
def test_no_command_changes_a_foreign_byte(
    done: longcap.Result,
    clips: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    strange: list[tuple[str, ...]],
) -> None:
    root = tmp_path / uuid.uuid4().hex
    out = root / "out"
    shutil.copytree(done.uri, out)
    ours = set(everything(root))
    archive = root / "archive"
    archive.mkdir()
    (archive / data_name()).write_bytes(b"in the archive")
    for place, name, kind in strange:
        scatter(root, place, name, kind, archive)
    foreign = {path: held for path, held in everything(root).items() if path not in ours}
    if (out / "README.md").read_bytes() == b"mine":
        foreign[str(out / "README.md")] = b"mine"
    for command in (
        ["plan", str(clips), "-o", str(out), *SETTINGS],
        ["compact", str(out)],
        ["verify", str(out), "--clean"],
        ["run", str(clips), "-o", str(out), *SETTINGS],
        ["retry", str(out), "--class", "timeout"],
        ["index", str(out), "--no-vectors"],
        ["search", str(out), "red"],
        ["run", str(clips), "-o", str(root), *SETTINGS],
        ["compact", str(root)],
        ["verify", str(root), "--clean"],
    ):
        assert main(command) in (0, 1, 2)
        assert "internal error" not in capsys.readouterr().err, command
        now = everything(root)
        changed = [path for path, held in foreign.items() if path not in now or now[path] != held]
        assert not changed, f"{' '.join(command)} changed {changed}"
    shutil.rmtree(root)


def scatter(root: Path, place: str, name: str, kind: str, archive: Path) -> None:
    """Put something of somebody else's somewhere; a README.md of ours may be replaced, nothing else is."""
    folder = root / place
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (data_name() if kind in ("copy of ours", "data name") else name)
    if path == root / "out" / "README.md" and kind == "file":
        path.write_bytes(b"mine")
    if os.path.lexists(path):
        return
    if kind == "folder":
        path.mkdir()
        (path / data_name()).write_bytes(b"mine")
    elif kind.startswith("link"):
        path.symlink_to(archive if kind.endswith("folder") else next(archive.iterdir()))
    elif kind == "copy of ours":
        shutil.copyfile(next((root / "out" / "dataset").glob("part-*.parquet")), path)
    else:
        path.write_bytes(b"mine")


def test_a_run_beside_foreign_files_ends_well(
    done: longcap.Result, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(done.uri, tmp_path / "out"))
    (out / "README.md").write_bytes(b"mine")
    (out / "notes.txt").write_bytes(b"mine")
    assert main(["run", str(clips), "-o", str(out), *SETTINGS]) == 0
    assert "README.md is not Longcap's dataset card" in capsys.readouterr().err
    assert (out / "README.md").read_bytes() == (out / "notes.txt").read_bytes() == b"mine"
    assert Store(str(out)).opened() == {}, "the last sweep was complete"
    assert [p.name for p in (out / "runs" / "open").glob("*")] == []


def test_videos_beside_a_new_output_are_safe(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(clips, tmp_path / "videos")
    monkeypatch.chdir(tmp_path)
    before = everything(tmp_path)
    for command in (["run", "videos/", "-o", "."], ["plan", "videos/", "-o", "."], ["run", "videos", "-o", "videos/c"]):
        assert main(command) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert everything(tmp_path) == before


def test_no_foreign_object_changes(
    s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clips: Path
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    root = f"{s3_server.uri}/{uuid.uuid4().hex}"
    store = make(f"{root}/out")
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    below = root.removeprefix("s3://")
    (held,) = store.dataset.file_uris()
    copy = files.cat_file(held)
    foreign = {
        **{f"{below}/{name}": b"mine" for name in ("videos/a.mp4", "README.md", "runs/x")},
        **{
            f"{below}/out/{name}": b"mine"
            for name in ("README.md", "notes.txt", "dataset/x.parquet", "videos/sub/a.mp4")
        },
        **{f"{below}/out/{place}/{data_name()}": copy for place in ("dataset", "segments", "dataset/sub")},
    }
    for path, data in foreign.items():
        files.pipe_file(path, data)
    clip = str(clips / "short.mp4")
    for command, code in (
        (["compact", f"{root}/out"], 0),
        (["verify", f"{root}/out", "--clean"], 1),
        (["run", clip, "-o", f"{root}/out"], 2),
        (["plan", clip, "-o", f"{root}/out"], 2),
        (["run", clip, "-o", root], 2),
        (["run", f"{root}/videos", "-o", root], 2),
        (["compact", root], 2),
    ):
        assert main(command) == code, capsys.readouterr()
        files.invalidate_cache()
        assert {path: files.cat_file(path) for path in foreign} == foreign, command
