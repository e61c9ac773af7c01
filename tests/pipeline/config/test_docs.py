from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config.docs import allowed, defaults_yaml, fill_page, hints_of, schema_json
from pipeline.config.load import load_config
from pipeline.config.types import Config, PlanOptions
from pipeline.config.values import config_from_dict, config_to_dict

PAGE = Path(__file__).parents[3] / "docs" / "config.md"


def _keys(values: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if not isinstance(values, dict):
        return {path}
    return {deeper for key, value in values.items() for deeper in _keys(value, (*path, key))}


def test_the_commented_defaults_load_as_they_are_and_leave_nothing_out() -> None:
    values = yaml.safe_load(defaults_yaml())
    assert config_from_dict(values) == Config()
    assert _keys(values) == _keys(config_to_dict(Config()))


def test_every_key_says_what_it_means() -> None:
    above = ""
    for line in defaults_yaml().splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("#") and line.startswith("  ") and not stripped.endswith((":", "]")):
            in_engine = stripped.startswith("kind:")
            assert above.startswith("#") or in_engine, f"nothing is said about {stripped}"
        above = stripped


def test_limits_and_units_stand_in_the_comments() -> None:
    text = " ".join(defaults_yaml().replace("#", " ").split())
    assert "length of a window in s; 10 in LongCaption-Agent [a number above 0]" in text
    assert "[one of auto, streaming, phased]" in text
    assert "(changes no output)" in text


def test_the_schema_takes_the_shipped_configs_and_refuses_unknown_keys() -> None:
    schema = json.loads(schema_json())
    assert set(schema["properties"]) == {"extends", *(f.name for f in fields(Config))}
    assert schema["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values() if "properties" in part)
    plan = schema["$defs"]["PlanOptions"]["properties"]["segment_s"]
    assert (plan["exclusiveMinimum"], plan["default"]) == (0, 120.0)
    assert "multiple of stride_s" in plan["description"]


def test_a_validator_agrees_with_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (Ray brings it)")
    check = jsonschema.Draft202012Validator(json.loads(schema_json()))
    for path in (PAGE.parents[1] / "configs").rglob("*.yaml"):
        assert check.is_valid(yaml.safe_load(path.read_text())), path
    assert check.is_valid(json.loads(json.dumps(config_to_dict(Config()))))
    wrongs: list[dict[str, Any]] = [
        {"capton": {}},
        {"caption": {"windw_s": 1}},
        {"run": {"schedule": "fast"}},
        {"plan": {"segment_s": 0}},
    ]
    for wrong in wrongs:
        assert not check.is_valid(wrong), wrong


def test_allowed_speaks_of_every_field_in_words() -> None:
    assert allowed(hints_of(PlanOptions)["segment_s"]) == "a number above 0 and at most 1000000000"
    for f in fields(Config):
        if not is_dataclass(getattr(Config(), f.name)):
            continue
        for name, hint in hints_of(type(getattr(Config(), f.name))).items():
            assert "typing" not in allowed(hint), name
            assert "<class" not in allowed(hint), name


def test_the_page_holds_the_defaults_of_the_types() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert fill_page(page) == page, "docs/config.md is behind: python -m pipeline.config.docs docs/config.md"
    with pytest.raises(ValueError, match="no block"):
        fill_page("# A page\n")


def test_the_pages_examples_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = PAGE.read_text(encoding="utf-8").split("```yaml\n")[1:]
    assert len(examples) >= 2
    for number, example in enumerate(examples):
        path = tmp_path / f"{number}.yaml"
        path.write_text(example.partition("```")[0])
        load_config(path)
