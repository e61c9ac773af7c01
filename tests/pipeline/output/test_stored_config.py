from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from operators.store.store import Store
from pipeline.config.load import load_config
from pipeline.config.types import Config
from pipeline.config.values import config_to_dict, dump_config
from pipeline.output.stored_config import risks, stored_config, stored_inputs
from pipeline.terminal.errors import UsageError

OPENAI = {
    "kind": "openai",
    "model": "m",
    "base_url": "https://thief.example/v1",
    "api_key_env": "AWS_SECRET_ACCESS_KEY",
}


def no(_: str) -> bool:
    return False


def store(folder: Path, changes: dict[str, Any] | str, inputs: object = ("/v",)) -> Store:
    """An output with one run, `r`, whose config has `changes` (section -> fields), or is that text."""
    values = config_to_dict(Config())
    if isinstance(changes, dict):
        for section, fields in changes.items():
            values[section] |= fields
    found = Store(str(folder))
    found.write_file("runs/r/config.yaml", (changes if isinstance(changes, str) else yaml.safe_dump(values)).encode())
    found.write_file("runs/r/asked.json", json.dumps({"run_id": "r", "inputs": inputs}).encode())
    return found


def refusal(found: Store, *overrides: str) -> str:
    with pytest.raises(UsageError) as caught:
        stored_config(found, "r", overrides, no)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_config_that_sends_nothing_needs_no_word(tmp_path: Path) -> None:
    config = load_config("measure", ["plan.window_s=20", "plan.segment_s=40", "run.max_failed=1"])
    found = store(tmp_path, dump_config(config))
    assert stored_config(found, "r", [], no) == config
    assert stored_config(found, "r", ["run.max_failed=0.5"], no).run.max_failed == 0.5


def test_where_an_engine_sends_what_is_only_taken_from_what_is_said_now(tmp_path: Path) -> None:
    found = store(tmp_path, {"caption": {"engine": OPENAI}})
    said = refusal(found)
    assert "caption.engine.base_url is https://thief.example/v1" in said and "AWS_SECRET_ACCESS_KEY" in said
    assert "-c CONFIG" in said and "--set caption.engine.base_url=… --set caption.engine.api_key_env=…" in said
    own = ["caption.engine.base_url=http://localhost:1/v1", "caption.engine.api_key_env=MY_KEY"]
    assert "api_key_env is AWS" in refusal(found, own[0]) and "base_url is https" in refusal(found, own[1])
    engine: Any = stored_config(found, "r", own, no).caption.engine
    assert (engine.base_url, engine.api_key_env, engine.model) == ("http://localhost:1/v1", "MY_KEY", "m")
    whole = ["caption.engine={kind: openai, model: n, base_url: 'http://localhost:1/v1', api_key_env: MY_KEY}"]
    assert stored_config(found, "r", whole, no).caption.engine.model_id == "n"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"narrate": {"engine": OPENAI}}, "narrate.engine.base_url"),
        ({"caption": {"engine": {"kind": "openai", "model": "m"}}}, "caption.engine"),
        ({"caption": {"engine": "openai"}}, "caption.engine"),
        ({"caption": {"engine": {"kind": "openai", "extra_body": {"a": 1}}}}, "caption.engine.extra_body"),
        ({"caption": {"engine": {"kind": "vllm", "model": "/tmp/theirs"}}}, "caption.engine.model"),
        (
            {"caption": {"engine": {"kind": "vllm", "model": "m", "engine_args": {"trust_remote_code": True}}}},
            "caption.engine.engine_args",
        ),
        (
            {"caption": {"engine": {"kind": "transformers", "model": "m", "trust_remote_code": True}}},
            "caption.engine.trust_remote_code",
        ),
        (
            {"caption": {"engine": {"kind": "transformers", "model": "m", "adapter": "thiefs:load"}}},
            "caption.engine.adapter",
        ),
        ({"caption": {"engine": "thiefs_module:Engine"}}, "caption.engine"),
        ({"caption": {"engine": {"kind": "thiefs_module:Engine"}}}, "caption.engine"),
        ({"caption": {"window_prompt": "/home/me/.ssh/id_rsa"}}, "caption.window_prompt"),
        ({"narrate": {"video_prompt": "theirs.j2"}}, "narrate.video_prompt"),
        ({"narrate": {"repair_prompt": "/home/me/.ssh/id_rsa"}}, "narrate.repair_prompt"),
        ({"narrate": {"embedding_model": "/tmp/theirs"}}, "narrate.embedding_model"),
        ({"narrate": {"entailment": "/tmp/theirs"}}, "narrate.entailment"),
        ({"recipe": {"segment": ["decode", "measure", "caption", "thiefs_module:Step"]}}, "recipe.segment"),
        ({"decode": {"shots": "transnetv2", "shots_weights": "/tmp/theirs.pt"}}, "decode.shots_weights"),
        (
            {"names": {"engine": OPENAI}, "recipe": {"video": ["names", "narrate"]}},
            "names.engine.base_url",
        ),
    ],
)
def test_what_sends_loads_or_reads_is_refused(
    changes: dict[str, Any], key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thiefs_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert key in refusal(store(tmp_path / "out", changes))
    assert "thiefs_module" not in sys.modules


def test_every_field_that_names_a_file_is_known() -> None:
    """A field that came later and was forgotten here would be taken from anybody's output."""
    config = Config()
    for section in ("decode", "measure", "caption", "names", "narrate"):
        for field in fields(getattr(config, section)):
            hint = get_type_hints(type(getattr(config, section)), include_extras=True)[field.name]
            says = " ".join(m.description or "" for m in getattr(hint, "__metadata__", ()) if hasattr(m, "description"))
            if re.search(r"\b(path to|path of|folder with|path)\b", says):
                assert [r.key for r in risks({section: {field.name: "/x"}})] == [f"{section}.{field.name}"], says


def test_a_yes_at_a_terminal_is_as_good_as_saying_it(tmp_path: Path) -> None:
    asked: list[str] = []

    def yes(text: str) -> bool:
        asked.append(text)
        return True

    engine: Any = stored_config(store(tmp_path, {"caption": {"engine": OPENAI}}), "r", [], yes).caption.engine
    assert engine.base_url == OPENAI["base_url"]
    assert "https://thief.example/v1" in asked[0] and "AWS_SECRET_ACCESS_KEY" in asked[0]


@pytest.mark.parametrize("text", ["extends: /etc/other.yaml", "- a", "a: [", "!!python/object/apply:os.system [id]"])
def test_what_no_run_has_written_is_one_line(text: str, tmp_path: Path) -> None:
    assert "-c CONFIG" in refusal(store(tmp_path, text))


def test_escape_sequences_of_a_stored_config_are_spelled_out(tmp_path: Path) -> None:
    engine = OPENAI | {"base_url": "https://thief.example/\x1b[2K\x1b[1Gv1"}
    assert "\x1b" not in refusal(store(tmp_path, {"caption": {"engine": engine}}))


@pytest.mark.parametrize("inputs", [[], [1], None, "text", {}])
def test_damaged_inputs_are_one_line(inputs: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--input"):
        stored_inputs(store(tmp_path, {}, inputs), "r")


def test_a_run_is_looked_for_in_the_output_alone(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("{}\n")
    with pytest.raises(UsageError, match="does not exist"):
        stored_config(store(tmp_path / "out", {}), "../..", [], no)
