"""File systems follow the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from operators.storage import file_system, open_binary
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
