"""The engine `vllm`: any model that vLLM serves, inside the actor. vLLM itself is imported when the engine boots."""

from operators.engines.vllm.spec import VllmEngine

__all__ = ["VllmEngine"]
