"""Look-up of models by name in the local cache of a hub, and on the hub itself."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from operators.core.text import nearest

_NAME = re.compile(r"(?:[A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*")
_TRUE = frozenset({"1", "true", "yes", "on"})
_ANSWER_S = 10.0


def cache_folder() -> Path:
    """The cache folder of the hub's client: `HF_HUB_CACHE`, else `HF_HOME`/hub."""
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()


def is_name(model: str) -> bool:
    """Whether `model` has the form of a name on a hub: NAME or OWNER/NAME."""
    return _NAME.fullmatch(model) is not None and not {"--", ".."} & set(re.findall(r"--|\.\.", model))


def cached(model: str, revision: str | None = None) -> str | None:
    """Path of the model's config.json in the cache; None if it is not cached."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    try:
        found = try_to_load_from_cache(model, "config.json", cache_dir=cache_folder(), revision=revision)
    except ValueError:  # no name that a hub would know
        return None
    return found if isinstance(found, str) else None


def is_offline() -> bool:
    """Whether the environment forbids requests to a hub."""
    return any(os.environ.get(name, "").lower() in _TRUE for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def nearest_model(model: str) -> str:
    """`; did you mean X?` for the cached model, or the folder on this machine, with the name most like `model`."""
    known = {path.name.removeprefix("models--").replace("--", "/") for path in cache_folder().glob("models--*")}
    parent = Path(model).expanduser().parent
    if str(parent) != "." and parent.is_dir():
        known |= {str(parent / path.name) for path in parent.iterdir() if path.is_dir()}
    return nearest(model, sorted(known)).removesuffix(".")


def ask(model: str, revision: str | None = None) -> None:
    """Check that the hub has the model. Takes a few seconds at most.

    A model without a config.json passes, because some formats have none. All models pass if the hub's client is not
    installed or another hub is used (`VLLM_USE_MODELSCOPE`).

    Raises:
        ValueError: the hub does not have the model or cannot be reached, or the model is not cached and the environment
            forbids requests; one line.
    """
    if os.environ.get("VLLM_USE_MODELSCOPE", "").lower() in _TRUE or not is_name(model) or cached(model, revision):
        return
    try:
        from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url
    except ImportError:
        return
    lacking = f"the model {model} is no folder, and not in the local cache ({cache_folder()})"
    if is_offline():
        raise ValueError(f"{lacking}, and HF_HUB_OFFLINE forbids to fetch it{nearest_model(model)}")
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    try:
        url = hf_hub_url(model, "config.json", revision=revision, endpoint=endpoint)
        get_hf_file_metadata(url, endpoint=endpoint, timeout=_ANSWER_S)
    except errors.GatedRepoError:
        raise ValueError(
            f"the model {model} is gated: accept its terms at {endpoint}/{model} and set HF_TOKEN"
        ) from None
    except errors.RevisionNotFoundError:
        raise ValueError(f"the model {model} has no revision {revision} on {endpoint}") from None
    except errors.RepositoryNotFoundError:
        raise ValueError(
            f"{endpoint} knows no model {model}, or it is private and HF_TOKEN does not open it{nearest_model(model)}"
        ) from None
    except errors.EntryNotFoundError:
        return
    except Exception as error:  # of the client, of its HTTP library: all mean one thing here
        raise ValueError(
            f"{lacking}, and {endpoint} cannot be reached ({_words(error)}){nearest_model(model)}"
        ) from error


def _words(error: Any) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:160]
