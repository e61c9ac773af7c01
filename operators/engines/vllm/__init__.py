"""The engine `vllm`: any model that vLLM supports, run inside the actor. vLLM is imported when the engine boots."""

from operators.engines.vllm.spec import VllmEngine

__all__ = ["VllmEngine"]
