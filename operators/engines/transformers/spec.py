"""The spec of the engine `transformers`: checks before a boot, and the boot itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from operators.engines.base import RunningEngine
from operators.engines.transformers.options import TransformersOptions
from operators.engines.vllm import hub, installed

_OURS = {
    "trust_remote_code": "trust_remote_code",
    "revision": "hub_revision",
    "dtype": "dtype",
    "torch_dtype": "dtype",
    "device_map": "gpu_count",
}
"""Argument of `from_pretrained` -> the engine's own key for it."""


@dataclass(frozen=True, kw_only=True)
class TransformersEngine(TransformersOptions):
    """A model in Hugging Face transformers, loaded once per actor. It answers one request at a time.

    Use it for models that vLLM does not serve: without batches and prefix cache it is many times slower. Code that
    comes with a checkpoint runs only with `trust_remote_code`. A model whose code is in a separate repository is called
    through `adapter`. Answers follow the schema of their request, except with `adapter`.
    """

    def check(self, *, images: bool, elsewhere: bool = False) -> None:
        """Check that PyTorch and transformers are installed, and that the model exists and may run.

        Raises:
            ValueError: one line that says what is missing and what to do.
        """
        needed = ("torch", "transformers") if self.adapter else ("torch", "transformers", "xgrammar")
        lacking = [name for name in needed if find_spec(name) is None]
        if lacking and not elsewhere:
            raise ValueError(f"engine transformers needs {' and '.join(lacking)}: pip install 'longcap[transformers]'")
        for name in self.model_args:
            if name in _OURS:
                raise ValueError(
                    f"engine transformers: model_args.{name} is not for here: use the engine's own key {_OURS[name]}"
                )
        if self.adapter is not None:
            if not elsewhere:
                self.load_adapter()
            return  # what the model's name means is the adapter's
        if installed.folder(self.model) is None and not hub.is_name(self.model):
            raise ValueError(
                f"engine transformers: the model {self.model!r} is no folder, and no name that a hub knows "
                f"(NAME or OWNER/NAME){hub.nearest_model(self.model)}"
            )
        if elsewhere:
            return
        installed.check_folder(self.model, engine="transformers")
        if images and installed.sees(self.model) is False:
            raise ValueError(
                f"engine transformers: the model {self.model} has no vision encoder, and captions frames: "
                "name a vision-language model, and keep this one for narrate.engine"
            )
        self._check_code()

    def _check_code(self) -> None:
        """Refuse a checkpoint that cannot run without its own code, where the user has not allowed that."""
        config = installed.config(self.model) or {}
        if self.trust_remote_code or not config.get("auto_map"):
            return
        from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

        if config.get("model_type") not in CONFIG_MAPPING_NAMES:
            raise ValueError(
                f"engine transformers: the model {self.model} runs only with Python code that comes with it: read that "
                "code, then set trust_remote_code: true and pin hub_revision to a commit"
            )

    def reach(self) -> None:
        """Check that a model given by name is in the local cache or on its hub."""
        if self.adapter is None and installed.folder(self.model) is None:
            try:
                hub.ask(self.model, self.hub_revision)
            except ValueError as error:
                raise ValueError(f"engine transformers: {error}") from error

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        from operators.engines.transformers.engine import Engine

        engine = Engine(self)
        try:
            engine.boot()
            yield engine
        finally:
            engine.close()
