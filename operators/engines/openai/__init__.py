"""The engine `openai`: any server that speaks OpenAI's chat completions, a running vLLM or a vendor."""

from operators.engines.openai.engine import OpenAIEngine

__all__ = ["OpenAIEngine"]
