"""The spec of the engine `openai`: checks of its options, and the boot."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar
from urllib.parse import urlsplit

from operators.engines.base import EngineRefused, RunningEngine
from operators.engines.openai.faults import Fault
from operators.engines.openai.options import OpenAIOptions

_OURS = {"model", "messages", "stream", "stream_options", "n", "response_format"}
_OURS |= {"temperature", "top_p", "seed", "max_tokens", "max_completion_tokens"}
"""Keys of a request's body that have a field here or that the engine sets itself."""

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class OpenAIEngine(OpenAIOptions):
    """Captions from a model behind an OpenAI-compatible server.

    The API key is read from an environment variable on the machine where the engine runs; the spec holds only the
    variable's name. Limits of requests, tokens and concurrency apply to each running engine, which is one per actor.
    """

    version: ClassVar[int] = 1

    def check(self, *, images: bool, elsewhere: bool = False) -> None:  # noqa: ARG002  # only the server knows
        if find_spec("openai") is None and not elsewhere:
            raise ValueError("engine openai needs the package openai; install longcap[openai]")
        if not self.model:
            raise ValueError("engine openai: model is missing; write the name that the server gives its model")
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"engine openai: base_url {self.base_url!r} is no address; write https://host/v1")
        if url.username or url.password or url.query or url.fragment:  # not told: what stands there may be the key
            raise ValueError(
                f"engine openai: base_url of {url.hostname} has more than an address in it; write https://host/v1, and "
                "put the key into the environment variable that api_key_env names"
            )
        if self.api_key_env is not None:
            if not _VARIABLE.fullmatch(self.api_key_env):  # not told: the key itself may stand there by mistake
                raise ValueError(
                    "engine openai: api_key_env is no name of an environment variable in capitals, such as "
                    "OPENAI_API_KEY; the key itself has no place in a config"
                )
            key = os.environ.get(self.api_key_env, "").strip()
            if not key and not elsewhere:
                raise ValueError(
                    f"engine openai: the environment variable {self.api_key_env} is not set; put the key of "
                    f"{url.hostname} into it, name another with api_key_env, or write api_key_env: null to send none"
                )
            if not (key.isascii() and key.isprintable()):
                raise ValueError(
                    f"engine openai: the environment variable {self.api_key_env} does not hold a valid key: it has "
                    "characters that are not allowed in an HTTP header; set it again"
                )
        taken = sorted(_OURS & set(self.extra_body))
        if taken:
            raise ValueError(f"engine openai: extra_body must not hold {', '.join(taken)}: the engine's own fields do")
        for name in ("context_tokens", "tokens_per_minute"):
            room = getattr(self, name)
            if room is not None and room <= self.max_tokens:
                raise ValueError(
                    f"engine openai: {name} is {room} and an answer alone may take {self.max_tokens} tokens; "
                    f"raise {name} or lower max_tokens"
                )

    def reach(self) -> None:
        """Check that the server can be reached, accepts the key and has the model."""
        from operators.engines.openai.server import fault_before

        if (fault := fault_before(self, self._key())) is not None:
            raise ValueError(f"engine openai: {fault.message}{_to_do(fault)}")

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        from operators.engines.openai.running import running
        from operators.engines.openai.server import fault_before

        self.check(images=False)
        fault = fault_before(self, self._key())
        if fault is not None and not fault.again:  # a server that is away for a moment is asked again with each request
            raise EngineRefused(fault.message)
        with running(self, self._key()) as engine:
            yield engine

    def _key(self) -> str | None:
        return os.environ[self.api_key_env].strip() if self.api_key_env is not None else None


def _to_do(fault: Fault) -> str:
    return ": start it, or correct base_url" if fault.again else ""
