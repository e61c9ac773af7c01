from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from operators.caption.caption import Caption
from operators.core.fingerprint import identity
from operators.video.decode import Decode
from pipeline.config.load import load_config, recipes
from pipeline.config.types import Config, PlanOptions, PoolResources, Recipe, Resources, RunOptions, SourceOptions
from pipeline.config.values import checked, config_from_dict, config_to_dict, dump_config
from pipeline.terminal.errors import UsageError

_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
_positive = st.floats(1e-6, 1e9)
_configs = st.builds(
    lambda sources, run, resources, caption, recipe: replace(
        Config(), sources=sources, run=run, resources=resources, caption=caption, recipe=recipe
    ),
    sources=st.builds(
        SourceOptions,
        suffixes=st.lists(st.from_regex(r"|\.?\w{1,5}", fullmatch=True), max_size=4).map(tuple),
        recursive=st.booleans(),
        uri_column=_text,
        id_column=st.none() | _text,
        metadata_columns=st.just("*") | st.lists(_text, max_size=3).map(tuple),
    ),
    run=st.builds(
        RunOptions,
        schedule=st.sampled_from(["auto", "streaming", "phased"]),
        max_failed=st.floats(0, 1),
        log_every_s=_positive,
        drain_s=_positive,
    ),
    resources=st.builds(
        Resources,
        decode=st.builds(
            PoolResources,
            actors=st.none() | st.integers(1, 10_000),
            num_cpus=st.none() | st.floats(0, 512),
            num_gpus=st.floats(0, 8),
            memory_bytes=st.none() | st.integers(2**20, 2**50),
        ),
    ),
    caption=st.builds(
        lambda tries, lang: replace(Config().caption, tries=tries, language=lang), st.integers(1, 10), _text
    ),
    recipe=st.builds(Recipe, segment=st.lists(_text, max_size=3).map(tuple)),
)


@given(_configs)
def test_what_is_dumped_loads_back_equal(config: Config) -> None:
    assert config_from_dict(yaml.safe_load(dump_config(config))) == config
    assert config_from_dict(config_to_dict(config)) == config


def _file(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_config_built_in_python_is_checked_as_a_file_is() -> None:
    config = replace(Config(), caption=Caption(engine="measure", window_s=20, stride_s=5))  # type: ignore[arg-type]
    assert checked(config) == load_config(None, ["plan.window_s=20"])
    with pytest.raises(UsageError, match=r"decode\.fps is -1\.0; it must be a number above 0"):
        checked(replace(Config(), decode=Decode(fps=-1)))
    with pytest.raises(UsageError, match=r"caption\.tries is 'x'; it must be a whole number"):
        checked(replace(Config(), caption=Caption(tries="x")))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="make no grid"):
        checked(replace(Config(), plan=PlanOptions(segment_s=7)))


def test_the_default_recipe_says_what_the_types_say() -> None:
    assert load_config() == load_config("measure") == Config()


def test_the_shipped_configs_load() -> None:
    assert "measure" in recipes()
    root = Path(__file__).parents[3] / "configs"
    over = {name for name in recipes() if "done." in (root / "recipes" / f"{name}.yaml").read_text("utf-8")}
    assert over, "some are made over a finished output, which has to be named"
    for name in recipes():
        load_config(name, *(["inputs.done=elsewhere"] if name in over else []))
    demo = load_config(root / "demo.yaml")
    assert demo.plan.segment_s < Config().plan.segment_s


def test_a_dump_on_disk_is_a_config_file(tmp_path: Path) -> None:
    config = load_config(None, ["plan.window_s=20", "run.schedule=phased"])
    assert load_config(_file(tmp_path, "a.yaml", dump_config(config))) == config


def test_extends_merges_mappings_replaces_lists_and_is_relative_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    _file(tmp_path, "base.yaml", "extends: measure\ncaption: {window_s: 20, tries: 5}\nsources: {suffixes: [.a, .b]}\n")
    _file(tmp_path / "sub", "top.yaml", "extends: ../base.yaml\ncaption:\n  tries: 7\nsources: {suffixes: [.c]}\n")
    monkeypatch.chdir(tmp_path)
    config = load_config("sub/top.yaml", ["caption.tries=9"])
    assert (config.caption.window_s, config.caption.tries, config.sources.suffixes) == (20.0, 9, (".c",))


def test_an_engine_of_another_kind_keeps_no_field_of_the_one_below(tmp_path: Path) -> None:
    kind = "tests.operators.engines.test_registry:Loud"
    base = _file(tmp_path, "base.yaml", f"caption: {{engine: {{kind: '{kind}', volume: 9}}}}\n")
    assert load_config(base, ["caption.engine.tags=[x]"]).caption.engine == load_config(
        base, [f"caption.engine={{kind: '{kind}', volume: 9, tags: [x]}}"]
    ).caption.engine  # fmt: skip
    top = _file(tmp_path, "top.yaml", "extends: ./base.yaml\ncaption: {engine: {kind: measure}}\n")
    assert load_config(top).caption.engine == Config().caption.engine
    short = _file(tmp_path, "short.yaml", f"caption: {{engine: '{kind}'}}\n")
    assert load_config(short, ["caption.engine.volume=2"]) == load_config(base, ["caption.engine.volume=2"])


def test_measured_cells_follow_the_windows_unless_they_are_set() -> None:
    assert load_config(None, ["plan.stride_s=4"]).measure.cell_s == 4.0
    with pytest.raises(UsageError, match=r"measure\.cell_s is 5\.0 and plan\.stride_s is 4\.0"):
        load_config(None, ["plan.stride_s=4", "measure.cell_s=5"])


def test_a_section_left_blank_is_its_defaults(tmp_path: Path) -> None:
    assert load_config(_file(tmp_path, "a.yaml", "caption:\n  # nothing yet\nrun: {}\n")) == Config()
    assert load_config(_file(tmp_path, "b.yaml", "# nothing at all\n")) == Config()


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("plan.window_s=8", lambda c: c.plan.window_s == 8.0),
        ("plan.window_s=1e1", lambda c: c.plan.window_s == 10.0),  # YAML 1.1 reads 1e1 as text
        ("resources.decode.actors=null", lambda c: c.resources.decode.actors is None),
        ("resources.decode.actors=3", lambda c: c.resources.decode.actors == 3),
        ("sources.recursive=no", lambda c: c.sources.recursive is False),
        ("sources.suffixes=[.mp4, '']", lambda c: c.sources.suffixes == (".mp4", "")),
        ("caption.language=a=b", lambda c: c.caption.language == "a=b"),
        ("sources={recursive: false, uri_column: path}", lambda c: c.sources.uri_column == "path"),
    ],
)
def test_set_reads_yaml(override: str, value: object) -> None:
    assert callable(value)
    assert value(load_config(None, [override]))


def test_the_last_set_wins() -> None:
    assert load_config(None, ["caption.tries=2", "caption.tries=4"]).caption.tries == 4


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("caption.windw_s=8", ["caption.windw_s is not a known key", "did you mean window_s?", "Known here: engine,"]),
        ("capton.window_s=8", ["capton is not a known key", "did you mean caption?"]),
        ("resources.decode.actor=1", ["resources.decode.actor is not", "did you mean actors?"]),
        ("caption.window_s=-3", ["plan.window_s is -3 (--set caption.window_s)", "a number above 0"]),
        ("plan.window_s=ten", ["plan.window_s is 'ten'", "a number above 0"]),
        ("plan.window_s=yes", ["plan.window_s is true", "a number above 0"]),
        ("caption.tries=yes", ["caption.tries is true", "a whole number at least 1"]),
        ("plan.window_s=.inf", ["plan.window_s is inf", "a number above 0"]),
        ("caption.tries=1.5", ["caption.tries is 1.5", "a whole number at least 1 and at most 10"]),
        ("run.schedule=phasd", ["run.schedule is 'phasd'", "one of auto, streaming, phased"]),
        ("run.max_failed=20", ["run.max_failed is 20", "at least 0 and at most 1"]),
        ("run.schedule=null", ["run.schedule is null", "one of auto, streaming, phased"]),
        ("resources.decode.actors=0", ["a whole number at least 1, or null"]),
        ("sources.suffixes=.mp4", ["sources.suffixes is '.mp4'", "a list, each text"]),
        ("plan.segment_s=1e300", ["plan.segment_s is '1e300'", "above 0 and at most 1000000000"]),
        ("plan.stride_s=1e-300", ["plan.stride_s is '1e-300'", "a number at least 0.01"]),
        ("sources.suffixes=['*.mp4']", ["suffixes contains '*.mp4'; a suffix is like .mp4"]),
        ("sources.suffixes=[tar.gz]", ["suffixes contains 'tar.gz'; a suffix is like .mp4"]),
        ("sources.suffixes=[1]", ["sources.suffixes is [1]", "a list, each text"]),
        ("sources.metadata_columns=5", ['a list, each text, or "*"']),
        ("caption=5", ["caption is 5", "a mapping with engine, window_s"]),
        ("caption.engine=measur", ["caption.engine (--set caption.engine)", "did you mean measure?"]),
        (
            "caption.engine=vllm",
            ["caption.engine=vllm names a kind of engine but no model (--set caption.engine)"],
        ),
        ("caption.engine.kind=openai", ["caption.engine=openai names a kind of engine but no model", "engine.model=…"]),
        ("caption.engine={kind: vllm}", ["caption.engine=vllm names a kind of engine but no model"]),
        ("caption.engine=vlm", ["did you mean vllm? Known: measure, openai, ", "or package.module:ClassName"]),
        ("caption.engine.wrods=5", ["wrods is not a known key of engine measure"]),
        (
            "caption.engine={kind: 'tests.operators.engines.test_registry:Loud', volume: 12}",
            ["caption.engine.volume is 12", "a whole number at least 1 and at most 11"],
        ),
        ("plan.window_s", ["not of the form section.key=VALUE"]),
        ("=3", ["not of the form section.key=VALUE"]),
        ("caption.tries=[1", ["is not YAML"]),
        ("caption.engine=\x1b[31m", ["is not YAML: unacceptable character"]),
        (f"caption.engine={'[' * 20_000}", ["is not YAML: it is nested too deep", "[[['..."]),
        ("caption.language=!!int x", ["is not YAML: 'x' is not a value of type int"]),
    ],
)
def test_a_wrong_set_is_one_line_that_says_what_is_allowed(override: str, says: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(None, [override])
    message = str(caught.value)
    assert "\n" not in message
    for jargon in ("pydantic", "Input should", "validation error", "type="):
        assert jargon not in message
    for part in says:
        assert part in message


def test_every_wrong_key_of_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.yaml", "caption:\n  tries: 0\n  window_s: -1\nrun:\n  schedule: fast\n")
    with pytest.raises(UsageError) as caught:
        load_config(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    for line, number in zip(lines, (2, 3, 5), strict=True):
        assert f"({path} line {number})" in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("caption: [1, 2", ["a.yaml line 1 is not YAML"]),
        ("- 1\n", ["a.yaml holds [1]", "a mapping of sections"]),
        ("caption: {tries: 2}\nrun: {}\ncaption: {tries: 3}\n", ["caption appears twice", "line 1", "line 3"]),
        ("caption:\n  windw_s: 3\n", ["caption.windw_s", "a.yaml line 2"]),
        ("extends: measrue\n", ["a.yaml extends measrue", "did you mean measure?"]),
        ("extends: ./a.yaml\n", ["in a circle"]),
        ("extends: ./gone.yaml\n", ["a.yaml extends ./gone.yaml", "no config file"]),
        ("extends: [measure]\n", ["extends is ['measure']", "a recipe's name or a path"]),
        ("caption: !!python/object:os.system {}\n", ["not YAML"]),
        ('caption: {language: "\x1b[31m"}\n', ["a.yaml is not YAML: unacceptable character"]),
        ("caption: " + "[" * 20_000, ["a.yaml is not YAML: it is nested too deep"]),
        ("caption: {language: !!int x}\n", ["a.yaml line 1 is not YAML: 'x' is not a value of type int"]),
        ("decode: {fps: 2026-05-01}\n", ["decode.fps is '2026-05-01'", "a.yaml line 1); it must be a number"]),
    ],
)
def test_a_file_that_is_no_config_is_one_line(tmp_path: Path, text: str, says: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(_file(tmp_path, "a.yaml", text))
    for part in says:
        assert part in str(caught.value)


def test_a_missing_file_names_the_one_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _file(tmp_path, "mine.yaml", "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"no config file ./mnie\.yaml; did you mean mine\.yaml\?"):
        load_config("./mnie.yaml")
    with pytest.raises(UsageError, match=r"'measur' is no recipe; did you mean measure\?"):
        load_config("measur")
    _file(tmp_path, "plain", "run: {schedule: phased}\n")
    with pytest.raises(UsageError, match=r"write \./plain"):
        load_config("plain")
    assert load_config("./plain").run.schedule == "phased"


def test_the_grids_keys_are_read_where_they_stood_before(tmp_path: Path) -> None:
    old = _file(tmp_path, "old.yaml", "caption: {window_s: 20, stride_s: 10}\n")
    config = load_config(old)
    assert (config.plan.window_s, config.plan.stride_s, config.measure.cell_s) == (20.0, 10.0, 10.0)
    assert config == load_config(None, ["plan.window_s=20", "plan.stride_s=10"]) == checked(config)
    assert (config.caption.window_s, config.caption.stride_s) == (20.0, 10.0), "the captioner is told"
    assert load_config(old, ["plan.window_s=30"]).caption.window_s == 30.0, "the later one counts"
    assert "window_s" not in config_to_dict(config)["caption"]
    both = _file(tmp_path, "both.yaml", "caption: {window_s: 20}\nplan: {window_s: 30}\n")
    with pytest.raises(UsageError, match=r"plan\.window_s is 30 and caption\.window_s is 20: leave caption\.window_s"):
        load_config(both)
    python = replace(Config(), plan=PlanOptions(window_s=20.0), caption=replace(Config().caption, window_s=30.0))
    with pytest.raises(UsageError, match="leave caption"):
        checked(python)


def test_a_named_engine_stands_for_its_mapping_and_names_the_pool_of_a_step(tmp_path: Path) -> None:
    tables = "tables: {other: {level: segment, steps: [decode, measure, {caption: {as: b, engine: mine}}]}}\n"
    path = _file(tmp_path, "named.yaml", "engines: {mine: {kind: measure}}\ncaption: {engine: mine}\n" + tables)
    config = load_config(path)
    assert config.caption.engine == Config().caption.engine
    from pipeline.config.tables import tables_of

    *_, step = tables_of(config)["other"].steps
    assert (step.name, step.pool) == ("b", "mine") and step.engine == config.engines["mine"]  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"pools\.mien: no step runs in a pool of that name; did you mean mine\?"):
        load_config(path, ["pools.mien.actors=2"])
    with pytest.raises(UsageError, match=r"pools\.caption: what this pool takes stands in resources\.caption"):
        load_config(path, ["pools.caption.actors=2"])
    assert load_config(path, ["pools.mine.actors=2"]).pools["mine"].actors == 2


def test_earlier_names_are_still_read_and_keep_their_fingerprints() -> None:
    engine = {"kind": "openai", "model": "m", "base_url": "http://there/v1"}
    old = [f"caption.engine={json.dumps({**engine, 'picture_detail': 'low'})}", "narrate.untold=fail"]
    new = [f"caption.engine={json.dumps({**engine, 'frame_detail': 'low'})}", "narrate.fallback=fail"]
    config = load_config(None, new)
    assert load_config(None, old) == config and config.narrate.fallback == "fail"
    assert identity(config.narrate)["untold"] == "fail" and "fallback" not in identity(config.narrate)
    assert identity(config.caption)["engine"]["picture_detail"] == "low"
    with pytest.raises(UsageError, match="narrate: untold is the earlier name of fallback, and both are given"):
        load_config(None, [*old, "narrate.fallback=captions"])
