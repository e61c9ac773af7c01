from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from operators.analysis.filter import Bounds, Filter
from operators.core.base import Operator
from operators.engines.base import EngineSpec
from operators.video.decode import Decode
from pipeline.config.check import check, check_engines, never_measured
from pipeline.config.load import load_config
from pipeline.config.tables import segment_operators, video_operators
from pipeline.config.types import Config, PlanOptions, Recipe
from pipeline.config.values import config_to_dict
from pipeline.terminal.errors import UsageError
from tests.support.engines import Model


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
            Config(plan=PlanOptions(stride_s=11.0)),
            ["stride_s is 11.0", "at most window_s (10.0)"],
        ),
        (
            Config(plan=PlanOptions(stride_s=2.0)),
            ["measure.cell_s is 5.0", "plan.stride_s is 2.0", "equal"],
        ),
        (
            _recipe("decode", "measre", "caption"),
            ["'measre'", "did you mean measure?", "Known: "],
        ),
        (_recipe("probe", "decode", "measure", "caption"), ["'probe'", "no operator of a recipe"]),
        (_recipe("decode", "filter", "measure", "caption"), ["'filter'", "no operator of a recipe"]),
        (_recipe("decode", "caption"), ["caption reads the column facts", "measure would: put it before caption"]),
        (_recipe("measure", "decode", "caption"), ["measure reads the column images", "decode would"]),
        (_recipe("caption", "decode", "measure"), ["decode (pool decode) after caption", "put decode first"]),
        (_recipe("decode", "measure"), ["without the column frames", "caption would: put it into the recipe"]),
        (_recipe("decode", "decode", "measure", "caption"), ["names decode twice"]),
        (_recipe(), ["recipe.segment is empty"]),
        (_recipe("decode", "measure", "caption", video=()), ["recipe.video is empty"]),
        (_recipe("decode", "measure", "caption", "narrate"), ["names narrate, which is of level video"]),
        (
            _recipe("decode", "measure", "caption", video=("caption",)),
            ["recipe.video names caption", "only level video"],
        ),
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


# -- engines with models -----------------------------------------------------------------------------------------------


def _engines(
    *, caption: EngineSpec | None = None, narrate: EngineSpec | None = None, names: bool = False, fields: bool = False
) -> Config:
    base = Config()
    return replace(
        base,
        recipe=Recipe(video=("names", "narrate") if names else ("narrate",)),
        caption=replace(base.caption, engine=caption or base.caption.engine, fields=fields),
        names=replace(base.names, engine=narrate or base.names.engine),
        narrate=replace(base.narrate, engine=narrate or base.narrate.engine),
    )


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (_engines(fields=True), ["caption.fields is true", "no model to fill them"]),
        (_engines(caption=Model(), fields=True, names=True), ["names names, which needs a model", "narrate.engine"]),
        (_engines(caption=Model(), narrate=Model(), names=True), ["reads the windows' fields", "caption.fields"]),
        (_engines(names=True), ["names names, which needs a model"]),
    ],
)
def test_names_and_fields_need_models(config: Config, says: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        check(config)
    assert "\n" not in str(caught.value)
    for part in says:
        assert part in str(caught.value)


def test_names_and_fields_with_models_pass() -> None:
    check(_engines(caption=Model(), narrate=Model(), fields=True, names=True))
    check(_engines(caption=Model(), fields=True))


def test_the_recipe_longcaption_loads_wherever_vllm_is() -> None:
    config = load_config("longcaption")
    assert [op.name for op in segment_operators(config)] == ["decode", "measure", "caption"]
    assert [op.name for op in video_operators(config)] == ["names", "narrate"]
    assert config.names.engine == config.narrate.engine
    assert (config.caption.fields, config.narrate.outline, config.caption.chain) == (True, True, "segment")
    assert (config.caption.window_s, config.caption.stride_s) == (10.0, 5.0)
    assert (config.narrate.wanted_words(600.0) or 0) > 1000
    assert config.caption.engine.local_model and config.caption.engine.generative


def test_names_may_be_left_out_of_the_recipe() -> None:
    off = load_config("longcaption", ["recipe.video=[narrate]", "caption.fields=false"])
    assert [op.name for op in video_operators(off)] == ["narrate"]


def test_the_recipe_loads_without_vllm() -> None:
    program = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("vllm", "torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from pipeline.config.load import load_config
from pipeline.config.values import dump_config
print(dump_config(load_config("longcaption")))
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout) == config_to_dict(load_config("longcaption"))


def test_who_tells_the_video_decides_who_is_who() -> None:
    model = "tests.support.engines:Model"
    followed = load_config("measure", [f"narrate.engine={{kind: '{model}', context: 900}}"])
    assert followed.names.engine == followed.narrate.engine == Model(context=900)
    own = load_config("measure", [f"narrate.engine={model}", f"names.engine={{kind: '{model}', context: 7}}"])
    assert (own.names.engine, own.narrate.engine) == (Model(context=7), Model())
    assert load_config("measure", ["names.nearest=2", f"narrate.engine={model}"]).names.engine == Model()


@dataclass(frozen=True, kw_only=True)
class Blind(Model):
    """A model that cannot see, and is not installed here."""

    def check(self, *, images: bool, elsewhere: bool = False) -> None:
        if images:
            raise ValueError("the model has no eyes: name one that sees")
        if not elsewhere:
            raise ValueError("it is not installed: install it")


def test_engines_are_looked_at_before_a_run() -> None:
    check_engines(Config(), elsewhere=False)
    with pytest.raises(UsageError, match=r"^caption\.engine: the model has no eyes: name one that sees$"):
        check_engines(_engines(caption=Blind()), elsewhere=True)
    with pytest.raises(UsageError, match=r"^narrate\.engine: it is not installed: install it$"):
        check_engines(_engines(narrate=Blind()), elsewhere=False)
    with pytest.raises(UsageError, match=r"^names\.engine: it is not installed"):
        check_engines(_engines(caption=Model(), narrate=Blind(), names=True), elsewhere=False)
    check_engines(_engines(caption=Model(), narrate=Blind(), names=True), elsewhere=True)
    # an engine that no operator of the recipe uses is nobody's concern
    check_engines(replace(Config(), names=replace(Config().names, engine=Blind())), elsewhere=False)


@dataclass(frozen=True, kw_only=True)
class Far(Model):
    """A model on a server that is away."""

    asked: ClassVar[list[int]] = []

    def reach(self) -> None:
        self.asked.append(1)
        if len(self.asked) > 1:
            raise ValueError("the server is away: start it")


def test_a_server_is_asked_once_and_not_for_another_machine() -> None:
    check_engines(_engines(caption=Far(), narrate=Far()), elsewhere=True)
    assert Far.asked == []
    check_engines(_engines(caption=Far(), narrate=Far()), elsewhere=False)
    assert Far.asked == [1]
    with pytest.raises(UsageError, match=r"^caption\.engine: the server is away: start it$"):
        check_engines(_engines(caption=Far()), elsewhere=False)


def test_weights_that_are_something_else_stop_a_run_before_it_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the extra `transnetv2` is not installed")
    (tmp_path / "weights.pth").write_text("these are no weights")
    config = Config(decode=Decode(shots="transnetv2", shots_weights=str(tmp_path / "weights.pth")))
    with pytest.raises(UsageError, match=r"decode\.shots_weights: \S+weights\.pth is no PyTorch state dict"):
        check_engines(config, elsewhere=False)
    check_engines(config, elsewhere=True)  # the weights are looked at where the work is done
    gone = Config(decode=Decode(shots="transnetv2", shots_weights=str(tmp_path / "gone.pth")))
    with pytest.raises(UsageError, match=r"decode: shots_weights is \S+gone\.pth, which cannot be read"):
        check(gone)


def test_bounds_on_what_a_config_does_not_measure_are_named() -> None:
    bounds = Filter(duration_s=Bounds(min=1), shots=Bounds(max=1), text_share=Bounds(max=0.1))
    assert never_measured(Config(filter=bounds)) == {"text_share": "measure.ocr is false"}
    blind = Config(filter=bounds, decode=Decode(signals_fps=0), measure=replace(Config().measure, ocr=True))
    assert never_measured(blind) == {"shots": "decode.signals_fps is 0"}
    unmeasured = replace(_recipe("decode", "caption"), filter=bounds)
    assert set(never_measured(unmeasured).values()) == {"recipe.segment does not name measure"}
    assert never_measured(Config()) == {}
