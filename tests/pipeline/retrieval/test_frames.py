"""Moments that are like an image, a clip or a text, by vectors of frames that a recipe has made."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import pipeline as longcap
from operators.embedding.embed import Embed
from operators.embedding.vectors import packed
from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.terminal.errors import UsageError
from tests.support import planted, scenes
from tests.support.embedders import Counting

COLOURS = {"a": ["red"] * 10 + ["blue"] * 10 + ["green"] * 10, "b": ["green"] * 15 + ["yellow"] * 15}
RECIPE = """
tables:
  embeddings: {level: segment, steps: [decode, {embed: {embedder: {kind: 'tests.support.embedders:Counting'}}}]}
"""


def jpeg(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(data, "JPEG")
    return data.getvalue()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, longcap.Config]:
    """An output of two videos with a vector of a frame a second, and the recipe that made them."""
    folder = tmp_path_factory.mktemp("shown")
    out = str(folder / "captions")
    planted.make(out, {"a": [f"Window {k}." for k in range(5)], "b": [f"Window {k}." for k in range(5)]})
    ids = [("video_id", pa.string()), ("key", pa.string()), ("content_hash", pa.string())]
    schema = pa.schema([*ids, *Embed.types.items()])
    table = Store(out, tables={"embeddings": schema}).derived["embeddings"]
    rows: list[dict[str, object]] = []
    with Counting().open() as running:
        for video_id, colours in COLOURS.items():
            vectors = packed(running.frames([jpeg(c) for c in colours]))
            found = [{"start_s": k, "end_s": k + 1, "pts_s": k, "vector": v} for k, v in enumerate(vectors)]
            rows.append({"video_id": video_id, "key": "k", "content_hash": "h", "frame_vectors": found})
            rows[-1] |= {"embedding": vectors[0], "frame_embedder": Counting().model_id}
    table.fence()
    table.append(pa.Table.from_pylist(rows, schema=schema))
    tables = {"embeddings": {"level": "segment", "from": ["videos"]}}
    Store(out).write_file("runs/r/tables.json", json.dumps({"run_id": "r", "tables": tables}).encode())
    (folder / "recipe.yaml").write_text(RECIPE)
    return out, longcap.load_config(folder / "recipe.yaml")


def test_an_image_finds_the_windows_that_show_it(shown: tuple[str, longcap.Config], tmp_path: Path) -> None:
    out, config = shown
    Image.new("RGB", (80, 60), "blue").save(tmp_path / "sea.png")
    hits = longcap.search_output(out, like=tmp_path / "sea.png", config=config, k=3)
    assert hits[0].video_id == "a" and hits[0].start_s < 20 and hits[0].end_s > 10
    assert hits[0].text == f"Window {hits[0].place}." and hits[0].similarity == pytest.approx(1, abs=0.02)
    only = longcap.search_output(out, like=tmp_path / "sea.png", config=config, videos=["b"])
    assert {h.video_id for h in only} == {"b"} and (only[0].similarity or 0) < 0.9


def test_a_clip_is_any_of_its_frames_within_a_span(shown: tuple[str, longcap.Config], tmp_path: Path) -> None:
    out, config = shown
    film = tmp_path / "film.mp4"
    canvases = [np.full((480, 640, 3), colour, np.uint8) for colour in (0, (255, 255, 0))]
    scenes.render(film, [scenes.Scene(seconds=2.0, canvas=canvas) for canvas in canvases], fps=5)
    (first, *_) = longcap.search_output(out, like=film, span=(2.2, 3.8), config=config)
    assert first.video_id == "b" and first.start_s >= 10
    with pytest.raises(UsageError, match="has no frame in this span"):
        longcap.search_output(out, like=film, span=(90, 95), config=config)


def test_what_the_model_cannot_is_said(
    shown: tuple[str, longcap.Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, config = shown
    image = tmp_path / "a.png"
    Image.new("RGB", (8, 8), "red").save(image)
    (tmp_path / "no.png").write_bytes(b"no image")
    with pytest.raises(UsageError, match="made by counting 4; give the config that names it with -c"):
        longcap.search_output(out, like=image)
    with pytest.raises(UsageError, match="48 dimensions and the query 26"):
        longcap.search_output(out, "a red car", mode="frames", config=config)
    for given, said in (
        ({"like": tmp_path / "no.png"}, "cannot be read as an image"),
        ({"like": tmp_path / "none.mp4"}, "cannot be read as a video"),
        ({"like": image, "table": "x"}, "table x has no vectors of frames"),
        ({"like": image, "span": (0, 1)}, "a span needs a video"),
        ({"like": image, "query": "a"}, "give a text to search for"),
        ({"like": image, "levels": ["window"]}, "levels and modes"),
    ):
        with pytest.raises(UsageError, match=said):
            longcap.search_output(out, **{"config": config, **given})  # type: ignore[arg-type]
    assert main(["search", out, "--like", str(image)]) == 2
    assert main(["search", out, "blue", "--like", str(image)]) == 2
    said = capsys.readouterr().err
    assert "give the config" in said and "give either a QUERY or --like IMAGE_OR_VIDEO, not both" in said
    assert main(["search", out]) == 2 and main(["search", out, "--like", str(image), "--span", "a-b"]) == 2


def test_the_packages_own_embedder_embeds_no_texts(tmp_path: Path) -> None:
    from operators.embedding.embedders.efficientnet import EfficientNet
    from pipeline.retrieval import frames

    class Known:
        modalities, model_id = EfficientNet.modalities, EfficientNet().model_id

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "table_of", lambda *_: "embeddings")
        patch.setattr(frames, "embedder_of", lambda *_: Known())
        with pytest.raises(
            UsageError, match="efficientnet lite0-imagenet, which does not embed texts: search by an image"
        ):
            frames.by_text(longcap.open(_empty(tmp_path)), "a red car")


def _empty(tmp_path: Path) -> str:
    planted.make(str(tmp_path / "captions"), {"a": planted.dull(2, 1)})
    return str(tmp_path / "captions")
