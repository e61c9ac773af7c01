"""The length report."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.export.lengths import Lengths, counter, estimate
from pipeline.terminal.errors import UsageError


def test_the_estimate_is_near_what_tokenizers_say() -> None:
    text = "The camera pans slowly across a harbour at dawn; gulls circle above the fishing boats. " * 20
    assert 1.0 < estimate(text) / len(text.split()) < 1.6
    assert estimate("一个红色的圆圈在蓝色背景上移动") == 15
    assert estimate("") == 0


def test_a_tokenizer_of_ones_own_counts_exactly(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"red": 0, "boat": 1, "?": 2}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    assert counter(str(tmp_path))("red boat sails red") == 4
    with pytest.raises(UsageError, match=r"there is no tokenizer\.json"):
        counter(str(tmp_path / "absent"))


def test_quantiles_and_what_exceeds_the_limit_also_after_a_merge() -> None:
    whole, part = Lengths(100), Lengths(100)
    for k in range(1, 101):
        (whole if k % 2 else part).add(2 * k)
    whole.merge(part.dump())
    said = whole.summary("estimate")
    assert (said["rows"], said["over_limit"], said["tokens_most"]) == (100, 50, 200)
    assert abs(said["tokens_median"] - 100) <= 16 and abs(said["tokens_p95"] - 190) <= 16
