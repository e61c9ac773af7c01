from __future__ import annotations

from pipeline.terminal.errors import RunFailed, UsageError


def test_a_usage_error_is_a_value_error_and_a_failed_run_is_none() -> None:
    assert issubclass(UsageError, ValueError)
    assert not issubclass(RunFailed, ValueError)
