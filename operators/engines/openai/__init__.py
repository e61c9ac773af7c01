"""The engine `openai`: any server with OpenAI's chat completions API, such as a vLLM server or a vendor."""

from operators.engines.openai.engine import OpenAIEngine

__all__ = ["OpenAIEngine"]
