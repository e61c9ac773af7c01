"""Exports by name, by place, and those of other distributions; wrong names and options are one line."""

from __future__ import annotations

import pickle
from dataclasses import is_dataclass

import pytest

from pipeline.export.base import Export
from pipeline.export.registry import EXPORTS, export_class, make
from pipeline.terminal.errors import UsageError


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_every_name_is_an_export_that_keeps_the_contract(name: str) -> None:
    cls = export_class(name)
    made = make(name, {})
    assert is_dataclass(made) and isinstance(made, Export) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(made)) == made and hash(made) == hash(make(name, {}))
    assert cls.__doc__ and cls.units and cls.spans and cls.media


def test_a_class_can_be_named_by_its_place() -> None:
    assert export_class("pipeline.export.formats.llava:Llava") is export_class("llava")


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("lava", {}, "'lava' is no export; did you mean llava?"),
        ("llava", {"targt": "qwen"}, "targt is not a known key of export llava; did you mean target?"),
        ("llava", {"target": "gpt"}, "export llava: target: Input should be 'llava', 'qwen'"),
        ("musubi", {"target_frames": 80}, "target_frames is 80; it must be 4N \\+ 1"),
        ("sharegpt", {"prompt": "<video>Look."}, "must not be empty or contain a media tag"),
        ("messages", {"native_spans": True}, "needs video_key=video"),
        ("no.such:Thing", {}, "cannot be imported"),
        ("json:JSONEncoder", {}, "is not a dataclass derived from"),
    ],
)
def test_what_is_wrong_is_one_line(name: str, options: dict[str, object], line: str) -> None:
    with pytest.raises(UsageError, match=line) as error:
        make(name, options)
    assert "\n" not in str(error.value)
