"""Groups of videos that share segments, and ratings by a head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from longcap.testing import check_operator
from operators.core.base import ItemError
from operators.embedding.near_duplicates import NearDuplicates, groups_of
from operators.embedding.rate import Rate
from operators.embedding.vectors import packed, unit
from operators.engines.base import EngineRefused


class Table:
    """A table of vectors, as a row of the whole output finds it."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def batches(self, columns: list[str]) -> Any:
        yield pa.Table.from_pylist([{c: row[c] for c in columns} for row in self._rows])


def test_videos_that_share_half_of_their_segments_are_one_group() -> None:
    rng = np.random.default_rng(0)
    film = unit(rng.normal(size=(8, 32)))
    cut = unit(film[2:4] + rng.normal(0, 0.005, (2, 32)))  # a clip of it, coded again
    title = np.concatenate([film[:1], unit(rng.normal(size=(5, 32)))])  # the same title, then another film
    other = unit(rng.normal(size=(4, 32)))
    ids = ["film"] * 8 + ["clip"] * 2 + ["series"] * 6 + ["other"] * 4
    vectors = np.concatenate([film, cut, title, other])
    groups = groups_of(ids, vectors, 0.97, 0.5)
    assert groups == {"film": "clip", "clip": "clip", "series": "series", "other": "other"}
    assert len(set(groups_of(ids, vectors, 0.97, 0.1).values())) == 2, "a tenth is enough: the title joins them"
    rows = [{"video_id": i, "embedding": v} for i, v in zip(ids, packed(vectors), strict=True)]
    rows.append({"video_id": "empty", "embedding": None})
    with NearDuplicates().open() as apply:
        made = apply({"tables": {"embeddings": Table(rows)}})["duplicate_groups"]
    assert {g["video_id"]: g["group"] for g in made} == groups
    with NearDuplicates(table="vectors").open() as apply, pytest.raises(ValueError, match="known: embeddings"):
        apply({"tables": {"embeddings": Table(rows)}})
    with NearDuplicates().open() as apply:
        assert apply({"tables": {"embeddings": Table([])}})["duplicate_groups"] == []


def head(path: Path, width: int) -> Path:
    """A linear head: three times the first number, plus one."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weight = np.zeros((width, 1), np.float32)
    weight[0] = 3
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "b"], ["y"])],
        "head",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.ones(1, np.float32), "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def test_frames_are_rated_by_a_head(tmp_path: Path) -> None:
    vectors = [
        {"start_s": float(k), "end_s": k + 1.0, "pts_s": float(k), "vector": v}
        for k, v in enumerate(packed(np.eye(3, 4, dtype=np.float32)))
    ]
    operator = Rate(weights=str(head(tmp_path / "head.onnx", 4)))
    made, empty = check_operator(operator, [{"frame_vectors": vectors}, {"frame_vectors": []}])
    assert made["frame_ratings"] == pytest.approx([4, 1, 1]) and made["rating"] == pytest.approx(2)
    assert empty == {"frame_ratings": [], "rating": None}
    with Rate(weights=str(head(tmp_path / "wide.onnx", 7))).open() as apply:
        with pytest.raises(ItemError, match=r"wide.onnx cannot rate these vectors"):
            apply({"frame_vectors": vectors})
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with (
        pytest.raises(EngineRefused, match=r"broken.onnx does not load"),
        Rate(weights=str(tmp_path / "broken.onnx")).open(),
    ):
        pass
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        Rate(weights=str(tmp_path / "none.onnx")).identity_extra()
