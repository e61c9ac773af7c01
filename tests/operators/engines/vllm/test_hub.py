"""Models by name: what the local cache holds, and a hub that answers on a local port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from operators.engines.vllm import VllmEngine, hub

pytest.importorskip("huggingface_hub", reason="the hub's client is not installed")

ANSWERS = {
    "org/there": (200, {}),
    "org/gated": (403, {"X-Error-Code": "GatedRepo"}),
    "org/other": (404, {"X-Error-Code": "RevisionNotFound"}),
    "org/params": (404, {"X-Error-Code": "EntryNotFound"}),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with one model, Org/Model-VL."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "VLLM_USE_MODELSCOPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens
    snapshot = tmp_path / "models--Org--Model-VL" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (tmp_path / "models--Org--Model-VL" / "refs").mkdir()
    (tmp_path / "models--Org--Model-VL" / "refs" / "main").write_text("0" * 40)
    return tmp_path


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            name = "/".join(self.path.split("/")[1:3])
            status, headers = ANSWERS.get(name, (404, {"X-Error-Code": "RepoNotFound"}))
            self.send_response(status)
            for key, value in {"ETag": "e", "X-Repo-Commit": "0" * 40, "Content-Length": "0", **headers}.items():
                self.send_header(key, value)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


def test_a_model_that_is_cached_needs_no_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = hub.cached("Org/Model-VL")
    assert found is not None and Path(found).is_file()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    VllmEngine(model="Org/Model-VL").reach()


def test_a_model_that_is_not_cached_cannot_boot_offline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError) as error:
        VllmEngine(model="org/Modle-VL").reach()
    assert str(error.value).startswith(
        f"engine vllm: the model org/Modle-VL is no folder, and not in the local cache ({cache}), and "
        "http://127.0.0.1:9 cannot be reached ("
    )
    assert str(error.value).endswith("; did you mean Org/Model-VL?")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ValueError, match=r"and HF_HUB_OFFLINE forbids to fetch it; did you mean Org/Model-VL\?$"):
        VllmEngine(model="org/Modle-VL").reach()


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("org/nowhere", "knows no model org/nowhere, or it is private and HF_TOKEN does not open it"),
        ("org/gated", "is gated: accept its terms at http://127.0.0.1:"),
        ("org/other", "has no revision v9 on http://127.0.0.1:"),
    ],
)
@pytest.mark.usefixtures("served")
def test_what_the_hub_says_of_it(model: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        VllmEngine(model=model, hub_revision="v9").reach()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("model", ["org/there", "org/params"])
@pytest.mark.usefixtures("served")
def test_what_may_boot_passes(model: str) -> None:
    VllmEngine(model=model).reach()


@pytest.mark.parametrize("model", ["s3://bucket/model", "org/model:Q4"])
def test_what_vllm_finds_in_ways_of_its_own_is_not_asked_for(model: str) -> None:
    VllmEngine(model=model).reach()


def test_another_hub_is_not_ours_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_USE_MODELSCOPE", "True")
    VllmEngine(model="org/model").reach()
