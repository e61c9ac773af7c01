from __future__ import annotations

import pytest

from cluster.exit_code import log_exit_code, reported


def test_a_driver_tells_its_code_and_others_keep_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    log_exit_code(3)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    log_exit_code(3)
    assert reported("a line\n" + capsys.readouterr().err) == 3


@pytest.mark.parametrize(
    ("log", "code"),
    [("", None), ("longcap: exit code 1\nlater\nlongcap: exit code 130\n", 130), ("said longcap: exit code 1\n", None)],
)
def test_the_last_code_of_a_log_counts(log: str, code: int | None) -> None:
    assert reported(log) == code
