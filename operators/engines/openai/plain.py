"""A client for servers of embeddings and transcriptions, with one request at a time.

As in the engine `openai`, the key is sent only to the configured server, the size of responses is limited, and messages
never contain the key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from operators.core.base import ItemError
from operators.engines.openai.bounds import bounded_sync_client
from operators.engines.openai.engine import OpenAIEngine
from operators.engines.openai.faults import fault_of

_MOST_BYTES = 64 * 2**20  # of one response: a thousand vectors as text


class PlainServer:
    """A server behind `base_url`.

    Args:
        what: its user in messages, such as "embedder server".
        api_key_env: environment variable with the key; with None no key is sent.
    """

    def __init__(self, what: str, *, model: str, base_url: str, api_key_env: str | None) -> None:
        self._what, self._model, self._base_url, self._key_env = what, model, base_url, api_key_env
        self._key = (os.environ.get(api_key_env, "").strip() if api_key_env else "") or None

    def check(self, *, elsewhere: bool) -> None:
        """Check for problems that would make every request fail.

        Raises:
            ValueError: one line that says what does not fit.
        """
        spec = OpenAIEngine(model=self._model, base_url=self._base_url, api_key_env=self._key_env)
        try:
            spec.check(images=False, elsewhere=elsewhere)
        except ValueError as error:
            raise ValueError(str(error).replace("engine openai", self._what)) from None

    @contextmanager
    def client(self, *, timeout_s: float, retries: int) -> Iterator[Any]:
        """An `openai.OpenAI` client with limited responses."""
        import openai

        with openai.OpenAI(
            base_url=self._base_url,
            api_key=self._key or "none",
            timeout=timeout_s,
            max_retries=retries,
            http_client=bounded_sync_client(_MOST_BYTES),
        ) as client:
            yield client

    @property
    def headers(self) -> dict[str, Any]:
        """Headers of each request; without a key they contain no authorization."""
        import openai

        return {} if self._key else {"Authorization": openai.Omit()}

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Convert exceptions of a request to an `ItemError` of class `engine`, without the key."""
        where = f"the server at {urlsplit(self._base_url).netloc}"
        try:
            yield
        except Exception as error:  # the client's, the HTTP package's, our bounds': `fault_of` knows which are which
            fault = fault_of(error, where=where, key_env=self._key_env, key=self._key, model=self._model)
            if fault is None:
                raise
            raise ItemError("engine", fault.message) from error
