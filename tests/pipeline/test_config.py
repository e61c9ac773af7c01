from __future__ import annotations

from dataclasses import fields, replace

import pytest

from operators.base import Operator
from pipeline.config import Config, PlanOptions, Recipe, check, segment_operators, video_operators
from pipeline.errors import UsageError


def test_the_defaults_pass() -> None:
    check(Config())


def test_every_section_has_its_operators_name() -> None:
    for f in fields(Config):
        section = getattr(Config(), f.name)
        if isinstance(section, Operator):
            assert section.name == f.name


def test_operators_come_in_the_recipes_order() -> None:
    config = Config()
    assert [op.name for op in segment_operators(config)] == ["decode", "measure", "caption"]
    assert [op.name for op in video_operators(config)] == ["narrate"]
    assert segment_operators(config)[2] is config.caption


def _recipe(*segment: str, video: tuple[str, ...] = ("narrate",)) -> Config:
    return Config(recipe=Recipe(segment=segment, video=video))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (Config(plan=PlanOptions(segment_s=7.0)), ["plan.segment_s", "at least window_s"]),
        (Config(plan=PlanOptions(segment_s=121.0)), ["segment_s is 121.0", "multiple of stride_s (5.0)"]),
        (
            replace(Config(), caption=replace(Config().caption, stride_s=11.0)),
            ["stride_s is 11.0", "at most window_s (10.0)"],
        ),
        (
            replace(Config(), caption=replace(Config().caption, stride_s=2.0)),
            ["measure.cell_s is 5.0", "caption.stride_s is 2.0", "equal"],
        ),
        (_recipe("decode", "measre", "caption"), ["'measre'", "did you mean measure?", "decode, measure, caption"]),
        (_recipe("probe", "decode", "measure", "caption"), ["'probe'", "no operator of a recipe"]),
        (_recipe("decode", "caption"), ["caption reads the column facts", "measure would: put it before caption"]),
        (_recipe("measure", "decode", "caption"), ["measure reads the column pictures", "decode would"]),
        (_recipe("caption", "decode", "measure"), ["decode (pool decode) after caption", "put decode first"]),
        (_recipe("decode", "measure"), ["without the column frames", "caption would: put it into the recipe"]),
        (_recipe("decode", "decode", "measure", "caption"), ["names decode twice"]),
        (_recipe(), ["recipe.segment is empty"]),
        (_recipe("decode", "measure", "caption", video=()), ["recipe.video is empty"]),
        (_recipe("decode", "measure", "caption", "narrate"), ["names narrate, of pool narrate"]),
        (_recipe("decode", "measure", "caption", video=("caption",)), ["recipe.video names caption", "only narrate"]),
        (
            replace(Config(), narrate=replace(Config().narrate, section_prompt="no_such_prompt")),
            ["narrate:", "'no_such_prompt'"],
        ),
    ],
)
def test_what_does_not_fit_together_is_one_line(config: Config, says: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        check(config)
    assert "\n" not in str(caught.value)
    for part in says:
        assert part in str(caught.value)
