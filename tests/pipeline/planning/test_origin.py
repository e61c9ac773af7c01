"""Settings that differ between two runs, as their stored configs say, and which configs made a dataset."""

from __future__ import annotations

from pathlib import Path

from operators.store.store import Store
from pipeline.config.load import load_config
from pipeline.config.tables import fingerprint
from pipeline.config.types import Config
from pipeline.config.values import dump_config
from pipeline.planning.origin import differences, makers_of, makers_text, settings_of
from tests.support import rows
from tests.support.outputs import CONFIG, commit_run, with_changes


def stored(tmp_path: Path, text: str) -> Store:
    store = Store(str(tmp_path / "out"))
    store.write_file("runs/r/config.yaml", text.encode())
    return store


def test_only_what_decides_captions_differs(tmp_path: Path) -> None:
    settings = settings_of(stored(tmp_path, dump_config(load_config())), "r")
    assert settings is not None and settings["plan.window_s"] == 10.0
    assert differences(settings, load_config()) == []
    sizes = ["caption.concurrency=2", "decode.no_progress_s=5", "run.flush_s=1", "resources.num_cpus=3"]
    assert differences(settings, load_config(None, [*sizes, "filter.motion.min=0.1", "sources.recursive=false"])) == []
    now = load_config(None, ["plan.window_s=8", "caption.frames=false", "plan.segment_s=60"])
    assert differences(settings, now) == [
        "plan.segment_s 120 -> 60",
        "plan.window_s 10 -> 8",
        "caption.frames true -> false",
    ]


def test_another_engine_is_told_by_its_kind_and_model(tmp_path: Path) -> None:
    settings = settings_of(stored(tmp_path, dump_config(load_config())), "r")
    assert settings is not None
    server = ["narrate.engine={kind: openai, model: big, base_url: 'http://h/v1'}"]
    assert differences(settings, load_config(None, server)) == [
        "narrate.engine measure -> openai",
        "narrate.engine.model null -> big",
    ]
    before = settings_of(stored(tmp_path / "2", dump_config(load_config(None, server))), "r")
    assert before is not None
    cheaper = ["narrate.engine={kind: openai, model: small, base_url: 'http://other/v1', max_concurrency: 2}"]
    assert differences(before, load_config(None, cheaper)) == ["narrate.engine.model big -> small"]


def test_a_stored_config_is_only_read_whatever_stands_in_it(tmp_path: Path) -> None:
    for text in ("", "[1]", "a: [", "!!python/object/apply:os.system [true]", "\xff\x00"):
        assert settings_of(stored(tmp_path, text), "r") is None
    assert settings_of(Store(str(tmp_path / "nowhere")), "r") is None
    settings = settings_of(stored(tmp_path, 'caption: {language: "\\e[2J", window_s: 10.0, gone: 1}'), "r")
    assert settings is not None
    said = differences(settings, load_config())
    assert r"caption.language \x1b[2J -> English" in said and "caption.gone 1 -> null" in said


def test_makers_are_counted_with_their_engines(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"))
    other = with_changes(caption={"window_s": 8.0})
    commit_run(store, [rows.video(v) for v in "ab"], run_id="20260101-a")
    commit_run(store, [rows.video("c")], other, run_id="20260102-b")
    found = makers_of(store)
    assert [(m.config, m.count, m.run_id) for m in found] == [
        (fingerprint(CONFIG), 2, "20260101-a"),
        (fingerprint(other), 1, "20260102-b"),
    ]
    assert makers_text(found).startswith("its long captions were made by 2 configs: 2 by ")
    assert "captioner measure, narrator measure, run 20260102-b" in makers_text(found)
    one, two = (m.config.split("-") for m in found)
    assert one[0] != two[0] and one[1] == two[1], "the narrator is the same"


TABLES = """
tables:
  segments: {{steps: [decode, measure, {{caption: {{tries: {tries}, concurrency: {size}}}}}]}}
  dataset: {{from: [segments, titles], steps: [narrate]}}
  titles: {{level: video, steps: [{{"tests.support.operators:Entitle": {{log: "{log}"}}}}]}}
  other: {{level: segment, steps: [decode, measure, {{caption: {{as: b, tries: {other}}}}}]}}
"""


def test_steps_of_tables_that_captions_are_made_from_differ_by_their_options(tmp_path: Path) -> None:
    def config(**values: object) -> Config:
        given = {"tries": 3, "size": 1, "log": "", "other": 3} | values
        (tmp_path / "c.yaml").write_text(TABLES.format(**given))
        return load_config(tmp_path / "c.yaml")

    before = settings_of(stored(tmp_path, dump_config(config())), "r")
    assert before is not None
    assert differences(before, config(size=7, log="/log", other=5)) == [], "sizes, and a table beside"
    assert differences(before, config(tries=5)) == ["tables.segments.steps.caption.tries 3 -> 5"]
    plain = differences(before, load_config())
    assert "tables.segments.steps decode, measure, caption -> null" in plain
