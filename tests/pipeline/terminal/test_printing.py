from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.core.text import printable
from pipeline.cli.main import main
from pipeline.monitoring.progress import Progress
from pipeline.terminal.printing import echo, echo_json, json_text, without_colours

NASTY = "a\x1b]0;title\x07\x1b[2J\x9b2J\x7f\u202egpj.exe\rb"


def obeyed(text: str) -> list[str]:
    """The characters of `text` that a terminal would act on, line breaks aside."""
    return [c for c in text if c != "\n" and printable(c) != c]


def test_nothing_that_a_terminal_obeys_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    echo(f"{NASTY}\nnext")
    echo(NASTY, err=True)
    echo_json({NASTY: [NASTY]})
    said = capsys.readouterr()
    assert not obeyed(said.out + said.err)
    assert said.err == "a\\x1b]0;title\\x07\\x1b[2J\\x9b2J\\x7f\\u202egpj.exe\\x0db\n"


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_reads_back_as_the_same_value(value: object) -> None:
    assert json.loads(json_text(value)) == value


def test_json_stays_readable_and_carries_what_is_no_text() -> None:
    assert json_text("é — 中 👩\u200d👧", indent=None) == '"é — 中 👩\u200d👧"'
    assert json_text(["\x9b\u202e", "\U000e0001"], indent=None) == '["\\u009b\\u202e", "\\udb40\\udc01"]'
    assert json_text("\ud800\x7f") == '"\\ud800\\u007f"'


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", f"/nowhere/{NASTY}"],
        ["run", f"/nowhere/{NASTY}.mp4", "-o", "/tmp/x"],
        ["failures", "/nowhere", "--class", NASTY],
        ["status", "https://me:s3cr3t@127.0.0.1:1/x?token=s3cr3t"],
        ["config", "--set", f"caption.{NASTY}=1"],
        [f"x{NASTY}"],
    ],
)
def test_errors_spell_out_names_and_leave_out_secrets(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) in (1, 2)
    said = capsys.readouterr().err
    assert said and not obeyed(said) and "s3cr3t" not in said


def test_progress_lines_spell_out_names(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_s=60, stall_s=60)
    progress.say(f"lost {NASTY} of https://me:s3cr3t@h/v.mp4")
    progress.close()
    said = capsys.readouterr().err
    assert not obeyed(said) and "https://me@h/v.mp4" in said


def test_a_config_is_printed_without_what_is_secret(capsys: pytest.CaptureFixture[str]) -> None:
    engine = "{kind: openai, model: m, base_url: 'https://me:s3cr3t@h/v1?key=s3cr3t', api_key_env: s3cr3t-key}"
    assert main(["config", "--set", f"caption.engine={engine}"]) == 0
    engine = "{kind: openai, model: m, extra_body: {api_key: s3cr3t0123456789abcd}}"
    assert main(["config", "--set", f"narrate.engine={engine}"]) == 0
    said = capsys.readouterr()
    assert "https://me@h/v1" in said.out and "s3cr3t" not in said.out + said.err


def test_colours_of_a_log_go() -> None:
    assert without_colours("\x1b[36m(pid=1)\x1b[0m text") == "(pid=1) text"
