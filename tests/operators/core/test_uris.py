"""One spelling for each local file, and one for each location of tables."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.core.storage import file_system, files_below, open_binary
from operators.core.uris import foreign_host, local_path, local_uri, lost_slash, scheme_of, table_uri, unfit_for_tables
from operators.store.table import Table

SCHEMA = pa.schema([("key", pa.string())])
NAMES = ("take#1", "q?v=1", "pct%zz", "a b+&=ünï…", "q'u\"o<x>", "~u{}", "a::b", "s3:", "st*r;`@")
"""Names of folders in which tables lie where they are said to lie."""


@pytest.mark.parametrize(
    ("uri", "scheme", "path"),
    [
        ("/a/b c.mp4", "", "/a/b c.mp4"),
        ("/a/b%20c#?.mp4", "", "/a/b%20c#?.mp4"),
        ("file:///a/b%20c%25.mp4", "", "/a/b c%.mp4"),
        ("file:/a/b.mp4", "", "/a/b.mp4"),
        ("file://localhost/a", "", "/a"),
        ("FILE:///a#b?c", "", "/a#b?c"),
        ("file:///caf%E9", "", "/caf\udce9"),
        ("file:a", "", "file:a"),
        ("file:", "", "file:"),
        ("file://host/a", "file", None),
        ("file://", "file", None),
        ("a::b.mp4", "", "a::b.mp4"),
        ("C:\\x.mp4", "", "C:\\x.mp4"),
        ("./http://h/a", "", "./http://h/a"),
        ("/a/s3://b", "", "/a/s3://b"),
        ("http:/a", "", "http:/a"),
        ("S3A://b/k", "s3", None),
        ("s3://b/a::b", "s3", None),
        ("zip://a.mp4::s3://b/k.zip", "zip", None),
        ("simplecache::s3://b/k", "simplecache::s3", None),
    ],
)
def test_what_is_local_and_what_is_its_path(uri: str, scheme: str, path: str | None) -> None:
    assert (scheme_of(uri), local_path(uri)) == (scheme, path)
    assert (foreign_host(uri) is not None) == (scheme == "file")


@given(st.binary(min_size=1).filter(lambda b: b"\0" not in b))
def test_the_uri_of_any_path_is_text_that_leads_back_to_it(name: bytes) -> None:
    path = f"/{os.fsdecode(name)}"
    uri = local_uri(path)
    uri.encode()
    assert (local_path(uri), scheme_of(uri)) == (path, "")
    # what is UTF-8 is spelled as ever: ids come from it
    assert uri == path or any("\udc80" <= c <= "\udcff" for c in path)


def test_a_surrogate_that_stands_for_no_byte_is_replaced() -> None:
    assert local_uri("/a\ud83d.mp4") == "/a\ufffd.mp4"


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("/a/pct%20b", "'%20', which is not kept apart from ' '"),
        ("s3://b/a%23", "'%23', which is not kept apart from '#'"),
        ("/a/[x]", "'['"),
        ("/a^b", "'^'"),
        ("/a|b", "'|'"),
        ("/a\\b", "'\\\\'"),
        ("s3://b/a\\b", "'\\\\'"),
        ("/a\nb", "'\\n'"),
        ("s3://b/a\tb", "'\\t'"),
        ("file:///a%FF", "'\\udcff'"),
        ("s3://b/a//c", "'//'"),
        ("s3://b/a/../c", "'..'"),
        ("s3://b/./c", "'.'"),
        ("s3://", "names no bucket"),
        ("file://host/a", "a file of the host host"),
    ],
)
def test_where_no_table_can_lie_is_said_with_the_character(uri: str, says: str) -> None:
    assert says in (unfit_for_tables(uri) or "")


@pytest.mark.parametrize("uri", ["/a/..b", "s3://b", "s3://b/", "s3://b/[x]^|", "s3://b/a/", "az://c@d/e", *NAMES])
def test_where_tables_can_lie(uri: str) -> None:
    assert unfit_for_tables(uri) is None


def test_only_the_key_of_a_remote_location_is_encoded() -> None:
    assert table_uri("s3://buck.et/take#1/a b%") == "s3://buck.et/take%231/a%20b%25"
    assert table_uri("abfss://c@account.dfs.core.windows.net/a?") == "abfss://c@account.dfs.core.windows.net/a%3F"
    assert table_uri("/a b#%") == "/a b#%"


def test_tables_and_files_of_any_name_lie_below_it(place: str) -> None:
    """In a folder and on S3: the tables go through delta-rs, files through fsspec, and both mean one place."""
    remote = ("[x]", "a^b|c") if scheme_of(place) else ()
    for name in (*NAMES, *remote):
        out = f"{place}/{name}"
        table = Table(f"{out}/dataset", SCHEMA)
        table.fence()
        table.append(pa.table({"key": ["x"]}))
        with open_binary(f"{out}/runs/a.json", "wb") as file:
            file.write(b"1")
        root = file_system(out)[1]
        below = files_below(out)
        assert len(below) == 5, name
        assert all(p.startswith((f"{root}/dataset/", f"{root}/runs/a.json")) for p in below), name
        (data,) = Table(f"{out}/dataset", SCHEMA).file_uris()
        assert data.startswith(f"{out}/dataset/")
        with open_binary(data) as file:
            assert file.read(4) == b"PAR1"
    everything = files_below(place)
    assert len(everything) == 5 * len((*NAMES, *remote)), "something lies elsewhere"


def test_local_names_never_reach_fsspecs_parsing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a::b", "zip::x", "~u", "C:\\x", "file:x", "local:x", "http:", "{}", "-x", os.fsdecode(b"caf\xe9")):
        Path(name).write_bytes(os.fsencode(name))
        for spelled in (name, local_uri(f"{tmp_path}/{name}")):
            with open_binary(spelled) as file:
                assert file.read() == os.fsencode(name)
            fs, path = file_system(spelled)
            assert fs.cat_file(path) == os.fsencode(name)


@pytest.mark.parametrize("url", ["s3://bucket/a", "gs://bucket/a", "https://host/a.mp4", "abfss://c@a/b"])
def test_a_url_that_has_been_a_pathlib_path_is_refused(url: str) -> None:
    assert lost_slash(url) is None
    assert (lost_slash(str(Path(url))) or "").startswith(f"write {url.partition(':')[0]}:// with two slashes")


@pytest.mark.parametrize("path", ["/a/s3:/b", "./s3:/b", "c:/videos", "file:/a/b", "s3:b"])
def test_paths_have_lost_no_slash(path: str) -> None:
    assert lost_slash(path) is None
