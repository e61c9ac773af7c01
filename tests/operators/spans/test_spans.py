"""Spans: long takes, pieces, stitching by a table of vectors, suitability, spans of the config."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from longcap.testing import check_operator
from operators.core.base import ItemError, Row
from operators.embedding.vectors import packed, unit
from operators.spans.given import Spans
from operators.spans.long_takes import LongTakes, SceneScores
from operators.spans.pieces import JoinSpans, Split
from operators.spans.stitch import Stitch
from operators.spans.suitability import ClipScores, Weigh


def jpeg(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=95)
    return file.getvalue()


def noise(seed: int) -> Any:
    blocks = np.random.default_rng(seed).integers(0, 255, (3, 10, 3))
    return np.kron(blocks, np.ones((32, 32, 1)))


def frame(time_s: float, pixels: Any) -> Row:
    return {"time_s": time_s, "pts_s": time_s, "until_s": None, "jpeg": jpeg(pixels)}


def test_takes_end_where_content_changes_and_stillness_is_a_reason() -> None:
    def seen(k: int) -> Any:  # 2 frames a second: 12 s that move, then 12 s of another image that stands still
        return noise(1)[:, k : k + 160] if k < 24 else noise(2)[:, :160]

    row = {"images": [frame(k / 2, seen(k)) for k in range(48)], "start_s": 0.0, "end_s": 24.0}
    (scored,) = check_operator(SceneScores(width_px=160), [row], other={"cuts_fps": 1.0})
    assert len(scored["content_changes"]) == 11 and len(scored["flow_changes"]) == 47
    changes = {c["end_s"]: c["content"] for c in scored["content_changes"]}
    assert changes[12.0] > 50 > max(v for t, v in changes.items() if t > 12.0)
    (made,) = check_operator(LongTakes(min_flow_px=0.3), [{**row, **scored, "duration_s": 24.0}], other={"min_s": 20.0})
    last = made["takes"][-1]
    assert (last["start_s"], last["end_s"], last["kept"], last["why"]) == (12.0, 24.0, False, "still")
    assert made["takes"][0]["start_s"] == 0.0 and made["takes"][0]["flow_px"] > 0.3


def test_a_take_is_kept_whole_where_it_moves_and_short_ones_stay_with_a_reason() -> None:
    flow = [{"start_s": k / 2, "end_s": k / 2 + 0.5, "content": None, "flow_px": 30.0} for k in range(60)]
    content = [
        {"start_s": 2.0 * k, "end_s": 2.0 * k + 2, "content": 60.0 * (k == 3), "flow_px": None} for k in range(15)
    ]
    row = {"content_changes": content, "flow_changes": flow, "start_s": 0.0, "end_s": 30.0, "duration_s": 30.0}
    (made,) = check_operator(LongTakes(), [row])
    assert [(t["start_s"], t["end_s"], t["why"]) for t in made["takes"]] == [(0.0, 6.0, "short"), (8.0, 30.0, None)]


def test_a_take_that_a_segments_edge_parts_is_measured_as_a_whole() -> None:
    def takes(start_s: float, end_s: float, *cuts: tuple[float, float]) -> list[Row]:
        flow = [{"start_s": start_s, "end_s": end_s, "content": None, "flow_px": 30.0}]
        flow += [{"start_s": a, "end_s": b, "content": None, "flow_px": 30.0} for a, b in ((112, 120), (120, 125))]
        content = [{"start_s": a, "end_s": b, "content": 60.0, "flow_px": None} for a, b in cuts]
        row = {"content_changes": content, "flow_changes": flow, "start_s": start_s, "end_s": end_s}
        flow += [{"start_s": b, "end_s": c, "content": None, "flow_px": 30.0} for (_, b), (c, _) in pairwise(cuts)]
        (made,) = check_operator(LongTakes(), [{**row, "duration_s": 245.0}])
        found: list[Row] = made["takes"]
        return found

    first, second = takes(0.0, 120.0, (2.0, 4.0), (110.0, 112.0)), takes(120.0, 240.0, (125.0, 127.0), (235.0, 236.0))
    assert [(t["start_s"], t["why"]) for t in first if t["start_s"] in (0.0, 112.0)] == [(0.0, "short"), (112.0, None)]
    both = [*first, *second, *takes(240.0, 245.0)]
    (made,) = check_operator(JoinSpans(of="takes", to="joined", min_s=10.0), [{"takes": both}], other={"min_s": 0.0})
    spans = [(s["start_s"], s["end_s"]) for s in made["joined"]]
    assert (112.0, 125.0) in spans and all(end_s - start_s >= 10 for start_s, end_s in spans)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.5, 80)), max_size=5), st.floats(1, 40), st.floats(0, 60))
def test_pieces_tile_their_span(spans: list[tuple[float, float]], length_s: float, longest_s: float) -> None:
    rows = [{"start_s": a, "end_s": a + d} for a, d in spans]
    with Split(of="takes", length_s=length_s, longest_s=longest_s).open() as apply:
        pieces = apply({"takes": rows})["clips"]
    assert sum(p["end_s"] - p["start_s"] for p in pieces) == pytest.approx(sum(d for _, d in spans), abs=1e-3)
    assert all(p["end_s"] - p["start_s"] <= max(length_s, longest_s) + 1e-3 for p in pieces)


def test_seventy_five_seconds_are_three_clips_and_what_was_dropped_has_none() -> None:
    rows = [{"start_s": 0.0, "end_s": 75.0, "kept": True}, {"start_s": 80.0, "end_s": 90.0, "kept": False}]
    (made,) = check_operator(Split(of="takes", length_s=30.0), [{"takes": rows}], other={"length_s": 5.0})
    assert [p["end_s"] - p["start_s"] for p in made["clips"]] == [30.0, 30.0, 15.0]
    (made,) = check_operator(Split(of="takes", length_s=5.0, longest_s=7.0), [{"takes": [{"start_s": 0, "end_s": 7}]}])
    assert len(made["clips"]) == 1


def test_spans_that_a_segments_edge_has_parted_are_one_again() -> None:
    spans = [(60.0, 75.0, True), (0.0, 60.0, True), (80.0, 90.0, True), (90.0, 95.0, False)]
    rows = [{"start_s": a, "end_s": b, "kept": kept} for a, b, kept in spans]
    (made,) = check_operator(JoinSpans(of="takes", to="joined"), [{"takes": rows}])
    assert [(s["start_s"], s["end_s"]) for s in made["joined"]] == [(0.0, 75.0), (80.0, 90.0)]


def vectors(angles: list[float]) -> list[Row]:
    """One a second, of length 1 at these angles: the distance of two is 2 sin(half of what lies between)."""
    found = packed(unit(np.array([[np.cos(a), np.sin(a)] for a in angles])))
    return [{"start_s": float(k), "end_s": k + 1.0, "pts_s": float(k), "vector": v} for k, v in enumerate(found)]


def test_stitching_drops_joins_and_keeps_apart_by_distance() -> None:
    angles = [0.0] * 5 + [0.3] * 5 + [0.3, 0.5, 0.8, 1.2, 1.6] + [1.6] * 5 + [2.6] * 5 + [2.6] * 1
    pieces = [
        {"start_s": a, "end_s": b}
        for a, b in ((0.0, 5.0), (5.0, 10.0), (10.0, 15.0), (15.0, 20.0), (20.0, 25.0), (25.0, 26.0))
    ]
    row = {"frame_vectors": vectors(angles), "clips": pieces, "start_s": 0.0, "end_s": 26.0, "duration_s": 26.0}
    (made,) = check_operator(Stitch(), [row], other={"join": 0.1, "drop": 2.0})
    told = [(e["start_s"], e["end_s"], e["pieces"], e["why"]) for e in made["events"]]
    # 0.3 apart: joined; begin and end 1.2 apart: dropped; after it nothing is joined to it; 0.96 apart: not joined
    assert told == [
        (0.0, 10.0, 2, None),
        (10.0, 15.0, 1, "changes"),
        (15.0, 20.0, 1, None),
        (20.0, 26.0, 2, None),
    ]
    (made,) = check_operator(Stitch(min_s=6.0), [row])
    assert [e["why"] for e in made["events"]] == [None, "changes", "short", None]
    (made,) = check_operator(Stitch(min_s=7.0), [{**row, "duration_s": 40.0}])
    assert [e["why"] for e in made["events"]] == [None, "changes", "short", "edge"]
    with Stitch().open() as apply, pytest.raises(ItemError, match="none of its frames has a vector"):
        apply({**row, "frame_vectors": []})


def test_suitability_is_a_weighted_sum_that_names_what_is_missing() -> None:
    items = [
        {"start_s": 0.0, "end_s": 10.0, "motion": 0.5, "still": 0.0},
        {"start_s": 10.0, "end_s": 20.0, "motion": None, "still": 1.0},
    ]
    op = Weigh(weights={"motion": 4.0, "still": -3.0}, bias=1.0)
    (made,) = check_operator(op, [{"clip_scores": items}], other={"threshold": 1.0})
    assert [(s["score"], s["kept"], s["missing"]) for s in made["suitability"]] == [
        (3.0, True, []),
        (0.0, False, ["motion"]),
    ]
    (made,) = check_operator(ClipScores(), [{"facts": None, "clips": [{"start_s": 0.0, "end_s": 4.0}]}])
    assert made["clip_scores"][0]["length_s"] == 4.0 and made["clip_scores"][0]["motion"] is None


def test_spans_of_the_config_are_cut_at_the_end_of_a_video() -> None:
    (made,) = check_operator(Spans(of=((5.0, 15.0), (20.0, 90.0), (100.0, 110.0))), [{"duration_s": 30.0}])
    assert [(s["start_s"], s["end_s"]) for s in made["spans"]] == [(5.0, 15.0), (20.0, 30.0)]
    with Spans(of=((50.0, 60.0),)).open() as apply, pytest.raises(ItemError, match="begin after its end"):
        apply({"duration_s": 30.0})
    with pytest.raises(ValueError, match="a span is"):
        Spans(of=((5.0, 5.0),))
