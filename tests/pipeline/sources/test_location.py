"""Where an output may lie, and what is said before anything is done."""

from __future__ import annotations

import json
import socket
import ssl
import tempfile
import time
from pathlib import Path

import pytest

import pipeline as longcap
from operators.core import first_contact as contact
from operators.store.store import Store
from pipeline.config.types import SourceOptions
from pipeline.output.output import Output
from pipeline.sources import location
from pipeline.sources.listing import list_sources
from pipeline.sources.location import output_uri
from pipeline.terminal.errors import UsageError
from tests.support import video
from tests.support.ports import dead_port


@pytest.fixture(autouse=True)
def _asked_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact, "_answered", set())
    for name in contact._proxies():
        monkeypatch.delenv(name, raising=False)
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)


def _refused(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        output_uri(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_output_has_one_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("out #1", f"{tmp_path}/out #1", "./x/../out #1", f"file://{tmp_path}/out%20%231"):
        assert output_uri(text) == f"{tmp_path}/out #1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("s3://b/pct%201", "the output cannot be at s3://b/pct%201: its name holds '%20'"),
        ("s3://b/x//y", "'//'"),
        ("a\nb", r"the output cannot be at a\x0ab: its name holds '\n'"),
        ("[x]", "'['"),
        ("file://host/out", "a file of the host host"),
        (" ", "empty name"),
    ],
)
def test_where_no_output_can_lie_is_refused_in_one_line(text: str, says: str) -> None:
    assert says in _refused(text)
    with pytest.raises(UsageError):
        Output(text)


def test_in_a_ray_job_an_output_in_its_scratch_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "session_x" / "runtime_resources" / "working_dir_files" / "_ray_pkg_1"
    scratch.mkdir(parents=True)
    monkeypatch.chdir(scratch)
    assert output_uri("out") == f"{scratch}/out"
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"metadata": {"job_submission_id": "raysubmit_1"}}))
    for text in ("out", "./out", str(scratch / "out"), f"file://{scratch}/out"):
        assert "is removed with the job: give a prefix such as s3://bucket/captions" in _refused(text)
    assert output_uri(f"{tmp_path}/out") == f"{tmp_path}/out"
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")  # a driver with a runtime environment, and no job
    assert output_uri("out") == f"{scratch}/out"


def test_a_dead_endpoint_is_said_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    port = dead_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    began = time.monotonic()
    said = _refused("s3://b/out")
    assert said.startswith("cannot reach s3://b/out: there is no answer (could not connect to ")
    assert "Connection refused); check the endpoint (AWS_ENDPOINT_URL" in said
    with pytest.raises(UsageError, match=r"cannot list s3://b/v: there is no answer \("):
        list_sources(["s3://b/v"], SourceOptions())
    with pytest.raises(UsageError, match=r"there is no http://.*, or it cannot be reached: there is no answer \("):
        list_sources([f"http://127.0.0.1:{port}/a.mp4"], SourceOptions())
    assert time.monotonic() - began < 20  # the clients themselves would try for minutes


def test_an_endpoint_that_swallows_what_is_sent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact, "_WAIT_S", 0.2)
    monkeypatch.setattr(contact, "_connect", lambda _: time.sleep(5))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://10.255.255.1:9000")
    assert "could not connect to http://10.255.255.1:9000 within 0.2 s" in _refused("s3://b/out")


def test_an_endpoint_that_speaks_no_tls_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(ssl.SSLContext, "wrap_socket", _no_tls)
        assert "the encrypted connection (TLS) fails" in _refused("s3://b/out")


def _no_tls(*_: object, **__: object) -> None:
    raise ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")


def test_an_endpoint_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(contact, "_connect", asked.append)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://h")
    for _ in range(3):
        assert output_uri("s3://b/out") == "s3://b/out"
    assert asked == ["http://h:80"]


def test_files_of_runs_are_found_below_any_name(tmp_path: Path) -> None:
    store = Store(f"{tmp_path}/st*r [x] {{a}}")
    for run in ("2", "1"):
        store.write_file(f"runs/{run}/report.json", f'{{"run_id": "{run}"}}'.encode())
    store.write_file("runs/lease/all/report.json", b'{"run_id": "all"}')
    assert store.run_records("report.json") == [{"run_id": "1"}, {"run_id": "2"}]


@pytest.mark.parametrize("name", ["videos", "t[x]"])
def test_a_plan_without_output_does_not_depend_on_where_temporary_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for folder in {"videos", name}:
        (tmp_path / folder).mkdir()
    video.render(tmp_path / "videos" / "a.mp4", count=8, fps=4.0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    planned = longcap.plan(tmp_path / "videos", quiet=True)
    assert len(planned.plan.videos) == 1 and not planned.plan.ignored
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == (["a.mp4"] if name == "videos" else [])


def test_no_place_for_temporary_files_is_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t[x]"))
    monkeypatch.setattr(location, "_TEMPORARY", ())
    with pytest.raises(UsageError, match="set TMPDIR to another folder"), location.scratch_output():
        pass


def test_a_url_with_one_slash_makes_no_folder_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"cannot be at s3:/bucket/a: write s3:// with two slashes"):
        output_uri(str(Path("s3://bucket/a")))
    with pytest.raises(UsageError, match=r"s3:/bucket/a cannot be opened: write s3:// with two slashes"):
        list_sources(["s3:/bucket/a"], SourceOptions())
