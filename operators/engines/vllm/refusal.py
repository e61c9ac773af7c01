"""The reason why vLLM does not boot, from its exception or log, and whether a retry may succeed."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from operators.engines.vllm.alive import EngineDied

_WORDS = 300  # characters of vLLM's that a message holds
_TAIL_BYTES = 2**20

_POINTS_ELSEWHERE = re.compile(r"initialization failed|See root cause above", re.I)
_BEGINS = "failed to start"  # vLLM's log of an exception in the engine's process; a killed one logs nothing
_RAISED = re.compile(r"(?:^|[\])] ?)(?P<said>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt): .+)$")
_HINTS = re.compile(r"^(?:For further information|\d+ validation errors? for)|^Check your internet connection")
_MEMORY = re.compile(
    r"out of memory|OutOfMemory|MemoryError|No available memory|Free memory on device|cannot allocate memory"
    r"|larger than the available KV cache|Available KV cache memory",
    re.I,
)
_CHANGES = (EngineDied, TimeoutError, ConnectionError, MemoryError)


class Log:
    """The output of this process and its children to standard error from now on, if that is a file.

    Ray gives every worker such a file. vLLM's engine runs in a child process whose exceptions appear only there.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        self._start = 0
        with suppress(OSError):
            status = os.fstat(2)
            if stat.S_ISREG(status.st_mode):
                self.path, self._start = Path("/proc/self/fd/2").readlink(), status.st_size

    def text(self) -> str:
        """The output, at most its last megabyte."""
        if self.path is None:
            return ""
        try:
            with self.path.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(self._start, file.tell() - _TAIL_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""


def last_words(error: BaseException, log: str) -> str:
    """The error of a failed boot on one line: the exception, or the one in the log that it refers to."""
    said = plain(error)
    if not _POINTS_ELSEWHERE.search(said):
        return said
    _, _, failed = log.partition(_BEGINS)
    raised = [match["said"] for line in failed.splitlines() if (match := _RAISED.search(line.strip()))]
    found = [text for text in raised if not _POINTS_ELSEWHERE.search(text)]
    return _cut(found[-1]) if found else said


def plain(error: BaseException) -> str:
    """Type and message of an exception on one line, without the wrapping by pydantic and others."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(line for line in lines if not _HINTS.search(line)).removeprefix("Value error, ")
    text = re.sub(r" \[type=\w+, input_value=.*$", "", text)
    return _cut(f"{type(error).__name__}: {text}") if text else type(error).__name__


def is_final(error: BaseException, words: str) -> bool:
    """Whether another boot on this machine would fail in the same way.

    Killed processes, a lack of memory, a timeout of the first request and unknown errors are transient. Errors that
    vLLM or the model's files raise are final.
    """
    return not (isinstance(error, _CHANGES) or _MEMORY.search(words) or _POINTS_ELSEWHERE.search(words))


def advice(words: str) -> str:
    """A remedy as a clause of the message; empty if the message itself contains one."""
    if _MEMORY.search(words):
        return "; lower max_model_len or max_num_seqs, or give it more memory: gpu_memory_utilization, tensor_parallel"
    return ""


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WORDS else text[:_WORDS].rsplit(" ", 1)[0] + " …"
