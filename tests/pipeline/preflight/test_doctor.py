"""Doctor on real machines, real storage and a real Ray; what its lines say of other machines stands in test_checks."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import fsspec
import pytest

from pipeline.cli.main import main
from pipeline.preflight.storage import probe_storage
from tests.support import s3
from tests.support.command import run


def lines(capsys: pytest.CaptureFixture[str]) -> dict[str, list[tuple[str, str]]]:
    """name -> (level, said) of the JSON that was printed."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in json.loads(capsys.readouterr().out):
        found.setdefault(line["name"], []).append((line["level"], line["said"]))
    return found


def test_this_machine_its_folder_and_its_videos(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    arguments = ["doctor", str(clips), "-o", str(tmp_path / "out"), "--json"]
    code = main(arguments)
    found = lines(capsys)
    levels = [level for each in found.values() for level, _ in each]
    assert code == int("fail" in levels)
    for name in ("engines", "nodes", "python", "packages", "decoder", "gpu", "output", "input", "clock"):
        assert [level for level, _ in found[name]] == ["ok"], found[name]
    assert found["input"][0][1].startswith("8 videos; ")
    assert {"open files", "disk", "object store", "/dev/shm"} <= found.keys()
    assert not (tmp_path / "out").exists(), "the probe was left there"


def test_every_node_of_a_cluster_and_a_store_on_s3(
    ray_session: None,
    clips: Path,
    s3_server: s3.S3Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    place = f"{s3_server.uri}/{uuid.uuid4().hex}"
    fsspec.filesystem("s3", skip_instance_cache=True).put(str(clips / "short.mp4"), f"{place}/in/short.mp4")
    main(["doctor", f"{place}/in", "-o", f"{place}/out", "--address", "auto", "--json"])
    found = lines(capsys)
    assert found["nodes"] == [("ok", "1 answer; 2 CPUs, 0 GPUs")]
    [(level, said)] = found["output"]
    assert level == "ok" and f"{place}/out can be written, read, listed and removed from" in said
    assert found["input"] == [("ok", f"1 videos; {place}/in/short.mp4 can be read")]
    left = fsspec.filesystem("s3", skip_instance_cache=True).find(f"{place}/out")
    assert [name for name in left if ".probe" in name] == []


def test_a_store_that_refuses_is_a_failure_with_its_words_and_no_secret(
    s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "expired")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert main(["doctor", f"{s3_server.uri}/in", "-o", f"{s3_server.uri}/x"]) == 1
    told = capsys.readouterr().out
    assert f"fail  output        cannot write to {s3_server.uri}/x: the store does not accept the credentials" in told
    assert "fail  input" in told and told.splitlines()[-1].endswith("2 fail")
    assert "expired" not in told and s3.SECRET not in told


def test_what_is_read_back_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.local import LocalFileSystem

    assert probe_storage(str(tmp_path), {}).error is None
    with monkeypatch.context() as patch:
        patch.setattr(LocalFileSystem, "cat_file", lambda *_, **__: b"another")
        assert "returns different bytes" in (probe_storage(str(tmp_path), {}).error or "")
    with monkeypatch.context() as patch:
        patch.setattr(LocalFileSystem, "ls", lambda *_, **__: [])
        assert "does not list" in (probe_storage(str(tmp_path), {}).error or "")
    assert list(tmp_path.iterdir()) == []


def test_a_config_that_cannot_run_is_told_before_a_node_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "-c", "measur"]) == 2
    assert "did you mean measure?" in capsys.readouterr().err
    log = tmp_path / "log"
    assert run("doctor", "--address", "127.0.0.1:9", log=log) == 1
    assert "longcap: error: no Ray answers at 127.0.0.1:9" in log.read_text()


def test_a_run_looks_first_when_it_is_told_to(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "file").write_text("")
    where = str(tmp_path / "file" / "out")
    assert main(["run", str(clips / "text.mp4"), "-o", where, "--preflight"]) == 2
    assert f"longcap: error: preflight: output: cannot write to {where}" in capsys.readouterr().err
    assert main(["run", str(clips / "text.mp4"), "-o", str(tmp_path / "out"), "--preflight", "--max-failed", "1"]) == 0
