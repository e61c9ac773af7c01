from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from operators.core import storage
from operators.core.uris import scheme_of
from pipeline.sources.files import File, look, matching, normalise, open_bytes, stem_of, suffix_of, tree
from pipeline.terminal.errors import UsageError


@pytest.mark.parametrize(
    ("text", "base", "uri"),
    [
        ("/a/./b/../c.mp4", None, "/a/c.mp4"),
        ("file:///a/c.mp4", None, "/a/c.mp4"),
        ("c.mp4", "/a/b", "/a/b/c.mp4"),
        ("../c.mp4", "/a/b", "/a/c.mp4"),
        ("s3://bucket/c d.mp4", "/a", "s3://bucket/c d.mp4"),
        ("S3A://bucket/c.mp4", None, "s3://bucket/c.mp4"),
        ("s3://bucket/a//b.mp4", None, "s3://bucket/a//b.mp4"),
        ("../c.mp4", "s3://bucket/a/b", "s3://bucket/a/c.mp4"),
        ("c.mp4", "s3://bucket", "s3://bucket/c.mp4"),
        ("/c.mp4", "s3://bucket/a", "/c.mp4"),
        ("https://host/c.mp4?sig=a%20b", None, "https://host/c.mp4?sig=a%20b"),
        ("file:///a%20b%2520.mp4", None, "/a b%20.mp4"),
        ("file:/a/b.mp4", "/c", "/a/b.mp4"),
        ("FILE://LocalHost/a#1?2.mp4", None, "/a#1?2.mp4"),
        ("file://host/a.mp4", "/c", "file://host/a.mp4"),
        ("/a%20b.mp4", None, "/a%20b.mp4"),
        ("//a//b.mp4", None, "/a/b.mp4"),
        ("a::b.mp4", "/a", "/a/a::b.mp4"),
        ("s3://bucket/a::b.mp4", None, "s3://bucket/a::b.mp4"),
        ("./http://x.mp4", "/a", "/a/http:/x.mp4"),
        ("file:a.mp4", "/a", "/a/file:a.mp4"),
        ("/caf\udce9.mp4", None, "file:///caf%E9.mp4"),
        ("caf\udce9.mp4", "file:///b%FF", "file:///b%FF/caf%E9.mp4"),
        ("/caf\ud83d.mp4", None, "/caf\ufffd.mp4"),
    ],
)
def test_a_file_has_one_uri(text: str, base: str | None, uri: str) -> None:
    assert normalise(text, base=base) == uri
    assert normalise(uri) == uri


def test_parts_of_a_uri() -> None:
    assert (scheme_of("s3://b/a.mp4"), scheme_of("/b/a.mp4")) == ("s3", "")
    assert (suffix_of("s3://b.c/a.MP4"), suffix_of("s3://b.c/a"), suffix_of("/a.b/c.d/.mp4")) == (".mp4", "", "")
    assert stem_of("/a.b/c.en.mp4") == "/a.b/c.en"


class _Counted(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Stands for S3: `find` takes a prefix. Counts what it is asked."""

    protocol = "s3"
    asked: list[str] = []  # noqa: RUF012

    def find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False, **kw: Any
    ) -> Any:
        prefix = kw.pop("prefix", "")
        self.asked.append(f"find {prefix}")
        found = super().find(path, maxdepth=maxdepth, withdirs=withdirs, detail=True, **kw)
        kept = {name: info for name, info in found.items() if name.startswith(f"{self._strip_protocol(path)}/{prefix}")}
        return kept if detail else list(kept)

    def ls(self, path: str, detail: bool = True, **kw: Any) -> Any:
        self.asked.append("ls")
        return super().ls(path, detail=detail, **kw)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("s3://").strip("/")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> type[_Counted]:
    monkeypatch.setattr(_Counted, "store", {})
    monkeypatch.setattr(_Counted, "pseudo_dirs", [""])
    monkeypatch.setattr(_Counted, "asked", [])
    real = storage.connect
    monkeypatch.setattr(
        storage,
        "connect",
        lambda cls, uri: (_Counted(), _Counted._strip_protocol(uri)) if uri.startswith("s3://") else real(cls, uri),
    )
    fs = _Counted()
    for k in range(100):
        fs.pipe_file(f"/b/dir/{k:03}.mp4", b"x")
    fs.pipe_file("/b/dir/007.srt", b"x")
    return _Counted


def test_few_files_of_a_large_prefix_are_asked_for_by_name(bucket: type[_Counted]) -> None:
    found = look(["s3://b/dir/007.mp4", "s3://b/dir/gone.mp4"])
    assert set(found) == {"s3://b/dir/007.mp4", "s3://b/dir/007.srt"}
    assert sorted(a for a in bucket.asked if a != "ls") == ["find 007", "find gone"]


def test_many_files_of_one_folder_are_one_listing(bucket: type[_Counted]) -> None:
    found = look([f"s3://b/dir/{k:03}.mp4" for k in range(100)])
    assert len(found) == 101
    assert bucket.asked == ["ls"]


def test_look_finds_what_is_there_and_what_lies_beside_it(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.en.srt", "ab.srt", "b.mp4"):
        (tmp_path / name).write_bytes(b"123")
    found = look([f"{tmp_path}/a.mp4", f"{tmp_path}/gone.mp4", "/no/such/folder/c.mp4"])
    assert set(found) == {f"{tmp_path}/a.mp4", f"{tmp_path}/a.en.srt"}
    stat = (tmp_path / "a.mp4").stat()
    assert found[f"{tmp_path}/a.mp4"] == File(3, str(stat.st_mtime_ns))


class _Refusing(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    def find(self, *_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, "Access\nDenied")


def test_a_store_that_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "connect", lambda _, uri: (_Refusing(), uri))
    with pytest.raises(UsageError, match=r"^cannot list s3://closed: permission denied \(.*Denied\); ") as caught:
        list(tree("s3://closed", recursive=True))
    assert "\n" not in str(caught.value)


class _Caching(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Remembers its listings, as the clients of stores do."""

    remembered: dict[str, Any] = {}  # noqa: RUF012

    def find(self, path: str, **kw: Any) -> Any:
        return self.remembered.setdefault(path, super().find(path, **kw))

    def invalidate_cache(self, path: str | None = None) -> None:
        self.remembered.clear()


def test_a_second_listing_sees_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    fs = _Caching()
    monkeypatch.setattr(storage, "connect", lambda _, uri: (fs, uri))
    fs.store.clear()
    fs.pipe_file("/n/a.mp4", b"x")
    assert [uri for uri, _ in tree("memory://n", recursive=True)] == ["memory://n/a.mp4"]
    fs.pipe_file("/n/b.mp4", b"x")
    assert [uri for uri, _ in tree("memory://n", recursive=True)] == ["memory://n/a.mp4", "memory://n/b.mp4"]


def test_a_glob_leaves_folders_out(tmp_path: Path) -> None:
    (tmp_path / "d.mp4").mkdir()
    (tmp_path / "a.mp4").touch()
    assert matching(f"{tmp_path}/*.mp4") == [f"{tmp_path}/a.mp4"]


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        open_bytes(f"{tmp_path}/gone.csv")
    with pytest.raises(UsageError, match=r"cannot read .*this is a folder"):
        open_bytes(str(tmp_path))
