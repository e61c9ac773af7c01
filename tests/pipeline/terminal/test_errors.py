from __future__ import annotations

from pipeline.terminal.errors import RunFailed, UsageError, nearest


def test_nearest_is_a_tail_of_a_sentence() -> None:
    assert nearest("windw_s", ["window_s", "stride_s"]) == "; did you mean window_s?"
    assert nearest("Window_S", ["window_s"]) == "; did you mean window_s?"
    assert nearest("zzz", ["window_s"]) == "."
    assert nearest("zzz", []) == "."


def test_a_usage_error_is_a_value_error_and_a_failed_run_is_none() -> None:
    assert issubclass(UsageError, ValueError)
    assert not issubclass(RunFailed, ValueError)
