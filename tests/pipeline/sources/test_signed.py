"""A run over signed URLs: read with the signature, stored without it, found again under another one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

import pipeline as longcap
from pipeline.cli.main import main
from pipeline.sources.inspection import frames, probe
from tests.support import video, web

SECRETS = [web.SIGNATURE, quote(web.SIGNATURE, safe=""), "Expires=", "s3cr3t"]


class Signed(NamedTuple):
    server: web.WebServer
    manifest: Path
    result: longcap.Result


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    """A good video, one that is none, one whose signature has expired."""
    folder = tmp_path_factory.mktemp("served")
    video.render(folder / "good.mp4", count=60, fps=10.0)
    (folder / "text.mp4").write_text("no video")
    with web.serve(folder) as server:
        manifest = folder / "m.csv"
        write(manifest, server, 1)
        config = longcap.load_config(None, ["run.max_failed=1"])
        result = longcap.run(str(manifest), str(folder / "out"), config)
        yield Signed(server, manifest, result)


def write(manifest: Path, server: web.WebServer, expires: int) -> None:
    urls = [server.signed(name, expires) for name in ("good.mp4", "text.mp4")]
    manifest.write_text("\n".join(["uri,video_id", *(f"{u},{k}" for k, u in enumerate(urls)), ""]))
    with manifest.open("a") as file:
        file.write(f"{server.url}/gone.mp4?sig=s3cr3t-expired,2\n")


def leaks(folder: Path) -> list[str]:
    """Files below an output that hold a secret; tables are read, for their bytes are compressed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    texts = {
        path: str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else path.read_text(errors="replace")
        for path in files
    }
    return [f"{path}: {secret}" for path, text in texts.items() for secret in SECRETS if secret in text]


def test_it_is_read_with_its_signature_and_stored_without(run: Signed) -> None:
    (row,) = run.result.to_arrow().to_pylist() or pytest.fail(str(run.result.failures()))
    assert row["uri"] == f"{run.server.url}/good.mp4" and row["coverage"] == 1.0
    assert not leaks(Path(run.result.uri))
    told = [f["message"] for f in run.result.failures()]
    assert len(told) == 2 and any("is not a video" in m for m in told) and any("may not be read" in m for m in told)


def test_another_signature_finds_what_is_done(run: Signed) -> None:
    write(run.manifest, run.server, 2)
    plan, left = longcap.plan(str(run.manifest), run.result.uri, longcap.load_config(None, []), quiet=True)
    assert len(plan.videos) == 1 and not left.segments and not left.whole


def test_retry_takes_the_access_from_the_inputs_that_are_given_now(
    run: Signed, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    shutil.copytree(run.result.uri, out)
    video.render(run.server.folder / "gone.mp4", count=30, fps=10.0)
    assert main(["retry", out]) == 0  # the manifest says where everything is
    assert "1 of 1" not in capfd.readouterr().out
    write(run.manifest, run.server, 3)
    run.manifest.write_text(run.manifest.read_text().replace("s3cr3t-expired", quote(web.SIGNATURE, safe="")))
    assert main(["retry", out, "--only", "2"]) == 0
    assert {row["uri"] for row in longcap.open(out).to_arrow().to_pylist()} == {
        f"{run.server.url}/{name}" for name in ("good.mp4", "gone.mp4")
    }
    said = capfd.readouterr()
    assert not [secret for secret in SECRETS if secret in said.out + said.err]


def test_an_input_that_was_signed_has_to_be_given_again(
    run: Signed, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    (run.server.folder / "late.mp4").write_text("not yet")
    url = run.server.signed("late.mp4")
    assert main(["run", url, "-o", out, "--set", "run.max_failed=1"]) == 0
    assert not leaks(Path(out))
    capfd.readouterr()
    assert main(["retry", out]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "--input" in said and f"{run.server.url}/late.mp4" in said
    video.render(run.server.folder / "late.mp4", count=30, fps=10.0)
    assert main(["retry", out, "--input", run.server.signed("late.mp4", 2)]) == 0
    assert len(longcap.open(out).to_arrow()) == 1


def test_probe_and_frames_take_a_signed_url(run: Signed, capfd: pytest.CaptureFixture[str]) -> None:
    url = run.server.signed("good.mp4")
    assert probe(url, cuts=False).uri == f"{run.server.url}/good.mp4"
    assert len(list(frames(url, [0.0]))) == 1
    assert main(["probe", f"{run.server.url}/good.mp4?sig=s3cr3t", "--quick"]) == 1
    assert "s3cr3t" not in capfd.readouterr().err
