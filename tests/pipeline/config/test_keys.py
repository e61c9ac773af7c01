"""Keys of the shipped recipes, pinned: a release that changes one of them captions every finished video again."""

from __future__ import annotations

import pytest

from operators.keys import caption_key, narrator_key, source_key, video_key
from pipeline.config.load import load_config
from pipeline.config.types import Config, captioner, fingerprint, segment_operators, video_operators

SOURCE = ("6118f8ee2ee89938", "1024-1700000000")
SERVER = "engine={kind: openai, model: m, base_url: 'https://host/v1', api_key_env: null}"


def captions(config: Config) -> str:
    return caption_key(*SOURCE, config.plan.segment_s, segment_operators(config))


def test_the_keys_of_the_default_recipe_do_not_change() -> None:
    """Where this fails, raise an operator's version and say so in the changelog, or keep the keys."""
    config = load_config()
    narrator = narrator_key(video_operators(config))
    assert source_key(*SOURCE) == "e2b13a37f105b419"
    assert captions(config) == "e142818b24101bca"
    assert narrator == "67651d85f3e0286e"
    assert video_key(captions(config), range(3), narrator) == "eca6cf69ec9960f8"
    assert fingerprint(config) == "793d4de8-67651d85"


def test_the_keys_of_the_recipe_with_models_do_not_change() -> None:
    config = load_config("longcaption", [f"caption.{SERVER}", f"narrate.{SERVER}"])
    assert captions(config) == "4bd14b6e31907a66"
    assert narrator_key(video_operators(config)) == "391a8c761675b69a"
    assert fingerprint(config) == "cd6f2eb2-391a8c76"


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
