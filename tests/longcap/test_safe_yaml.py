"""YAML means the same whatever other libraries do to PyYAML."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from longcap.safe_yaml import YamlError, read

_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(_PLAIN)
def test_what_pyyaml_writes_is_read_back(value: object) -> None:
    assert read(yaml.safe_dump(value)) == value


def test_a_library_that_changes_pyyaml_changes_nothing_here() -> None:
    changes = (
        "import yaml\n"
        "constructors = yaml.SafeLoader.yaml_constructors\n"
        "{before}"
        "for tag in list(constructors): constructors[tag] = constructors['tag:yaml.org,2002:str']\n"
        "yaml.SafeLoader.add_constructor('tag:yaml.org,2002:value', lambda *_: 'changed')\n"
        "import longcap.safe_yaml\n"
        "print(repr(longcap.safe_yaml.read('[2001-02-03, 1, yes, 0.5, ~, a]')))\n"
    )
    for before in ("", "import longcap.safe_yaml\n"):
        done = subprocess.run(
            [sys.executable, "-c", changes.format(before=before)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == repr(["2001-02-03", 1, True, 0.5, None, "a"])


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: !!float x", 2, "'x' is not a value of type float"),
        ("!!bool x", 1, "'x' is not a value of type bool"),
        ("!!int ''", 1, "'' is not a value of type int"),
        ("0x_", 1, "'0x_' is not a value of type int"),
        ("a: " + "9" * 5_000, 1, "'" + "9" * 60 + "' is not a value of type int"),
        ("a: 1\n---\nb: 2", 2, "found another document"),
        ("!!binary aGk=", 1, "could not determine a constructor"),
        ("a: !!set {b}", 1, "could not determine a constructor"),
        ("!!timestamp 2001-01-01", 1, "could not determine a constructor"),
        ("=", 1, "could not determine a constructor"),
        ("!!python/object:os.system {}", 1, "could not determine a constructor"),
        ("[" * 20_000, None, "nested too deep"),
        (b"a: \xff", None, "unacceptable character"),
        (b"\xff\xfe\x00", None, "unacceptable character"),
    ],
)
def test_what_is_not_yaml_is_one_kind_of_error(text: str | bytes, line: int | None, says: str) -> None:
    with pytest.raises(YamlError, match=says.replace("'", ".")) as caught:
        read(text)
    assert caught.value.line == line
    assert "\n" not in str(caught.value)


def test_dates_are_text_and_all_values_are_those_of_json() -> None:
    text = "[2026-05-01, 2001-99-99, 2001-12-14t21:59:43.10-05:00, {2026-05-01: 1.5}, yes, ~]"
    value = ["2026-05-01", "2001-99-99", "2001-12-14t21:59:43.10-05:00", {"2026-05-01": 1.5}, True, None]
    assert read(text) == value == json.loads(json.dumps(read(text)))


def test_an_empty_text_is_none() -> None:
    assert read("") is None
