"""Checks before the first request: whether the server can be reached, accepts the key, and has the model."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from operators.core.text import nearest
from operators.engines.openai.bounds import bounded_sync_client
from operators.engines.openai.faults import Fault, fault_of
from operators.engines.openai.options import OpenAIOptions

_ANSWER_S = 20.0
_MOST_BYTES = 16 * 2**20  # of a list of models: vendors have thousands

_log = logging.getLogger(__name__)


def fault_before(spec: OpenAIOptions, key: str | None) -> Fault | None:
    """The fault that would make every request of `spec` fail, as far as two small requests can tell, or None.

    The list of models is requested first. It may be incomplete, so a model that is not in it is asked for one token. A
    server that has no such list, or is too busy to answer, passes.
    """
    import openai

    http = bounded_sync_client(_MOST_BYTES)
    with openai.OpenAI(
        base_url=spec.base_url, api_key=key or "none", max_retries=0, timeout=_ANSWER_S, http_client=http
    ) as client:
        try:
            known = [model.id for model in client.models.list(extra_headers=_headers(key)).data or ()]
            if known and spec.model not in known:
                _ask(client, spec, key)
        except openai.NotFoundError as error:
            if error.request.method == "POST":  # else it has no list of models
                where = urlsplit(spec.base_url).netloc
                return Fault(message=f"the server at {where} knows no model {spec.model!r}{_known(spec.model, known)}")
        except openai.APITimeoutError:
            pass
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.APIConnectionError) as error:
            return _fault(error, spec, key)
        except Exception as error:  # busy, a page, a list of another form: its answers will tell
            _log.debug("%s was asked for its models: %r", spec.base_url, error)
    return None


def _ask(client: Any, spec: OpenAIOptions, key: str | None) -> None:
    """Request one token."""
    client.chat.completions.create(
        model=spec.model,
        messages=[{"role": "user", "content": "Say yes."}],
        extra_body={spec.max_tokens_key: 1},
        extra_headers=_headers(key),
    )


def _headers(key: str | None) -> dict[str, Any]:
    import openai

    return {} if key else {"Authorization": openai.Omit()}


def _fault(error: Exception, spec: OpenAIOptions, key: str | None) -> Fault | None:
    where = f"the server at {urlsplit(spec.base_url).netloc}"
    return fault_of(error, where=where, key_env=spec.api_key_env, key=key, model=spec.model)


def _known(model: str, known: list[str]) -> str:
    hint = nearest(model, known)
    if hint != ".":
        return hint
    return f"; it has {', '.join(sorted(known)[:5])}" + (f" and {len(known) - 5} more" if len(known) > 5 else "")
