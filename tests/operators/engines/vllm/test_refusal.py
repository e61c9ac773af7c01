"""Why a boot failed, and whether the next one can end differently."""

from __future__ import annotations

import pytest

from operators.engines.vllm.alive import EngineDied
from operators.engines.vllm.refusal import advice, is_final, last_words

POINTS = RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}")
PREFIX = "(EngineCore pid=123) ERROR 11-28 22:48:39 [core.py:700]"
BEGINS = f"{PREFIX} EngineCore failed to start.\n{PREFIX} Traceback (most recent call last):\n"


def test_the_words_are_the_exceptions_without_their_wrapping() -> None:
    wrapped = ValueError(
        "1 validation error for ModelConfig\n  Value error, Model architectures ['X'] are not supported for now. "
        "[type=value_error, input_value=ArgsKwargs(()), input_type=ArgsKwargs]\n"
        "    For further information visit https://errors.pydantic.dev/2.12/v/value_error"
    )
    assert last_words(wrapped, "") == "ValueError: Model architectures ['X'] are not supported for now."
    hub = OSError(
        "We couldn't connect to 'https://hub' to load the files.\nCheck your internet connection or see how to run the "
        "library in offline mode at 'https://hub/docs'."
    )
    assert last_words(hub, "") == "OSError: We couldn't connect to 'https://hub' to load the files."
    assert last_words(KeyError(), "") == "KeyError"
    assert len(last_words(ValueError("word " * 500), "")) < 320


def test_an_exception_of_the_engines_process_is_read_from_its_log() -> None:
    log = (
        "ImportError: an optional kernel is missing\n"
        f"{BEGINS}{PREFIX} ValueError: no kernel for this head size\n"
        "RuntimeError: Engine core initialization failed. See root cause above.\n"
    )
    assert last_words(POINTS, log) == "ValueError: no kernel for this head size"
    # a process that was killed says nothing: what was logged before is not the reason
    assert "initialization failed" in last_words(POINTS, "ImportError: an optional kernel is missing\n")


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (ValueError("Model architectures ['X'] are not supported"), True),
        (OSError("nosuch is not a local folder"), True),
        (KeyError("rope_theta"), True),
        (POINTS, False),
        (EngineDied("the engine's process ended"), False),
        (TimeoutError("no answer to a first request in 600 s"), False),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), False),
        (ValueError("No available memory for the cache blocks"), False),
        (MemoryError(), False),
    ],
)
def test_what_settings_and_files_cause_stays_and_the_rest_may_pass(error: Exception, final: bool) -> None:
    assert is_final(error, last_words(error, "")) is final


def test_a_lack_of_memory_comes_with_what_to_lower() -> None:
    assert "gpu_memory_utilization" in advice("torch.OutOfMemoryError: CUDA out of memory")
    assert advice("ValueError: no such model") == ""
