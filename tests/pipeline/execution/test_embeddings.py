"""Tables of vectors in a job: one pass however many consumers, and a changed consumer embeds nothing again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import pipeline as longcap
from pipeline.output.verification import verify
from pipeline.terminal.errors import UsageError
from tests.support.operators import calls

EMBEDDER = "{{kind: 'tests.support.embedders:Counting', log: {log}}}"
RECIPE = """
tables:
  embeddings: {{level: segment, steps: [decode, {{embed: {{embedder: {embedder}}}}}]}}
  texts:
    level: video
    from: [segments, dataset]
    steps: [{{embed_text: {{embedder: {embedder}, of: [window, sentence]}}}}]
  few: {{level: segment, from: [embeddings], steps: [{{'tests.support.operators:Nearest': {{share: {share}}}}}]}}
  many: {{level: segment, from: [embeddings], steps: [{{'tests.support.operators:Nearest': {{share: 0.9}}}}]}}
  whole: {{level: video, from: [embeddings], steps: ['tests.support.operators:Length']}}
"""


def recipe(tmp_path: Path, log: Path, share: float) -> longcap.Config:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(embedder=EMBEDDER.format(log=log), share=share))
    return longcap.load_config(path, ["plan.segment_s=10", "run.flush_s=0"])


def test_what_is_embedded_once_serves_every_consumer(clips: Path, tmp_path: Path) -> None:
    folder, log, out = tmp_path / "in", tmp_path / "log", tmp_path / "out"
    folder.mkdir()
    log.mkdir()
    shutil.copy(clips / "two_shots.mp4", folder)

    def run(share: float) -> longcap.Result:
        return longcap.run(str(folder), str(out), recipe(tmp_path, log, share), quiet=True)

    result = run(0.5)
    assert result.ok
    output = longcap.open(str(out))
    frames, texts = output.vectors("embeddings"), output.vectors("texts")
    assert calls(log, "embedded") == len(frames) + len(texts) and len(frames) == 27
    kind = frames.schema.field("vector").type
    assert pa.types.is_fixed_size_list(kind) and kind.value_type == pa.float16() and kind.list_size == 48
    starts = frames["start_s"].to_pylist()
    assert starts == sorted(starts) and starts[0] == 0 and frames["end_s"].to_pylist()[:-1] == starts[1:]
    assert set(texts["unit"].to_pylist()) == {"window", "sentence"}
    (whole,) = output.table("whole").to_pylist()
    assert whole["frames"] == 27, "a video gets the vectors of all its segments as one list"
    vectors = np.stack(frames["vector"].to_numpy(zero_copy_only=False)).astype(np.float32)
    assert (vectors[:13] @ vectors[:13].T).mean() > (vectors[:13] @ vectors[14:].T).mean() + 0.1
    assert verify(output).findings == []

    again = run(0.8)  # another consumer
    assert again.ok and calls(log, "embedded") == 0
    assert again.report.tables["few"]["done"] == again.report.tables["few"]["planned"] > 1
    assert again.table("embeddings").num_rows == result.table("embeddings").num_rows
    with pytest.raises(UsageError, match="table few has no column frame_vectors or text_vectors"):
        output.vectors("few")
    film = clips / "two_shots.mp4"
    hits = longcap.search_output(output, like=film, span=(20, 24), config=recipe(tmp_path, log, 0.5), k=1)
    assert hits[0].end_s > 13 and hits[0].text and (hits[0].similarity or 0) > 0.98


def test_a_recipe_that_embeds_what_is_not_there_is_refused(tmp_path: Path) -> None:
    def load(*steps: Any, **more: Any) -> None:
        path = tmp_path / "recipe.yaml"
        path.write_text(str({"tables": {"t": {"level": "video", "steps": list(steps), **more}}}))
        longcap.load_config(path)

    with pytest.raises(UsageError, match="add segments to the table's parents"):
        load("embed_text")
    with pytest.raises(UsageError, match="embedder efficientnet embeds no texts"):
        load({"embed_text": {"embedder": "efficientnet"}}, **{"from": ["segments"]})
    load("embed_text", **{"from": ["segments"]})
