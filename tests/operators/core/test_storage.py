"""File systems follow the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from operators.core import storage
from operators.core.storage import (
    UnfitFileError,
    adopt,
    environment,
    file_system,
    files_below,
    open_binary,
    read_whole,
    storage_options,
)
from tests.support import s3


def test_keys_that_are_set_after_a_failed_try_count(
    s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in s3_server.environment:
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(Exception, match=r"credentials|denied|Denied"), open_binary(f"{s3_server.uri}/a") as file:
        file.read()
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    with open_binary(f"{s3_server.uri}/a", "wb") as file:
        file.write(b"text")
    with open_binary(f"{s3_server.uri}/a") as file:
        assert file.read() == b"text"


def test_one_environment_shares_one_client() -> None:
    first, path = file_system("memory://bucket/a")
    assert isinstance(first, MemoryFileSystem) and path == "/bucket/a"
    assert file_system("memory://other")[0] is first


def test_a_new_local_file_gets_its_folders(tmp_path: Path) -> None:
    with open_binary(str(tmp_path / "a" / "b" / "c.txt"), "wb") as file:
        file.write(b"1")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"1"
    with pytest.raises(FileNotFoundError):
        open_binary(str(tmp_path / "gone" / "c.txt"))


def test_what_has_no_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(UnfitFileError, match="is a pipe, a socket or a device"):
            open_binary(str(tmp_path / name))
        with pytest.raises(UnfitFileError, match="is a pipe, a socket or a device"):
            read_whole(*file_system(str(tmp_path / name)))
    (tmp_path / "large").write_bytes(b"12345")
    assert read_whole(*file_system(str(tmp_path / "large"))) == b"12345"
    monkeypatch.setattr(storage, "_MOST_BYTES", 4)
    with pytest.raises(UnfitFileError, match="larger than 4 bytes"):
        read_whole(*file_system(str(tmp_path / "large")))


# -- what delta-rs is told ---------------------------------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No AWS setting at all; returns where a profile may be written."""
    for name in environment():
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path / "config"


def test_a_folder_needs_no_options(bare: Path) -> None:
    assert storage_options("/some/folder") == {}


@pytest.mark.parametrize("uri", ["gs://bucket/out", "az://container/out", "abfss://c@account.dfs.core.windows.net/out"])
def test_other_clouds_find_their_keys_by_themselves(bare: Path, uri: str) -> None:
    assert storage_options(uri) == {"retry_timeout": "30s"}


def test_s3_follows_variables_before_the_profile(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert storage_options("s3://b/out") == {"retry_timeout": "30s", "aws_conditional_put": "etag"}
    bare.write_text("[profile mine]\nregion = eu-north-1\nendpoint_url = http://10.0.0.1:9000\n")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    told = storage_options("s3://b/out")
    assert (told["AWS_REGION"], told["AWS_ENDPOINT_URL"]) == ("eu-north-1", "http://10.0.0.1:9000")
    assert told["AWS_ALLOW_HTTP"] == "true"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    told = storage_options("s3://b/out")
    assert told["AWS_ENDPOINT_URL"] == "https://elsewhere" and "AWS_REGION" not in told
    assert "AWS_ALLOW_HTTP" not in told
    assert not any("KEY" in name.upper() for name in told), "keys are found by delta-rs itself"


def test_a_drivers_environment_replaces_that_of_a_worker(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "old")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/key.json")
    monkeypatch.setenv("PATH_OF_MINE", "stays")
    adopt({"AWS_REGION": "here"})
    assert environment() == {"AWS_REGION": "here"} and os.environ["PATH_OF_MINE"] == "stays"
    monkeypatch.delenv("AWS_REGION")


def test_files_below_are_files_below(tmp_path: Path) -> None:
    assert files_below(f"{tmp_path}/nowhere") == {}
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("")
    (tmp_path / "ab").write_text("")
    assert list(files_below(f"{tmp_path}/a")) == [f"{tmp_path}/a/b/c"]
