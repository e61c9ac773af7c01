"""Keys of the shipped recipes, pinned: a release that changes one of them captions every finished video again."""

from __future__ import annotations

from pathlib import Path

import pytest

from operators.core.fingerprint import digest
from operators.core.keys import caption_key, narrator_key, source_key, video_key
from pipeline.config.load import load_config
from pipeline.config.tables import captioner, fingerprint, lineage, segment_operators, tables_of, video_operators
from pipeline.config.types import Config

SOURCE = ("6118f8ee2ee89938", "1024-1700000000")
SERVER = "engine={kind: openai, model: m, base_url: 'https://host/v1', api_key_env: null}"


def captions(config: Config) -> str:
    return caption_key(*SOURCE, config.plan.segment_s, segment_operators(config))


def test_the_keys_of_the_default_recipe_do_not_change() -> None:
    """Where this fails, raise an operator's version and say so in the changelog, or keep the keys."""
    config = load_config()
    narrator = narrator_key(video_operators(config))
    assert source_key(*SOURCE) == "e2b13a37f105b419"
    assert captions(config) == "98b6813dc6bdc5b5"
    assert narrator == "7a780d3cb605b553"
    assert video_key(captions(config), range(3), narrator) == "7e013fd0e3bcca36"
    assert fingerprint(config) == "e566a741-7a780d3c"


def test_the_keys_of_the_recipe_with_models_do_not_change() -> None:
    config = load_config("longcaption", [f"caption.{SERVER}", f"narrate.{SERVER}"])
    assert captions(config) == "ae356d6854dd773a"
    assert narrator_key(video_operators(config)) == "b9a24d3dfc4d35f2"
    assert fingerprint(config) == "79057389-b9a24d3d"


BOTH, NARRATION, NOTHING = {"segments", "dataset"}, {"dataset"}, set[str]()


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        ("plan.segment_s=60", BOTH),
        ("decode.fps=2", BOTH),
        ("decode.short_side_px=224", BOTH),
        ("caption.window_s=8", BOTH),
        ("caption.chain=none", BOTH),
        ("caption.language=French", BOTH),
        (f"caption.{SERVER}", BOTH),
        ("caption.frames=false", BOTH),
        ("narrate.section_s=30", NARRATION),
        ("narrate.opening_words=40", NARRATION),
        ("narrate.grounding=embedding", NARRATION),
        ("narrate.repair=false", NARRATION),
        (f"narrate.{SERVER}", NARRATION),
        ("filter.shots.max=3", NOTHING),
        ("caption.concurrency=9", NOTHING),
        ("resources.decode.actors=3", NOTHING),
        ("run.max_failed=1", NOTHING),
        ("decode.no_progress_s=90", NOTHING),
    ],
)
def test_a_change_makes_just_the_tables_anew_that_depend_on_it(change: str, anew: set[str]) -> None:
    before, after = load_config(), load_config(None, [change])
    changed = {"segments"} if captioner(before) != captioner(after) else set()
    assert (captions(before) != captions(after)) == bool(changed)
    if fingerprint(before) != fingerprint(after):
        changed |= {"dataset"}
    assert changed == anew


OPS = "tests.support.operators"
RECIPE = """
engines: {judge: {kind: "tests.support.engines:Scripted", stride_s: 5}}
tables:
  vectors: {level: segment, steps: [decode, {OPS:Brightness: {}}]}
  speech: {level: video, steps: [{OPS:Listen: {}}]}
  notes: {level: segment, from: [videos, speech], steps: [{OPS:Heard: {}}]}
  differences: {level: segment, steps: [decode, measure, {OPS:Difference: {}}]}
  segments: {from: [differences], steps: [{OPS:Summarise: {}}]}
  marks: {level: video, from: [dataset, segments], steps: [{OPS:Judge: {engine: judge}}]}
  totals: {level: run, from: [marks], steps: [{OPS:Average: {}}]}
""".replace("OPS:", f"{OPS}:")
DECODED = {"vectors", "differences", "segments", "dataset", "marks", "totals"}


def stepped(config: str, before: str, after: str) -> str:
    assert before in config
    return config.replace(before, after)


@pytest.mark.parametrize(
    ("before", "after", "anew"),
    [
        ("tables:", "decode: {fps: 2}\ntables:", DECODED),
        ("tables:", "plan: {segment_s: 60}\ntables:", DECODED | {"notes"}),
        ("tables:", "measure: {label_score: 0.9}\ntables:", DECODED - {"vectors"}),
        ("Brightness: {}", "Brightness: {scale: 2}", {"vectors"}),
        ("Brightness: {}", "Brightness: {log: x}", set()),
        ("Listen: {}", "Listen: {language: de}", {"speech", "notes"}),
        ("Summarise: {}", "Summarise: {prompt: Say}", {"segments", "dataset", "marks", "totals"}),
        ("stride_s: 5", "stride_s: 6", {"marks", "totals"}),
        ("Judge: {engine", "Judge: {bonus: 1, engine", {"marks", "totals"}),
        ("tables:", "narrate: {section_s: 30}\ntables:", {"dataset", "marks", "totals"}),
        ("tables:", "caption: {language: French}\ntables:", set()),
        ("tables:", "resources: {decode: {actors: 3}}\ntables:", set()),
        ("tables:", "pools: {brightness: {actors: 3}}\ntables:", set()),
        ("Heard: {}", "Heard: {as: again}", set()),
        ("[videos, speech]", "[speech, videos]", set()),
        ("totals: {", "spare: {level: segment, steps: [decode, measure, caption]}\n  totals: {", {"spare"}),
    ],
)
def test_a_change_of_a_recipe_makes_just_the_tables_anew_that_depend_on_it(
    before: str, after: str, anew: set[str], tmp_path: Path
) -> None:
    def known(text: str) -> dict[str, str]:
        (tmp_path / "recipe.yaml").write_text(text)
        config = load_config(tmp_path / "recipe.yaml")
        specs = tables_of(config)
        return {name: digest(lineage(config, specs, name)) for name in specs}

    one, other = known(RECIPE), known(stepped(RECIPE, before, after))
    assert {name for name, key in other.items() if one.get(name) != key} == anew
